package syncer

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// CopyMetadata says which labels and annotations of a source its copies get.
type CopyMetadata string

const (
	// CopySafe leaves out what binds an object to the tool that manages it: last-applied-configuration, and the
	// marks of Argo CD and Helm.
	CopySafe CopyMetadata = "safe"
	// CopyAll copies all.
	CopyAll CopyMetadata = "all"
	// CopyNone copies none.
	CopyNone CopyMetadata = "none"
)

// policy is how copies are made here.
type policy struct {
	cluster  string // our cluster's name
	metadata CopyMetadata
	grace    time.Duration // for how long copies outlive a source that was deleted
}

// view is what there is to know about one target.
type view struct {
	target ref
	open   bool      // the namespace exists and is not being deleted
	shut   bool      // the namespace has opted out
	wants  []*object // sources whose copy should be here, other than the target itself
	held   *object   // what is here: a copy, an offered object, a source, or nil as far as is known
	// Of the source that held came from: itself, if it still is one; else since when it has been missing.
	origin  *object
	missing time.Time

	data *content // a source, if one has been read
	live *payload // of what is held, if it has been read
}

// verb is what to do at a target.
type verb int

const (
	keep       verb = iota // nothing
	readSource             // plan again with the source's data: nothing can be told without
	readCopy               // plan again with the held copy's data: somebody may have changed it
	create
	update
	replace // delete and create
	remove
	blocked // what is held is not ours
)

// plan is a decision about one target.
type plan struct {
	verb
	source *object   // whose copy is or should be here; nil if none
	losers []*object // younger sources that want the target too
	copy   content   // to create or update
	again  time.Duration
	drift  bool // update: somebody changed what we had written
}

// plan decides. It is a function of its arguments alone.
//
//	wanted     held                                     →
//	any        namespace is absent or ends              keep
//	no         nothing, not ours, on its way out        keep
//	no         ours, its source's annotations invalid   keep, unless the namespace has opted out
//	no         ours, its source missing for < grace     keep, again when grace is over
//	no         ours, otherwise                          remove
//	yes        ours or offered, on its way out          keep: its end is an event
//	yes        a source, another cluster's copy         blocked
//	yes        ours, of an older source that is invalid keep: it may be wanted still
//	yes        nothing                                  create
//	yes        offered                                  update, and no longer offered
//	yes        ours, proved, of the source's very state keep, without the source's data
//	yes        ours, proved, hash as it should be       keep
//	yes        ours, not proved, hash as it should be   readCopy, then keep or update
//	yes        ours, hash, label or annotation differs  update
//
// Proved means that nobody but us changed the content (see owned, and object.checked). Where a line needs the source's
// data and v has none: readSource. Updates may turn into replace, see write.
func (p policy) plan(v view, now time.Time) plan {
	if !v.open {
		return plan{}
	}
	if len(v.wants) == 0 {
		return p.unwanted(v, now)
	}
	wants := slices.SortedFunc(slices.Values(v.wants), older)
	d := plan{source: wants[0], losers: wants[1:]}
	switch {
	case v.held == nil:
		return p.write(d, v)
	case v.held.is(roleSource), v.held.is(roleCopy) && !p.ours(v.held, v.origin):
		d.verb = blocked
		return d
	case v.held.DeletionTimestamp != nil:
		return d
	case v.held.is(roleOffered):
		return p.write(d, v)
	case v.origin != nil && v.origin.wrong != nil && older(v.origin, d.source) < 0:
		return plan{}
	}
	return p.compare(d, v)
}

// older orders sources: the one that was there first wins. Creation is known to the second only.
func older(a, b *object) int {
	return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time),
		strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
}

// unwanted is the upper half of the table.
func (p policy) unwanted(v view, now time.Time) plan {
	switch {
	case !v.held.is(roleCopy), !p.ours(v.held, v.origin), v.held.DeletionTimestamp != nil:
		return plan{}
	case v.origin != nil && v.origin.wrong != nil && !v.shut:
		return plan{}
	case v.origin == nil && now.Before(v.missing.Add(p.grace)):
		return plan{again: v.missing.Add(p.grace).Sub(now)}
	}
	return plan{verb: remove}
}

// ours tells our copies from those that another cluster's wildcast made here. The UID of a living source proves more
// than a name of a cluster, which may be edited or given anew.
func (p policy) ours(held, source *object) bool {
	cluster, marked := held.Labels[LabelOriginCluster]
	return !marked || cluster == LabelValue(p.cluster) || source.is(roleSource) && source.UID == held.origin.UID
}

// compare is the lower half of the table: a copy of ours is held.
func (p policy) compare(d plan, v view) plan {
	same := v.held.origin.same(originOf(d.source))
	unmoved := same && v.held.origin.ResourceVersion == d.source.ResourceVersion
	edited := v.held.owned.claimed && !unmoved // the origin, of which a part does not matter otherwise
	dressed := same && !edited && p.dressed(v.held, d.source)
	if dressed && unmoved && v.held.proved() {
		return d
	}
	data, read := v.dataOf(d.source)
	if !read {
		d.verb = readSource
		return d
	}
	written := data.hash(d.source.UID) == v.held.hash()
	proved := v.held.proved() || v.live != nil && v.live.equal(data)
	switch {
	case dressed && written && proved:
		return d
	case dressed && written && v.live == nil:
		d.verb = readCopy
		return d
	}
	d.drift = unmoved || edited || same && written && !proved
	return p.write(d, v)
}

// dataOf is what copies of source carry, if the source has been read in the state that is known.
func (v view) dataOf(source *object) (payload, bool) {
	if v.data == nil || v.data.meta.UID != source.UID || v.data.meta.ResourceVersion != source.ResourceVersion {
		return payload{}, false
	}
	return v.data.only(source.rule.Keys), true
}

// write plans a write of the whole copy over what is held.
//
//	held                                              →
//	nothing                                           create
//	of another type, or immutable with other content  replace
//	immutable, content not read                       readCopy: a copy is not taken away on suspicion
//	otherwise                                         update
func (p policy) write(d plan, v view) plan {
	data, read := v.dataOf(d.source)
	if !read {
		d.verb = readSource
		return d
	}
	origin, hash := originOf(d.source).String(), data.hash(d.source.UID)
	switch {
	case v.held == nil:
		d.verb = create
	case v.live == nil && v.held.owned.immutable:
		d.verb = readCopy
		return d
	case v.live != nil && (v.live.Type != data.Type || v.live.Immutable && !v.live.equal(data)):
		d.verb = replace
	default:
		d.verb = update
		d.copy = content{v.held.ObjectMeta, data}
		d.copy.meta.Labels, d.copy.meta.Annotations = p.dress(v.held, d.source, origin, hash)
		return d
	}
	bare := &object{ObjectMeta: metav1.ObjectMeta{Namespace: v.target.Namespace, Name: v.target.Name}}
	d.copy = content{bare.ObjectMeta, data}
	d.copy.meta.Labels, d.copy.meta.Annotations = p.dress(bare, d.source, origin, hash)
	return d
}

// dressed reports whether the labels and annotations of a copy are as they should be.
func (p policy) dressed(held, source *object) bool {
	labels, annotations := p.dress(held, source, held.Annotations[AnnotationOrigin], held.hash())
	return maps.Equal(labels, held.Labels) && maps.Equal(annotations, held.Annotations)
}

// dress gives the labels and annotations that held should have: those that a copy of source carries, and those that
// others have put on held. What we put there earlier and would not put there now goes.
func (p policy) dress(held, source *object, origin, hash string) (labels, annotations map[string]string) {
	labels = p.carried(source.Labels)
	labels[LabelOriginNamespace] = LabelValue(source.Namespace)
	labels[LabelOriginName] = LabelValue(source.Name)
	if p.cluster != "" {
		labels[LabelOriginCluster] = LabelValue(p.cluster)
	}
	annotations = p.carried(source.Annotations)
	annotations[AnnotationTarget] = held.Namespace + "/" + held.Name
	annotations[AnnotationOrigin] = origin
	annotations[AnnotationHash] = hash

	keepOthers(labels, held.Labels, held.owned.labels)
	keepOthers(annotations, held.Annotations, held.owned.annotations)
	if held.is(roleOffered) {
		delete(annotations, AnnotationAdopt)
	}
	return labels, annotations
}

// keepOthers adds to want what is there and was not put there by us.
func keepOthers(want, there map[string]string, ours []string) {
	for key, value := range there {
		if _, wanted := want[key]; !wanted && !slices.Contains(ours, key) {
			want[key] = value
		}
	}
}

// carried are those labels or annotations of a source that its copies get.
func (p policy) carried(from map[string]string) map[string]string {
	to := make(map[string]string, len(from)+3)
	for key, value := range from {
		if p.carries(key) {
			to[key] = value
		}
	}
	return to
}

func (p policy) carries(key string) bool {
	if addressed(key) || p.metadata == CopyNone {
		return false
	}
	return p.metadata == CopyAll || !bound(key)
}

// addressed reports whether a label or annotation tells wildcast, or kubed, how to treat the object that carries it, or
// whence that came. It would be wrong on a copy. What wildcast writes for people is none of these: the names and dates
// of a certificate are as true of a copy.
func addressed(key string) bool {
	switch key {
	case AnnotationAdopt, AnnotationTarget, AnnotationHash, annotationRenew, labelManaged:
		return true
	}
	return strings.HasPrefix(key, AnnotationSync) || strings.HasPrefix(key, AnnotationOrigin) || strings.HasPrefix(key, kubedPrefix)
}

// bound reports whether a label or annotation binds an object to a tool, which would take a copy for its own: prune it,
// or adopt it.
func bound(key string) bool {
	switch key {
	case corev1.LastAppliedConfigAnnotation, "app.kubernetes.io/instance", "app.kubernetes.io/managed-by":
		return true
	}
	prefix, _, _ := strings.Cut(key, "/")
	return prefix == "argocd.argoproj.io" || prefix == "meta.helm.sh" || prefix == "helm.sh"
}

// LabelValue is text as the value of a label: itself up to 63 characters, else its beginning, "-" and 8 digits of a hash.
func LabelValue(text string) string {
	const most, digits = 63, 8
	if len(text) <= most {
		return text
	}
	sum := sha256.Sum256([]byte(text))
	return text[:most-digits-1] + "-" + hex.EncodeToString(sum[:])[:digits]
}
