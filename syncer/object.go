package syncer

import (
	"encoding/json"
	"errors"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// role is what an object is to us.
//
//	origin and target annotation, the target being the object itself    copy, see scope.target; another cluster's may be offered, see policy.given
//	else: a sync annotation, ours not "false", in a source namespace    source, but see below, and not a standing certificate
//	else: the adopt annotation with "true"                              offered
//	else: kubed's origin annotation, naming a namesake elsewhere        left by kubed
//	else                                                                foreign
//
// Kubed puts its origin annotation on sources too: on one whose namespace its selector selects, naming itself, and on one
// over which it has written another of the same name. Both are sources. But what kubed made carries all annotations of its
// source, ours included, other than kubed's own: there only kubed's marks a source.
type role int

const (
	roleForeign role = iota // nothing to us; the index forgets it
	roleSource              // is copied elsewhere
	roleCopy                // a copy that wildcast made: ours, or another cluster's
	roleOffered             // somebody's, handed over to become a copy
	roleKubed               // a copy that kubed made, or somebody's clone of one
)

// object is what the index knows of one object. It is never changed once made.
type object struct {
	metav1.ObjectMeta // without managedFields

	role   role
	rule   *Rule      // of a source that is in order
	wrong  *RuleError // of a source that is not
	judged bool       // of a source that lists keys: it is known whether it has any of them, see keys.go
	origin origin     // of a copy, ours or kubed's
	owned  owned      // of a copy or an offered object
	// checked: the content of this very resourceVersion is known to be what the hash annotation stands for.
	checked bool
}

// readObject reads an object's metadata. The result may share maps with meta.
func readObject(meta metav1.ObjectMeta, in scope) *object {
	o := &object{ObjectMeta: meta, role: roleForeign}
	o.ManagedFields = nil
	if origin, ok := readOrigin(o, in); ok {
		o.role, o.origin, o.owned = roleCopy, origin, readOwned(meta.ManagedFields)
		o.Labels, o.Annotations = alike(o.Labels), alike(o.Annotations)
		return o
	}
	from, kubeds := readKubedOrigin(o, in)
	_, stamped := first(meta.Annotations, AnnotationKubedSync, AnnotationKubedSyncContexts)
	rule, err := ParseRule(meta.Name, meta.Annotations)
	if meta.Labels[labelStanding] == "true" {
		rule, err = nil, nil
	}
	if (rule != nil || err != nil) && in.has(meta.Namespace) && (stamped || !kubeds) {
		o.role, o.rule = roleSource, rule
		o.wrong, _ = errors.AsType[*RuleError](err)
		return o
	}
	switch {
	case meta.Annotations[AnnotationAdopt] == "true":
		o.role, o.owned = roleOffered, readOwned(meta.ManagedFields)
	case kubeds:
		o.role, o.origin, o.owned = roleKubed, from, readOwned(meta.ManagedFields)
	}
	return o
}

// scope is where objects are read.
type scope struct {
	context    string // that leads to the cluster; empty: the home cluster
	namespaces        // whose objects may be sources
}

// target is the text of [AnnotationTarget] on a copy at a place.
func (s scope) target(namespace, name string) string {
	if s.context == "" {
		return namespace + "/" + name
	}
	return s.context + "/" + namespace + "/" + name
}

// namespaces is a set of namespaces; the empty set stands for all.
type namespaces []string

func (n namespaces) has(namespace string) bool {
	return len(n) == 0 || slices.Contains(n, namespace)
}

func (o *object) ref() ref { return ref{Namespace: o.Namespace, Name: o.Name} }

// same reports whether o and p have one place, perhaps at different times.
func (o *object) same(p *object) bool { return o.ref() == p.ref() }

func (o *object) is(r role) bool { return o != nil && o.role == r }

// hash is the digest of the content that a copy was given.
func (o *object) hash() string { return o.Annotations[AnnotationHash] }

// proved reports whether the content of a copy is known to be the one that its hash stands for.
func (o *object) proved() bool { return o.checked || o.owned.intact(o.hash()) }

// origin is the text of [AnnotationOrigin]; the order of its fields is kubed's.
type origin struct {
	Namespace       string    `json:"namespace"`
	Name            string    `json:"name"`
	UID             types.UID `json:"uid"`
	ResourceVersion string    `json:"resourceVersion"`
}

func originOf(source *object) origin {
	return origin{source.Namespace, source.Name, source.UID, source.ResourceVersion}
}

func (o origin) ref() ref { return ref{Namespace: o.Namespace, Name: o.Name} }

// same reports whether o and p are one object, perhaps at different times.
func (o origin) same(p origin) bool { return o.ref() == p.ref() && o.UID == p.UID }

func (o origin) String() string {
	text, _ := json.Marshal(o) // strings always marshal
	return string(text)
}

// readOrigin reads where a copy came from. It is false unless the object is a copy: it has an origin, and the target
// annotation names the object itself.
func readOrigin(o *object, in scope) (origin, bool) {
	if o.Annotations[AnnotationTarget] != in.target(o.Namespace, o.Name) {
		return origin{}, false
	}
	return parseOrigin(o.Annotations[AnnotationOrigin])
}

// readKubedOrigin reads where a copy that kubed made came from. It is false unless the object is as kubed makes copies:
// under the name of the source, in another namespace or cluster.
func readKubedOrigin(o *object, in scope) (origin, bool) {
	from, ok := parseOrigin(o.Annotations[AnnotationKubedOrigin])
	return from, ok && from.Name == o.Name && (from.Namespace != o.Namespace || in.context != "")
}

func parseOrigin(text string) (origin, bool) {
	from := origins.of(text)
	return from, from.Name != ""
}

// origins is the zero origin for what is none.
var origins = newMemo(func(text string) origin {
	var from origin
	if text == "" || json.Unmarshal([]byte(text), &from) != nil || from.Namespace == "" {
		return origin{}
	}
	return from
})
