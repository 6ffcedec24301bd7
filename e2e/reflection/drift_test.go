package reflection

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/wildcast/wildcast/syncer"
)

// drifting is a source with a copy that a user will change.
type drifting struct {
	drift
	source, copy place
	was          *corev1.Secret
}

// drifting makes a source and a copy for each way to change one.
func (s *story) drifting() []drifting {
	s.Helper()
	s.namespace("source")
	target := s.namespace("target", "team=web")
	var all []drifting
	for i, d := range drifts {
		if d.of != "" && d.of != s.kind {
			continue
		}
		name := fmt.Sprint("d", i)
		one := drifting{drift: d, source: s.at("source", name), copy: place{Namespace: target, Name: name}}
		s.secret(one.source, holding("key", "one"), holding("more", "1"), holding("blob", "\xff1"), labelled("tier", "gold"), annotated("example.com/note", "hello"), d.marked)
		s.copied(one.source, target)
		one.was = s.get(one.copy)
		all = append(all, one)
	}
	s.settled(2 * len(all))
	return all
}

// restored tells in what a copy differs from what it was before the drift. What others have added to its labels and
// annotations may stay.
func (s *story) restored(d drifting) error {
	is, err := s.objects(d.copy.Namespace).Get(s.Context(), d.copy.Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	return restored(d.was, is)
}

func restored(was, is *corev1.Secret) error {
	switch {
	case is.Type != was.Type:
		return fmt.Errorf("type %s", is.Type)
	case ptr.Deref(is.Immutable, false):
		return errors.New("immutable")
	case !maps.EqualFunc(is.Data, was.Data, bytes.Equal) || !maps.Equal(is.StringData, was.StringData):
		return fmt.Errorf("data %q", is.Data)
	case !contains(is.Labels, was.Labels):
		return fmt.Errorf("labels %v", is.Labels)
	case !contains(is.Annotations, was.Annotations):
		return fmt.Errorf("annotations %v", is.Annotations)
	}
	return nil
}

func contains(m, part map[string]string) bool {
	for key, value := range part {
		if got, found := m[key]; !found || got != value {
			return false
		}
	}
	return true
}

func TestACopyThatSomebodyEditsOrDeletesIsRestoredWithOneWrite(t *testing.T) {
	both(t, "drift", func(t *testing.T, s *story) {
		repaired := 0
		for _, d := range s.drifting() {
			if d.down {
				continue
			}
			repaired++
			took := s.count(func() {
				d.do(s, d.copy)
				s.until(func() error {
					if err := s.restored(d); err != nil {
						return fmt.Errorf("%s: %w", d.name, err)
					}
					return nil
				})
			})
			s.wantTally(d.name, took, d.cost())
		}
		m, err := s.w.Metrics(t.Context())
		s.must(err)
		if got := m.Sum("wildcast_sync_drift_repaired_total"); int(got) != repaired {
			t.Errorf("the metrics tell of %v repairs, of %d", got, repaired)
		}
	})
}

func TestACopyThatWasEditedOrDeletedWhileWildcastWasDownIsRestoredAtStart(t *testing.T) {
	both(t, "drift-down", func(t *testing.T, s *story) {
		all := s.drifting()
		s.w.Stop()
		for _, d := range all {
			d.do(s, d.copy)
		}
		before := len(s.requests())
		s.must(s.w.Restart(t.Context()))
		for _, d := range all {
			s.until(func() error {
				if err := s.restored(d); err != nil {
					return fmt.Errorf("%s: %w", d.name, err)
				}
				return nil
			})
		}
		s.settled(len(all))
		for _, d := range all {
			s.wantTally(d.name, s.tallyAt(before, d.copy), d.cost())
			s.wantTally(d.name+", at the source,", s.tallyAt(before, d.source), tally{"get": 1})
		}
	})
}

func TestClearedManagedFieldsCostOneReadAndNoWrite(t *testing.T) {
	both(t, "managed-fields", func(t *testing.T, s *story) {
		source := s.at("source", "omni")
		s.namespace("source")
		target := place{Namespace: s.namespace("target", "team=web"), Name: "omni"}
		s.secret(source, tlsPair(t, "omni.test"), to("team=web"))
		s.copied(source, target.Namespace)
		s.settled(0)
		took := s.count(func() {
			before := s.looks()
			patching(types.JSONPatchType, `[{"op":"replace","path":"/metadata/managedFields","value":[{}]}]`)(s, target)
			s.settled(before + 1)
		})
		s.wantTally("cleared managedFields", took, tally{"get": 1})
		was := s.get(target)
		took = s.count(func() {
			s.must(s.w.Restart(t.Context()))
			s.settled(2)
		})
		s.wantTally("a restart after that", took, tally{"get": 2}) // of the source and the copy
		s.must(s.same(was))
		took = s.count(func() {
			s.edit(source, tlsPair(t, "omni.test"))
			s.copied(source, target.Namespace)
		})
		s.wantTally("a change after that", took, tally{"get": 1, "update": 1})
		took = s.count(func() {
			s.edit(target, holding("key", "changed"))
			s.copied(source, target.Namespace)
		})
		s.wantTally("an edit after that", took, tally{"get": 1, "update": 1})
	})
}

func TestWhatAUserAddsToACopysLabelsAnnotationsAndFinalizersStays(t *testing.T) {
	both(t, "additions", func(t *testing.T, s *story) {
		source := s.at("source", "omni")
		s.namespace("source")
		target := place{Namespace: s.namespace("target", "team=web"), Name: "omni"}
		s.secret(source, tlsPair(t, "omni.test"), to("team=web"))
		s.copied(source, target.Namespace)
		took := s.count(func() {
			before := s.looks()
			s.kubectl("", "label", string(s.kind), target.Name, "-n", target.Namespace, "mine=1")
			s.settled(before + 1)
		})
		s.wantTally("a label of a user's", took, tally{})
		s.kubectl("", "annotate", string(s.kind), target.Name, "-n", target.Namespace, "example.com/mine=1")
		s.edit(target, func(o *corev1.Secret) { o.Finalizers = append(o.Finalizers, "example.com/mine") })
		s.edit(source, tlsPair(t, "omni.test"), labelled("tier", "gold"))
		s.copied(source, target.Namespace)
		s.edit(target, holding(corev1.TLSCertKey, "edited"))
		s.copied(source, target.Namespace)
		s.must(s.w.Restart(t.Context()))
		s.settled(2)
		is := s.get(target)
		if is.Labels["mine"] != "1" || is.Annotations["example.com/mine"] != "1" || len(is.Finalizers) != 1 || is.Labels["tier"] != "gold" {
			t.Errorf("labels %v, annotations %v, finalizers %v", is.Labels, is.Annotations, is.Finalizers)
		}
		s.edit(source, unannotated(syncer.AnnotationSync))
		s.until(func() error {
			if s.get(target).DeletionTimestamp == nil {
				return errors.New("not deleted")
			}
			return nil
		})
		s.edit(target, func(o *corev1.Secret) { o.Finalizers = nil })
		s.absent("omni", target.Namespace)
	})
}
