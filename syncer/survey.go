package syncer

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
)

// Survey is what a [Syncer] makes of the metadata of all objects of one kind, with nothing watched and nothing done: the
// same roles, rules and plans, for those who only look. It is not safe for concurrent use.
type Survey struct {
	s       *Syncer
	found   []any             // on the way to the index
	foreign map[ref]types.UID // what is somebody else's: it may be in the way of a copy
	read    map[ref]content   // sources
}

// NewSurvey makes a Survey with a Syncer's configuration, of which Kind, Kube, Requests, ClusterName, CopyMetadata,
// SourceNamespaces and WatchedNamespaces count. Take and then Fill are to be called before anything is asked.
func NewSurvey(c Config, namespaces []*corev1.Namespace) (*Survey, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	lister := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{})
	for _, n := range namespaces {
		if err := lister.Add(n); err != nil {
			return nil, err
		}
	}
	s := &Syncer{namespaces: corelisters.NewNamespaceLister(lister), known: c.Known}
	s.keeper = keeper{
		demand:   s,
		kind:     kinds[c.Kind](c.Clients),
		policy:   policy{cluster: c.ClusterName, metadata: c.CopyMetadata},
		index:    newIndex(scope{namespaces: c.SourceNamespaces}, func(ref, *object, *object) {}, func(string) {}),
		requests: c.Requests,
	}
	s.sources = s.index
	s.contents = newContents(contentsKept, s.kind.read)
	if len(c.WatchedNamespaces) > 0 {
		s.index.divide(c.WatchedNamespaces)
	}
	return &Survey{s: s, foreign: map[ref]types.UID{}, read: map[ref]content{}}, nil
}

// Resource and FieldSelector tell which objects Take is to be shown.
func (s *Survey) Resource() schema.GroupVersionResource { return s.s.kind.resource }

// FieldSelector leaves out what is never reflected.
func (s *Survey) FieldSelector() string { return s.s.kind.selector() }

// Take takes the metadata of one object. It keeps no more than a name of what is neither source nor copy.
func (s *Survey) Take(meta *metav1.PartialObjectMetadata) {
	if readObject(meta.ObjectMeta, s.s.index.scope).role == roleForeign {
		s.foreign[ref{Namespace: meta.Namespace, Name: meta.Name}] = meta.UID
		return
	}
	s.found = append(s.found, meta)
}

// Fill takes it that all objects have been shown, of all namespaces or of one.
func (s *Survey) Fill(namespace string) error {
	all := s.found
	s.found = nil
	return s.s.index.replace(namespace, all, "")
}

// Foreign reports whether there is an object of that name that is neither source nor copy.
func (s *Survey) Foreign(name types.NamespacedName) bool { _, found := s.foreign[name]; return found }

// Read reads those sources whose copies cannot be judged by metadata alone, since the source has changed after them.
func (s *Survey) Read(ctx context.Context) error {
	for _, source := range s.s.index.allSources() {
		if !slices.ContainsFunc(s.s.targets(source), func(at ref) bool { return s.depends(at, source) }) {
			continue
		}
		data, err := s.s.contents.get(ctx, source.ref(), source.ResourceVersion)
		if apierrors.IsNotFound(err) {
			continue // it has just gone
		}
		if err != nil {
			return fmt.Errorf("read source %s: %w", source.ref(), err)
		}
		s.read[source.ref()] = data
		s.s.sources.judge(data)
	}
	return nil
}

// depends reports whether a copy of the source is there that cannot be judged without the source's data.
func (s *Survey) depends(at ref, source *object) bool {
	v, p := s.plan(at)
	return p.verb == readSource && p.source == source && v.held.is(roleCopy)
}

// plan plans for a place with what is known.
func (s *Survey) plan(at ref) (view, plan) {
	a := attempt{target: at}
	if uid, taken := s.foreign[at]; taken {
		a.met = &object{ObjectMeta: metav1.ObjectMeta{Namespace: at.Namespace, Name: at.Name, UID: uid}}
	}
	v := s.s.gather(&a)
	p := s.s.policy.plan(v, time.Now())
	if p.verb != readSource {
		return v, p
	}
	if data, found := s.read[p.source.ref()]; found {
		v.data = &data
		p = s.s.policy.plan(v, time.Now())
	}
	return v, p
}

// TargetState is how it is with one copy.
type TargetState string

// The states of copies.
const (
	Synced  TargetState = "synced"  // it is there, and right
	Behind  TargetState = "behind"  // it is there, and not what its source is now
	Missing TargetState = "missing" // it should be there
	Blocked TargetState = "blocked" // somebody else's object stands where it should be
	Beaten  TargetState = "beaten"  // an older source has the place
	Leaving TargetState = "leaving" // it is there, and nobody wants it any more
	Kept    TargetState = "kept"    // it is there, and stays as it is, since it is not known what its source wants
	Kubeds  TargetState = "kubed's" // kubed made it, and no source wants it
)

// Target is the place of a copy.
type Target struct {
	At     types.NamespacedName
	Source types.NamespacedName
	State  TargetState
	Why    string                 // with the remedy; empty for Synced
	Others []types.NamespacedName // younger sources that want the place too
}

// At is what is known about a place; false if there is neither a copy nor a wish for one.
func (s *Survey) At(at types.NamespacedName) (Target, bool) {
	v, p := s.plan(at)
	t := Target{At: at, State: stateOf(v, p)}
	if p.source != nil {
		t.Source = p.source.ref()
	} else if v.held != nil {
		t.Source = v.held.origin.ref()
	}
	for _, loser := range p.losers {
		t.Others = append(t.Others, loser.ref())
	}
	t.Why = s.why(t.State, v, p)
	return t, t.State != ""
}

// stateOf is the state that a plan tells of. A copy that only its data could prove wrong is taken for right: the Syncer
// reads it before long, and repairs it.
//
//	a source wants a copy, and there is    plan             state
//	nothing                                any              Missing
//	not ours                               blocked          Blocked
//	ours                                   keep, readCopy   Synced, or Leaving if it is being deleted
//	ours                                   anything else    Behind
//	no source wants one, and there is
//	ours                                   remove           Leaving
//	ours                                   keep             Kept
//	kubed's                                keep             Kubeds
//	anything else                                           none
func stateOf(v view, p plan) TargetState {
	switch {
	case p.verb == blocked:
		return Blocked
	case p.verb == remove:
		return Leaving
	case p.source == nil && v.held.is(roleKubed) && v.open:
		return Kubeds
	case p.source == nil && v.held.is(roleCopy):
		return Kept
	case p.source == nil:
		return ""
	case v.held == nil:
		return Missing
	case v.held.DeletionTimestamp != nil:
		return Leaving
	case p.verb == keep, p.verb == readCopy:
		return Synced
	}
	return Behind
}

// why is what a person should know about a state.
func (s *Survey) why(state TargetState, v view, p plan) string {
	switch state {
	case Blocked:
		return s.s.inTheWay(p.source, v)
	case Missing:
		return "it is not there yet; see: kubectl -n " + p.source.Namespace + " describe " + s.s.kind.word() + " " + p.source.Name
	case Behind:
		return "its source has changed since, or somebody has changed it"
	case Leaving:
		return "nobody wants it any more, and it is removed"
	case Kubeds:
		return s.s.leftByKubed(v.held, v.origin).note
	case Kept:
		switch {
		case v.unseen:
			return "its source is in a namespace that cannot be read here"
		case v.origin != nil && v.origin.wrong != nil:
			return "its source's annotations cannot be read: " + v.origin.wrong.Detail
		}
		return "it is not wildcast's to change: its namespace is being deleted, or another cluster's wildcast made it"
	}
	return ""
}

// Source is what is known about one source.
type Source struct {
	Name    types.NamespacedName
	Rule    *Rule      // nil if Wrong is not
	Wrong   *RuleError // what is wrong with its annotations
	Text    string     // of its annotation: the selector as it was written
	Away    bool       // it is copied into other clusters only
	Targets []Target   // by namespace and name, but for the source itself
}

// Sources are all sources, by namespace and name.
func (s *Survey) Sources() (all []Source) {
	for _, o := range s.s.index.allSources() {
		all = append(all, s.source(o))
	}
	slices.SortFunc(all, func(a, b Source) int { return strings.Compare(a.Name.String(), b.Name.String()) })
	return all
}

func (s *Survey) source(o *object) Source {
	written, here := syncOf(o.Annotations)
	source := Source{Name: o.ref(), Rule: o.rule, Wrong: o.wrong, Text: written.value, Away: !here}
	places := s.s.targets(o)
	slices.SortFunc(places, func(a, b ref) int { return strings.Compare(a.String(), b.String()) })
	for _, at := range slices.Compact(places) {
		t, found := s.At(at)
		if !found || at == o.ref() {
			continue
		}
		if t.Source != o.ref() && slices.Contains(t.Others, o.ref()) {
			t.State, t.Why = Beaten, s.s.conflict(o, s.s.index.at(t.Source), at).note
		} else if t.Source != o.ref() {
			continue
		}
		source.Targets = append(source.Targets, t)
	}
	return source
}

// Strays are the copies without a source: those that are about to go or to stay unseen, and what kubed left.
func (s *Survey) Strays() (all []Target) {
	for _, at := range append(s.s.index.allCopies(), s.s.index.leftByKubed()...) {
		t, found := s.At(at)
		if found && !s.s.index.at(t.Source).is(roleSource) {
			all = append(all, t)
		}
	}
	slices.SortFunc(all, func(a, b Target) int { return strings.Compare(a.At.String(), b.At.String()) })
	return all
}
