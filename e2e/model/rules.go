package model

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// World is what users have made, as far as they know.
type World struct {
	// Cluster is wildcast's name for it.
	Cluster string
	// Namespaces are those that exist and are not being deleted, with their labels.
	Namespaces map[string]map[string]string
	// Full are the namespaces in which a quota forbids new objects.
	Full map[string]bool
	// Objects are those that are nobody's copies: sources and others.
	Objects map[Place]Object
	// Kept are copies of a source that is in disorder: as they were then, or as users have made them since.
	Kept map[Place]Object
	// Dressed is what users have put on objects.
	Dressed map[Place]Dress
	// Shared are labels of users that a source has had too, so that copies may have got them from it, and lost them.
	Shared map[string]bool

	past past
}

// Dress is what users have put on an object, which stays when wildcast writes it, also when it has to delete it for that
// and make it again.
type Dress struct {
	UID  string            // of the object
	Must map[string]string // labels that nobody but users would put there
	May  map[string]bool   // labels and annotations that users have set or changed; where they leave them is open
}

// past are the states that there have been since wildcast was last at rest, which includes those of then.
type past struct {
	labels  map[string][]map[string]string // of namespaces
	objects []Object
}

// rule is what the annotations of a source ask for.
type rule struct {
	name    string
	keys    []string // nil: all
	selects func(labels map[string]string) bool
	wrong   bool
	kubed   bool // copies carry kubed's marks too
}

const (
	prefix = "wildcast.dev/"
	kubed  = "kubed.appscode.com/"
	// userLabel begins the names of labels that users put on copies.
	userLabel = "user.example/"
)

// open reports whether objects can be made at a place.
func (w *World) open(at Place) bool { _, open := w.Namespaces[at.Namespace]; return open }

// rule reads an object's. It is false if the object is no source.
func (w *World) rule(o Object) (rule, bool) {
	text, marked := o.Annotations[prefix+"sync"]
	kubeds, dialect := o.Annotations[kubed+"sync"]
	_, copied := originOf(o)
	_, byKubed := kubedOriginOf(o)
	switch {
	case copied, byKubed && !dialect, o.Type == "helm.sh/release.v1", marked && text == "false", !marked && !dialect:
		return rule{}, false
	case !marked:
		text = kubeds
	}
	r := rule{name: o.Name, selects: selector(text), kubed: dialect}
	r.wrong = r.selects == nil
	if as, found := o.Annotations[prefix+"sync-as"]; found {
		r.name = as
		r.wrong = r.wrong || !objectName.MatchString(as)
	}
	if list, found := o.Annotations[prefix+"sync-keys"]; found {
		r.keys = strings.FieldsFunc(list, func(c rune) bool { return c == ',' || c == ' ' })
		r.wrong = r.wrong || !slices.ContainsFunc(r.keys, o.has)
	}
	return r, true
}

var objectName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`)

// selector is what a text of the annotation selects, nil if it is no selector. The texts are few, so that there is no
// need of a parser that could have the same faults as the real one.
func selector(text string) func(map[string]string) bool {
	switch text {
	case "", "true":
		return func(map[string]string) bool { return true }
	case "team=web":
		return func(l map[string]string) bool { return l["team"] == "web" }
	case "team in (web, ops)":
		return func(l map[string]string) bool { return l["team"] == "web" || l["team"] == "ops" }
	case "env=prod,team":
		return func(l map[string]string) bool { return l["env"] == "prod" && l["team"] != "" }
	case "!env":
		return func(l map[string]string) bool { _, found := l["env"]; return !found }
	case "team!=web":
		return func(l map[string]string) bool { return l["team"] != "web" }
	case "team=nobody", "false": // kubed takes the latter for the name of a label, which none has
		return func(map[string]string) bool { return false }
	}
	return nil
}

// into tells whether copies of a source belong in a namespace with these labels.
func (r rule) into(labels map[string]string) bool {
	return !r.wrong && labels[prefix+"sync"] != "false" && r.selects(labels)
}

// origin is where a copy says that it is from.
type origin struct{ Namespace, Name, UID, ResourceVersion string }

func (o origin) place() Place { return Place{Namespace: o.Namespace, Name: o.Name} }

// originOf reads the marks of a copy. It is false unless the object names itself as the target.
func originOf(o Object) (origin, bool) {
	var from origin
	err := json.Unmarshal([]byte(o.Annotations[prefix+"origin"]), &from)
	return from, err == nil && from.Namespace != "" && from.Name != "" && o.Annotations[prefix+"target"] == o.Place.String()
}

// kubedOriginOf reads the mark that kubed puts on copies, which have the name of their source, in another namespace.
func kubedOriginOf(o Object) (origin, bool) {
	var from origin
	err := json.Unmarshal([]byte(o.Annotations[kubed+"origin"]), &from)
	return from, err == nil && from.Name == o.Name && from.Namespace != "" && from.Namespace != o.Namespace
}

// left tells from where kubed made an object, if that is what it is, whoever put it there.
func (w *World) left(o Object) (Place, bool) {
	_, source := w.rule(o)
	_, copied := originOf(o)
	from, byKubed := kubedOriginOf(o)
	return from.place(), byKubed && !copied && !source && !w.offered(o)
}

// ours reports whether an object is a copy that this cluster's wildcast may change.
func (w *World) ours(o Object) bool {
	from, copied := originOf(o)
	cluster, marked := o.Labels[prefix+"origin.cluster"]
	source := w.Objects[from.place()]
	_, living := w.rule(source)
	return copied && (!marked || cluster == w.Cluster || living && source.UID == from.UID)
}

// offered reports whether an object is handed over, be it a copy that another cluster's wildcast made.
func (w *World) offered(o Object) bool {
	_, source := w.rule(o)
	return !source && !w.ours(o) && o.Annotations[prefix+"adopt"] == "true"
}

// winners are the sources of which a copy belongs at each place: the oldest that selects it.
func (w *World) winners() map[Place]Object {
	first := map[Place]Object{}
	for _, source := range w.Objects {
		for namespace, labels := range w.Namespaces {
			r, _ := w.rule(source)
			at := Place{Namespace: namespace, Name: r.name}
			if !w.wants(source, at, labels) {
				continue
			}
			if other, taken := first[at]; !taken || older(source, other) {
				first[at] = source
			}
		}
	}
	return first
}

// wants tells whether an object is a source of which a copy belongs at a place in a namespace with these labels.
func (w *World) wants(o Object, at Place, labels map[string]string) bool {
	r, source := w.rule(o)
	return source && r.name == at.Name && at != o.Place && r.into(labels)
}

func older(a, b Object) bool {
	if !a.Created.Equal(b.Created) {
		return a.Created.Before(b.Created)
	}
	return a.Namespace < b.Namespace || a.Namespace == b.Namespace && a.Name < b.Name
}

// keeper is the source in disorder for whose sake there is no change at a place.
func (w *World) keeper(at Place) (Object, bool) {
	kept, found := w.Kept[at]
	labels, open := w.Namespaces[at.Namespace]
	if !found || !open || labels[prefix+"sync"] == "false" {
		return Object{}, false
	}
	from, _ := originOf(kept)
	source := w.Objects[from.place()]
	r, marked := w.rule(source)
	return source, marked && r.wrong
}

// might tells whether such a source could have been seen to want the place at some time since the last rest.
func (w *World) might(at Place, such func(Object) bool) bool {
	return slices.ContainsFunc(w.past.labels[at.Namespace], func(labels map[string]string) bool {
		return slices.ContainsFunc(w.past.objects, func(o Object) bool { return such(o) && w.wants(o, at, labels) })
	})
}

func anyone(Object) bool { return true }

// shut tells whether a namespace could have been seen to have opted out since the last rest.
func (w *World) shut(namespace string) bool {
	return slices.ContainsFunc(w.past.labels[namespace], func(labels map[string]string) bool { return labels[prefix+"sync"] == "false" })
}

// content is what a copy of source carries.
func (w *World) content(source Object) Content {
	r, _ := w.rule(source)
	if r.keys == nil {
		return source.Content
	}
	c := Content{Type: source.Type, Immutable: source.Immutable, Data: maps.Clone(source.Data), Binary: maps.Clone(source.Binary)}
	for _, all := range []map[string]string{c.Data, c.Binary} {
		maps.DeleteFunc(all, func(key, _ string) bool { return !slices.Contains(r.keys, key) })
	}
	_, cert := c.Data["tls.crt"]
	_, key := c.Data["tls.key"]
	if c.Type == "kubernetes.io/tls" && !(cert && key) {
		c.Type = "Opaque" // a Secret of that type must have both
	}
	return c
}

// carried are the labels or annotations of a source that its copies get.
func carried(from map[string]string) map[string]string {
	to := map[string]string{}
	for key, value := range from {
		if !slices.ContainsFunc(left, func(l string) bool { return strings.HasPrefix(key, l) }) {
			to[key] = value
		}
	}
	return to
}

// left begin the names that stay with the source.
var left = []string{
	prefix, kubed, "kubectl.kubernetes.io/last-applied-configuration",
	"argocd.argoproj.io/", "app.kubernetes.io/instance", "app.kubernetes.io/managed-by", "meta.helm.sh/", "helm.sh/",
}
