package syncer

import (
	"fmt"
	"maps"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/client-go/tools/cache"
)

// index is the store behind the watch of one kind. It keeps the metadata of sources, copies, offered objects and what
// kubed left, and forgets every other object, so that its size does not depend on what other people have.
//
// Our own writes are put in as soon as the API server has answered, and the newer resourceVersion wins: the next
// decision never works on a state older than our last write, and the echo of that write changes nothing. An answer that
// comes after the watch has told of the write and of the end of what was written is too late. A list that is older than
// what was told before counts whatever is held: time has gone back.
type index struct {
	scope scope
	// changed is called after an object changed, appeared (before is nil) or went (after is nil), and with neither
	// after one that was foreign, or that we delete, went; never with the lock held. It does no I/O.
	changed func(at ref, before, after *object)
	// refilled is called after all objects were listed, of one namespace or with the empty name of all: foreign ones may
	// have gone unseen.
	refilled func(namespace string)
	// noticed is called with the name of every object that the watch brings, before changed, and with the empty name
	// after all were listed. It does no I/O.
	noticed func(at ref)
	// parted is called when a source has gone, or is none any more, which has no time; with the lock held.
	parted func(source ref, when time.Time)
	// reverted is called when time has gone back, before changed: what was read may never have been.
	reverted func()

	fills map[string]*fill // by the namespace that is watched; the empty name stands for all

	mu       sync.RWMutex
	objects  map[ref]*object
	sources  map[ref]*object
	named    groups[string] // sources by the name of their copies
	from     groups[ref]    // copies by their source
	within   groups[string] // copies by namespace
	gone     map[ref]time.Time
	deleting map[types.UID]bool   // objects whose deletion by us is under way, and whether their end has been seen
	deleted  map[types.UID]string // objects that we deleted and whose end has not been seen yet, and their namespace
}

// index is a store for cache.Reflector.
var _ cache.TransformingStore = (*index)(nil)

func newIndex(in scope, changed func(at ref, before, after *object), refilled func(namespace string)) *index {
	x := &index{
		scope:    in,
		changed:  changed,
		refilled: refilled,
		noticed:  func(ref) {},
		parted:   func(ref, time.Time) {},
		reverted: func() {},
		objects:  map[ref]*object{},
		sources:  map[ref]*object{},
		named:    groups[string]{},
		from:     groups[ref]{},
		within:   groups[string]{},
		gone:     map[ref]time.Time{},
		deleting: map[types.UID]bool{},
		deleted:  map[types.UID]string{},
	}
	x.divide([]string{metav1.NamespaceAll})
	return x
}

// nothing stands for every foreign object while the reflector collects the initial list.
var nothing = &metav1.PartialObjectMetadata{}

// Transformer lets the reflector forget foreign objects already while it collects, and managedFields of the others.
func (x *index) Transformer() cache.TransformFunc {
	return func(o any) (any, error) {
		partial, ok := o.(*metav1.PartialObjectMetadata)
		if !ok {
			return o, nil
		}
		if read := readObject(partial.ObjectMeta, x.scope); read.role != roleForeign {
			return read, nil
		}
		return nothing, nil
	}
}

// Add takes an object that the watch brought.
func (x *index) Add(o any) error {
	partial, ok := o.(*metav1.PartialObjectMetadata)
	if !ok {
		return fmt.Errorf("index %T: not metadata", o)
	}
	x.noticed(ref{Namespace: partial.Namespace, Name: partial.Name})
	x.take(partial.ObjectMeta)
	return nil
}

// Update is Add.
func (x *index) Update(o any) error { return x.Add(o) }

// Delete takes an object that the watch saw going.
func (x *index) Delete(o any) error {
	partial, ok := o.(*metav1.PartialObjectMetadata)
	if !ok {
		return fmt.Errorf("index %T: not metadata", o)
	}
	at := ref{Namespace: partial.Namespace, Name: partial.Name}
	x.noticed(at)
	x.mu.Lock()
	before := x.objects[at]
	delete(x.deleted, partial.UID)
	_, awaited := x.deleting[partial.UID]
	if awaited {
		x.deleting[partial.UID] = true
	}
	stale := before != nil && newer(before.ResourceVersion, partial.ResourceVersion)
	if !stale {
		x.drop(at, time.Now())
	}
	x.mu.Unlock()
	if awaited && !before.is(roleSource) {
		before = nil // whoever deletes it looks at the place already
	}
	if !stale {
		x.changed(at, before, nil)
	}
	return nil
}

// Replace takes all objects that there are.
func (x *index) Replace(list []any, version string) error {
	return x.replace(metav1.NamespaceAll, list, version)
}

// replace takes all objects that there are in a namespace at a resourceVersion; the empty name stands for all.
func (x *index) replace(namespace string, list []any, version string) error {
	now := time.Now()
	fresh := map[ref]*object{}
	for _, o := range list {
		switch o := o.(type) {
		case *object: // of a list that was streamed, from Transformer
			fresh[o.ref()] = o
		case *metav1.PartialObjectMetadata:
			if read := readObject(o.ObjectMeta, x.scope); read.role != roleForeign {
				fresh[read.ref()] = read
			}
		default:
			return fmt.Errorf("index %T: not metadata", o)
		}
	}
	x.mu.Lock()
	older := x.fills[namespace].begin(now, version)
	within := func(of string) bool { return namespace == metav1.NamespaceAll || of == namespace }
	maps.DeleteFunc(x.deleted, func(_ types.UID, of string) bool { return within(of) })
	lost := map[ref]*object{}
	for at, o := range x.objects {
		if within(at.Namespace) && fresh[at] == nil {
			lost[at] = o
			x.drop(at, now)
		}
	}
	x.mu.Unlock()
	put := x.put
	if older {
		put = x.putAnyhow
		x.reverted()
	}
	for at, o := range lost {
		x.changed(at, o, nil)
	}
	for _, o := range fresh {
		put(o)
	}
	x.fills[namespace].end()
	x.noticed(ref{})
	x.refilled(namespace)
	return nil
}

// Resync has nothing to do: what failed is looked at again by itself.
func (x *index) Resync() error { return nil }

// take is put for a state that has not been read yet. Most are the echo of a write of ours, and not worth reading.
func (x *index) take(meta metav1.ObjectMeta) {
	if known, _ := x.has(&meta); !known {
		x.put(readObject(meta, x.scope))
	}
}

// has reports whether a state tells nothing new, and whether the index holds its object at all.
func (x *index) has(state *metav1.ObjectMeta) (known, held bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	before := x.objects[ref{Namespace: state.Namespace, Name: state.Name}]
	return x.knows(before, state), before != nil
}

// put takes the state of an object, unless a newer one is known, and tells whom it may concern.
func (x *index) put(o *object) {
	x.enter(o, func(before *object) bool { return !x.knows(before, &o.ObjectMeta) })
}

// putAnyhow is put for what counts though a newer state is known.
func (x *index) putAnyhow(o *object) {
	x.enter(o, func(*object) bool { return true })
}

// renew is take for a state that was read on purpose, which does not count unless the index holds the object: the watch may
// have seen it going since. It reports whether it does.
func (x *index) renew(meta metav1.ObjectMeta) (held bool) {
	if known, held := x.has(&meta); known || !held {
		return held
	}
	return x.enter(readObject(meta, x.scope), func(before *object) bool { return before != nil && !x.knows(before, &meta) })
}

// enter takes the state of an object if it counts, tells whom it may concern, and reports whether the object was held.
func (x *index) enter(o *object, counts func(before *object) bool) (held bool) {
	at := o.ref()
	x.mu.Lock()
	before := x.objects[at]
	news := counts(before)
	if news {
		x.set(at, o)
	}
	x.mu.Unlock()
	if news && (before != nil || o.role != roleForeign) {
		if o.role == roleForeign {
			o = nil
		}
		x.changed(at, before, o)
	}
	return before != nil
}

// wrote takes what the API server answered to our write of a copy, or to our reading it: its content has been checked.
// Nobody is told. What the watch has told of already and is not held has gone since, or is ours no more: nothing would
// ever tell of that again.
func (x *index) wrote(meta metav1.ObjectMeta) {
	o := x.read(meta)
	o.checked = true
	x.mu.Lock()
	defer x.mu.Unlock()
	before := x.objects[o.ref()]
	over := before == nil && x.fillOf(o.Namespace).passed(o.ResourceVersion)
	echoed := before != nil && before.ResourceVersion == o.ResourceVersion
	if echoed || !over && !x.knows(before, &o.ObjectMeta) {
		x.set(o.ref(), &o)
	}
}

// read is what an object's metadata says. The watch is often quicker than the answer to a write, and has had it read.
func (x *index) read(meta metav1.ObjectMeta) object {
	x.mu.RLock()
	held := x.objects[ref{Namespace: meta.Namespace, Name: meta.Name}]
	x.mu.RUnlock()
	if held != nil && held.UID == meta.UID && held.ResourceVersion == meta.ResourceVersion {
		return *held
	}
	return *readObject(meta, x.scope)
}

// willDelete is told before we delete an object, and [index.wasDeleted] or [index.notDeleted] after that: the watch often tells
// of its end before the API server answers.
func (x *index) willDelete(o *object) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.deleting[o.UID] = false
}

// notDeleted takes a deletion that failed, as far as the answer goes, and reports whether the watch says otherwise.
func (x *index) notDeleted(o *object) (gone bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	gone = x.deleting[o.UID]
	delete(x.deleting, o.UID)
	return gone
}

// wasDeleted takes our own deletion of an object. What the watch still says about it is not listened to.
func (x *index) wasDeleted(o *object) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.deleting, o.UID)
	at := o.ref()
	if now := x.objects[at]; now == nil || now.UID != o.UID || len(now.Finalizers) > 0 {
		return // seen already, or not gone before others have done their part
	}
	x.deleted[o.UID] = at.Namespace
	x.drop(at, time.Now())
}

// knows reports whether a state tells nothing new.
func (x *index) knows(before *object, state *metav1.ObjectMeta) bool {
	if _, deleted := x.deleted[state.UID]; deleted {
		return true
	}
	return before != nil && !newer(state.ResourceVersion, before.ResourceVersion)
}

// newer compares resourceVersions. What is not well-formed is taken as it comes.
func newer(a, b string) bool {
	order, err := resourceversion.CompareResourceVersion(a, b)
	return err != nil || order > 0
}

func (x *index) set(at ref, o *object) {
	before := x.unlink(at)
	x.link(at, o)
	if o.role == roleSource {
		delete(x.gone, at)
	}
	x.part(at, before, o, time.Time{}) // still there, though no longer marked: there is no grace
}

// drop forgets an object that is not there any more.
func (x *index) drop(at ref, when time.Time) {
	x.part(at, x.unlink(at), nil, when)
}

// part remembers since when a source that has copies is missing, until the last of them has gone.
func (x *index) part(at ref, before, after *object, when time.Time) {
	if before.is(roleSource) && !after.is(roleSource) {
		x.miss(at, when)
		x.parted(at, when)
	}
	if before.is(roleCopy) && len(x.from[before.origin.ref()]) == 0 {
		delete(x.gone, before.origin.ref())
	}
}

func (x *index) miss(source ref, when time.Time) {
	if len(x.from[source]) > 0 {
		x.gone[source] = when
	}
}

// missed is told by the index of the home cluster what its sources do that have copies here.
func (x *index) missed(source ref, when time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.miss(source, when)
}

func (x *index) link(at ref, o *object) {
	switch o.role {
	case roleForeign:
		return
	case roleSource:
		x.sources[at] = o
		if o.rule != nil {
			x.named.add(o.rule.Name, at)
		}
	case roleCopy:
		x.from.add(o.origin.ref(), at)
		x.within.add(at.Namespace, at)
	}
	x.objects[at] = o
}

func (x *index) unlink(at ref) *object {
	o := x.objects[at]
	if o == nil {
		return nil
	}
	switch o.role {
	case roleSource:
		delete(x.sources, at)
		if o.rule != nil {
			x.named.remove(o.rule.Name, at)
		}
	case roleCopy:
		x.from.remove(o.origin.ref(), at)
		x.within.remove(at.Namespace, at)
	}
	delete(x.objects, at)
	return o
}
