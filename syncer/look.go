package syncer

import (
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	coreinformers "k8s.io/client-go/informers/core/v1"
)

// This file turns events into targets to look at. Nothing here does I/O, and on a replica that does not lead nothing is
// done at all: the one that begins to lead looks everywhere.

// Look has targets looked at: what Ingresses ask for there has changed. A target without a name stands for all in its
// namespace, of which what is asked for there has become known.
func (s *Syncer) Look(targets ...types.NamespacedName) {
	for _, t := range targets {
		if t.Name != "" {
			s.look([]ref{t})
		} else {
			s.lookIn(t.Namespace)
		}
	}
}

// lookIn looks at all that may be in a namespace.
func (s *Syncer) lookIn(namespace string) {
	if n, err := s.namespaces.Get(namespace); err == nil {
		s.namespaceChanged(nil, n)
	}
}

func (s *Syncer) look(targets []ref) {
	if s.leading.Load() {
		s.add(targets)
	}
}

// lookEverywhere is how leading begins.
func (s *Syncer) lookEverywhere() {
	for _, source := range s.index.allSources() {
		s.look(s.targets(source))
	}
	s.look(s.index.allCopies())
	s.look(s.index.leftByKubed())
}

// objectChanged is told by the index.
func (s *Syncer) objectChanged(at ref, before, after *object) {
	if !s.leading.Load() {
		return
	}
	targets := s.targetsOf(before, after)
	if len(targets) > 1 {
		s.waves.begin(at, targets, time.Now())
	}
	s.look(append(s.noted(at, before, after), targets...))
	for _, r := range s.contexts.list() {
		r.sourceChanged(before, after)
	}
}

// targetsOf are the targets that the two states of an object have to do with as a source.
func (s *Syncer) targetsOf(before, after *object) []ref {
	found := map[ref]struct{}{}
	for _, o := range []*object{before, after} {
		if !o.is(roleSource) {
			continue
		}
		for _, t := range s.targets(o) {
			found[t] = struct{}{}
		}
	}
	return slices.Collect(maps.Keys(found))
}

// refilled is told by the index. Of a namespace that could not be seen before, neither its copies nor the copies of its
// sources were judged.
func (s *Syncer) refilled(namespace string) {
	s.look(s.troubles.everywhere())
	if namespace != metav1.NamespaceAll {
		s.lookIn(namespace)
		s.look(s.index.copiesOut(namespace))
	}
}

// targets are all places that a source may have to do with: where its rule and Ingresses want copies, where copies are,
// and itself, where it is looked at whether it is in order.
func (s *Syncer) targets(source *object) []ref {
	found := append(s.index.copiesFrom(source.ref()), source.ref())
	if source.rule == nil {
		return found
	}
	namespaces, _ := s.namespaces.List(labels.Everything()) // never fails: it reads memory
	for _, n := range namespaces {
		if source.rule.Selects(n.Labels) {
			found = append(found, ref{Namespace: n.Name, Name: source.rule.Name})
		}
	}
	return append(found, s.requests.Of(source.ref())...)
}

func (s *Syncer) namespaceHandler() coreinformers.NamespaceHandlerFuncs {
	return coreinformers.NamespaceHandlerFuncs{
		AddFunc: func(n *corev1.Namespace) { s.namespaceChanged(nil, n) },
		UpdateFunc: func(before, after *corev1.Namespace) {
			again := before.UID != after.UID // its end was not seen
			if again || open(before) != open(after) || !equality.Semantic.DeepEqual(before.Labels, after.Labels) {
				s.namespaceChanged(before, after)
			}
		},
		DeleteFunc: func(gone coreinformers.DeletedNamespace) { s.look(s.troubles.in(gone.GetObjectName().Name)) },
	}
}

// namespaceChanged looks at what sources want there, by the labels of before and after, and at what is there.
func (s *Syncer) namespaceChanged(before, after *corev1.Namespace) {
	if !s.leading.Load() {
		return
	}
	s.look(append(s.index.copiesIn(after.Name), s.troubles.in(after.Name)...))
	for _, source := range s.index.allSources() {
		if source.rule == nil || !source.rule.Selects(after.Labels) && (before == nil || !source.rule.Selects(before.Labels)) {
			continue
		}
		s.look([]ref{{Namespace: after.Name, Name: source.rule.Name}})
		for _, t := range s.requests.Of(source.ref()) {
			if t.Namespace == after.Name {
				s.look([]ref{t})
			}
		}
	}
}

// open reports whether copies can be made in a namespace.
func open(n *corev1.Namespace) bool {
	return n.DeletionTimestamp == nil && n.Status.Phase != corev1.NamespaceTerminating
}
