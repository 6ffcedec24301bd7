package reflection

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/syncer"
)

func kubedTo(selector string) like { return annotated(syncer.AnnotationKubedSync, selector) }

// origin is the text with which kubed says where a copy came from.
func origin(of *corev1.Secret) string {
	return fmt.Sprintf(`{"namespace":%q,"name":%q,"uid":%q,"resourceVersion":%q}`, of.Namespace, of.Name, of.UID, of.ResourceVersion)
}

// byKubed makes an object what kubed makes of its copies, where kubed's flag for the cluster's name was unicorn.
func byKubed(source *corev1.Secret) like { return byKubedOf("unicorn", source) }

// byKubedOf does it for any name of the cluster. Kubed replaces all labels and annotations of what it finds, except that it
// leaves an object its own sync annotations.
func byKubedOf(cluster string, source *corev1.Secret) like {
	return func(o *corev1.Secret) {
		o.Labels = with(with(with(source.Labels, "kubed.appscode.com/origin.name", source.Name),
			"kubed.appscode.com/origin.namespace", source.Namespace), "kubed.appscode.com/origin.cluster", cluster)
		annotations := with(source.Annotations, "kubed.appscode.com/origin", origin(source))
		for _, key := range []string{"kubed.appscode.com/sync", "kubed.appscode.com/sync-contexts"} {
			delete(annotations, key)
			if own, found := o.Annotations[key]; found {
				annotations[key] = own
			}
		}
		o.Annotations, o.Type, o.Data = annotations, source.Type, source.Data
	}
}

// sameToKubed tells in what a copy that wildcast made differs from the one that kubed would have made, less our own marks.
func (s *story) sameToKubed(source, copy *corev1.Secret) error {
	want := s.drawn(place{Namespace: copy.Namespace, Name: copy.Name}, byKubedOf("kubernetes", source))
	if is := lessOurs(copy.Labels); !maps.Equal(is, want.Labels) {
		return fmt.Errorf("labels %v, kubed's would be %v", is, want.Labels)
	}
	if is := lessOurs(copy.Annotations); !maps.Equal(is, want.Annotations) {
		return fmt.Errorf("annotations %v, kubed's would be %v", is, want.Annotations)
	}
	return nil
}

func lessOurs(marks map[string]string) map[string]string {
	marks = maps.Clone(marks)
	maps.DeleteFunc(marks, func(key, _ string) bool { return strings.HasPrefix(key, syncer.Prefix) })
	return marks
}

func TestKubedsAnnotationMeansWhatItMeantAndTheCopiesCarryKubedsMarks(t *testing.T) {
	both(t, "kubed", func(t *testing.T, s *story) {
		source := s.at("source", "omni")
		s.namespace("source")
		web, db, flagged := s.namespace("web", "team=web"), s.namespace("db", "team=db"), s.namespace("flagged", "false=1")
		s.secret(source, holding("k", "v"), annotated("example.com/note", "hello"), labelled("tier", "gold"),
			labelled("app.kubernetes.io/instance", "x"), annotated(corev1.LastAppliedConfigAnnotation, `{"b":"<&>"}`))
		for _, mark := range []string{"", "true"} {
			s.kubedsCopies(s.edit(source, kubedTo(mark)), s.everywhere(source.Namespace)...)
			was := s.edit(source, unannotated(syncer.AnnotationKubedSync))
			s.absent("omni", s.everywhere(source.Namespace)...)
			s.must(s.same(was))
		}
		s.kubedsCopies(s.edit(source, kubedTo("team=web")), web)
		s.settled(0)
		s.must(s.areAbsent(places("omni", s.everywhere(source.Namespace, web)...)...))
		s.edit(source, kubedTo(""))
		s.copied(source, s.everywhere(source.Namespace)...)
		s.edit(source, kubedTo("false")) // a selector like any other
		s.copied(source, flagged)
		s.absent("omni", s.everywhere(source.Namespace, flagged)...)
		s.edit(source, kubedTo("true"))
		s.copied(source, s.everywhere(source.Namespace)...)
		s.edit(source, to("team=db")) // ours decides
		s.absent("omni", web, flagged)
		s.copied(source, db)
		took := s.count(func() {
			s.must(s.w.Restart(t.Context()))
			s.settled(2)
		})
		s.wantTally("a restart", took, tally{"get": 1}) // of the source, which was edited since
		s.edit(source, unannotated(syncer.AnnotationSync), unannotated(syncer.AnnotationKubedSync))
		s.absent("omni", db)
	}, "--copy-metadata=all") // as kubed does
}

func TestASourceInKubedsDialectIsFollowedUntilItsNamespaceIsDeleted(t *testing.T) {
	both(t, "kubed-followed", func(t *testing.T, s *story) {
		source := s.at("source", "omni")
		s.namespace("source")
		targets := []string{s.namespace("old", "team=web")}
		made := s.secret(source, holding("text", "one"), holding("gone", "v"), holding("binary", "\x00\xff\xfe"), binary("plain", "one"), kubedTo("team=web"))
		s.kubedsCopies(made, targets...)
		took := s.count(func() {
			targets = append(targets, s.namespace("new", "team=web"))
			s.kubedsCopies(made, targets...)
		})
		s.wantTally("a new namespace", took, tally{"create": 1})
		for _, step := range []struct {
			what   string
			change like
		}{
			{"a value changed", holding("text", "two")},
			{"a key removed", lacking("gone")},
			{"a binary value changed", holding("binary", "\xff\x00")},
			{"a binary value that is text changed", binary("plain", "two")},
		} {
			took := s.count(func() { s.kubedsCopies(s.edit(source, step.change), targets...) })
			s.wantTally(step.what, took, tally{"get": 1, "update": 2})
		}
		took = s.count(func() {
			s.must(s.kube.CoreV1().Namespaces().Delete(s.Context(), source.Namespace, metav1.DeleteOptions{}))
			s.absent("omni", targets...)
		})
		s.wantTally("to delete the source's namespace", took, tally{"delete": 2})
	})
}

// kubedsCopies waits until a source has exact copies in the namespaces, whose marks, less our own, must be kubed's.
func (s *story) kubedsCopies(source *corev1.Secret, namespaces ...string) {
	s.Helper()
	s.copied(place{Namespace: source.Namespace, Name: source.Name}, namespaces...)
	for _, at := range places(source.Name, namespaces...) {
		s.must(s.sameToKubed(source, s.get(at)))
	}
}

func TestAClusterThatKubedRanIsTakenOver(t *testing.T) {
	both(t, "takeover", func(t *testing.T, s *story) {
		s.w.Stop()
		source, stamped := s.at("source", "omni"), s.at("source", "stamped")
		s.namespace("source", "team=web")
		one, two, other := s.namespace("one", "team=web"), s.namespace("two", "team=web"), s.namespace("other")
		from := s.secret(source, holding("k", "v"), kubedTo("team=web"))
		fresh := s.secret(place{Namespace: one, Name: "omni"}, byKubed(from))
		stale := s.secret(place{Namespace: two, Name: "omni"}, byKubed(from), holding("k", "old"))
		gone := s.drawn(s.at("source", "gone"), holding("k", "v"), kubedTo("team=web"))
		gone.UID, gone.ResourceVersion = "2f6b0d5c-0000-0000-0000-000000000000", "1"
		s.secret(stamped, holding("k", "v"), kubedTo("team=web"))
		own := s.get(stamped)
		untouched := []*corev1.Secret{
			s.secret(place{Namespace: other, Name: "omni"}, byKubed(from), holding("mine", "1")), // a clone that a user made and changed
			s.secret(place{Namespace: other, Name: "clone"}, byKubed(from)),
			s.secret(place{Namespace: one, Name: "clone"}, byKubed(from)),
			s.secret(place{Namespace: one, Name: "gone"}, byKubed(gone)), // an orphan
			s.edit(stamped, byKubed(own)),
		}

		before := len(s.requests())
		s.must(s.w.Restart(t.Context()))
		s.copied(source, one, two)
		s.copied(stamped, one, two)
		for _, was := range []*corev1.Secret{fresh, stale} {
			if is := s.get(place{Namespace: was.Namespace, Name: was.Name}); is.UID != was.UID {
				t.Errorf("%s was made anew", was.Namespace)
			}
		}
		s.event(source, syncer.ReasonLeftByKubed, other+"/omni", "kubectl -n "+other+" delete "+string(s.kind)+" omni")
		s.event(place{Namespace: one, Name: "gone"}, syncer.ReasonLeftByKubed, s.name+"-source/gone")
		s.settled(0)
		s.wantTally("the takeover", s.tallied(s.requests()[before:], all), tally{"get": 2, "update": 2, "create": 2})
		left := func() {
			t.Helper()
			for _, was := range untouched {
				s.must(s.same(was))
			}
		}
		left()
		s.must(s.same(from))
		took := s.count(func() {
			s.must(s.w.Restart(t.Context()))
			s.settled(8)
		})
		s.wantTally("a restart", took, tally{"get": 2}) // of the copy whose content kubed wrote, and of its source
		left()
		s.must(s.same(from))

		s.edit(source, holding("k", "w"))
		s.copied(source, one, two)
		s.remove(source)
		s.absent("omni", one, two)
		left()
	})
}

func TestKubedThatIsStillRunningIsNamedAndNotFought(t *testing.T) {
	both(t, "kubed-runs", func(t *testing.T, s *story) {
		source := s.at("source", "omni")
		s.namespace("source")
		target := place{Namespace: s.namespace("target", "team=web"), Name: "omni"}
		from := s.secret(source, holding("k", "v"), kubedTo("team=web"))
		s.copied(source, target.Namespace)
		was := s.get(target)
		took := s.count(func() { // as it is when both follow a source
			from = s.edit(source, holding("k", "w"))
			s.copied(source, target.Namespace)
			s.overwrite(from, target)
			s.copied(source, target.Namespace)
		})
		s.wantTally("a change of the source which kubed follows too", took, tally{"get": 1, "update": 2})
		s.event(source, syncer.ReasonKubedRunning, "kubed is still running", target.String())
		took = s.count(func() { // and worse than kubed is, which does not look at its copies
			for end := time.Now().Add(8 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
				if s.get(target).Annotations[syncer.AnnotationTarget] != "" {
					s.overwrite(from, target)
				}
			}
		})
		if took["update"] < 8 || took["update"] > 20 || took["delete"]+took["create"] != 0 {
			t.Errorf("against somebody who answers each repair it took the requests %v", took)
		}
		s.copied(source, target.Namespace) // once it has stopped
		if s.get(target).UID != was.UID {
			t.Error("the copy was made anew")
		}
	})
}

// overwrite is what kubed does to a copy: a patch after which it has kubed's labels and annotations, and no others.
func (s *story) overwrite(source *corev1.Secret, at place) {
	s.Helper()
	want := s.drawn(at, byKubed(source))
	patch, err := json.Marshal([]map[string]any{
		{"op": "replace", "path": "/metadata/labels", "value": want.Labels},
		{"op": "replace", "path": "/metadata/annotations", "value": want.Annotations},
	})
	s.must(err)
	_, err = s.objects(at.Namespace).Patch(s.Context(), at.Name, types.JSONPatchType, patch, metav1.PatchOptions{FieldManager: "kubed"})
	s.must(err)
}
