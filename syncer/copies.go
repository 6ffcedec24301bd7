package syncer

import (
	"cmp"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// policy is how copies are made here.
type policy struct {
	at       scope
	cluster  string // our cluster's name
	metadata CopyMetadata
	grace    time.Duration // for how long copies outlive a source that was deleted
}

// view is what there is to know about one target.
type view struct {
	target ref
	open   bool      // the namespace exists, is not being deleted, and it is known what is there and what Ingresses ask for
	shut   bool      // the namespace has opted out
	wants  []*object // sources whose copy should be here, other than the target itself
	held   *object   // what is here, or nil as far as is known; what is foreign is known once it was met
	// Of the source that held came from: itself, if it still is one; else since when it has been missing, unless its
	// namespace is one that is not seen.
	origin  *object
	missing time.Time
	unseen  bool

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
	hurry  bool // again: to remove what is held
	drift  bool // update: somebody changed what we had written
	given  bool // what is held was not ours and becomes ours
}

// plan decides. It is a function of its arguments alone.
//
//	wanted     held                                     →
//	any        namespace is absent or ends              keep
//	any        ours, its source's list of keys unjudged readSource: it may be wrong; unless it wants the place itself
//	no         nothing, not ours, on its way out        keep
//	no         ours, its source's namespace not seen    keep, unless the namespace has opted out
//	no         ours, its source's annotations invalid   keep, unless the namespace has opted out
//	no         ours, its source missing for < grace     keep, again when grace is over
//	no         ours, otherwise                          remove
//	no         left by kubed                            keep: it may be somebody's clone
//	yes        foreign, a source, another's copy        blocked
//	yes        left by kubed, of none that wants it     blocked
//	yes        ours, its source's namespace not seen    blocked: it may be wanted still
//	yes        ours or given, on its way out            keep: its end is an event
//	yes        ours, of an older source that is invalid keep: it may be wanted still
//	yes        nothing                                  create
//	yes        given                                    update, and no longer offered
//	yes        ours, proved, of the source's very state keep, without the source's data
//	yes        ours, proved, hash as it should be       keep
//	yes        ours, not proved, hash as it should be   readCopy, then keep or update
//	yes        ours, hash, label or annotation differs  update
//
// Given is what is offered, also if it is another's copy, and what kubed left of a source that wants it. Proved means that
// nobody but us changed the content (see owned, and object.checked). Where a line needs the source's data and v has none:
// readSource. Updates may turn into replace, see write.
func (p policy) plan(v view, now time.Time) plan {
	if !v.open {
		return plan{}
	}
	if v.held.is(roleCopy) && v.origin.unjudged() && !slices.ContainsFunc(v.wants, v.origin.same) {
		return plan{verb: readSource, source: v.origin}
	}
	if len(v.wants) == 0 {
		return p.unwanted(v, now)
	}
	wants := slices.SortedFunc(slices.Values(v.wants), older)
	d := plan{source: wants[0], losers: wants[1:]}
	d.given = p.given(v)
	switch {
	case v.held == nil:
		return p.write(d, v)
	case !d.given && (!v.held.is(roleCopy) || !p.ours(v.held, v.origin) || v.unseen):
		d.verb = blocked
		return d
	case v.held.DeletionTimestamp != nil:
		return d
	case d.given:
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
	case (v.unseen || v.origin != nil && v.origin.wrong != nil) && !v.shut:
		return plan{}
	case v.origin == nil && now.Before(v.missing.Add(p.grace)):
		return plan{again: v.missing.Add(p.grace).Sub(now), hurry: true}
	}
	return plan{verb: remove}
}

// ours tells our copies from those that another cluster's wildcast made here. The UID of a living source proves more
// than a name of a cluster, which may be edited or given anew.
func (p policy) ours(held, source *object) bool {
	cluster, marked := held.Labels[LabelOriginCluster]
	return !marked || cluster == LabelValue(p.cluster) || source.is(roleSource) && source.UID == held.origin.UID
}

// given reports whether what is held is there to become a copy of ours.
func (p policy) given(v view) bool {
	switch {
	case v.held.is(roleOffered):
		return true
	case v.held.is(roleCopy):
		return v.held.Annotations[AnnotationAdopt] == "true" && !p.ours(v.held, v.origin)
	}
	return v.held.is(roleKubed) && p.comesFrom(v.held, v.wants)
}

// comesFrom reports whether what kubed left is a copy of one of the sources. Kubed knew them by their names: it wrote over
// the copies of a source that was made again, and whatever the cluster was called. In another cluster a name says nothing:
// kubed may run there too.
func (p policy) comesFrom(left *object, sources []*object) bool {
	return slices.ContainsFunc(sources, func(o *object) bool {
		return o.ref() == left.origin.ref() && (p.at.context == "" || o.UID == left.origin.UID)
	})
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
	if d.verb == replace {
		labels, annotations := p.dress(v.held, d.source, origin, hash)
		handOn(&d.copy.meta, labels, annotations)
	}
	return d
}
