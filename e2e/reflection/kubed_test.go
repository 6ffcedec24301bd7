package reflection

import (
	"encoding/json"
	"fmt"
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
func byKubed(source *corev1.Secret) like {
	return func(o *corev1.Secret) {
		o.Labels = with(with(with(source.Labels, "kubed.appscode.com/origin.name", source.Name),
			"kubed.appscode.com/origin.namespace", source.Namespace), "kubed.appscode.com/origin.cluster", "unicorn")
		o.Annotations = with(source.Annotations, "kubed.appscode.com/origin", origin(source))
		delete(o.Annotations, "kubed.appscode.com/sync")
		o.Type, o.Data = source.Type, source.Data
	}
}

func TestKubedsAnnotationMeansWhatItMeantAndTheCopiesCarryKubedsMarks(t *testing.T) {
	both(t, "kubed", func(t *testing.T, s *story) {
		source := s.at("source", "omni")
		s.namespace("source")
		web, db, flagged := s.namespace("web", "team=web"), s.namespace("db", "team=db"), s.namespace("flagged", "false=1")
		made := s.secret(source, holding("k", "v"), kubedTo("team=web"), annotated("example.com/note", "hello"))
		s.copied(source, web)
		copy := s.get(place{Namespace: web, Name: "omni"})
		for key, want := range map[string]string{
			"kubed.appscode.com/origin.cluster": "kubernetes", "kubed.appscode.com/origin.namespace": source.Namespace, "kubed.appscode.com/origin.name": "omni",
		} {
			if copy.Labels[key] != want {
				t.Errorf("label %s is %q, want %q", key, copy.Labels[key], want)
			}
		}
		if got := copy.Annotations["kubed.appscode.com/origin"]; got != origin(made) || copy.Annotations["example.com/note"] != "hello" {
			t.Errorf("annotations %v, want the origin %s", copy.Annotations, origin(made))
		}
		if _, found := copy.Annotations["kubed.appscode.com/sync"]; found {
			t.Error("the copy is marked as a source")
		}
		s.edit(source, kubedTo(""))
		s.copied(source, s.everywhere(source.Namespace)...)
		s.edit(source, kubedTo("false")) // a selector like any other
		s.copied(source, flagged)
		s.absent("omni", web, db)
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
	})
}

func TestAClusterThatKubedRanIsTakenOver(t *testing.T) {
	both(t, "takeover", func(t *testing.T, s *story) {
		s.w.Stop()
		source, stamped := s.at("source", "omni"), s.at("source", "stamped")
		s.namespace("source")
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
			s.edit(stamped, byKubed(own), kubedTo("team=web")),
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
		overwrite := s.overwrite(from, target)
		took := s.count(func() {
			for end := time.Now().Add(8 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
				if s.get(target).Annotations[syncer.AnnotationTarget] != "" {
					overwrite()
				}
			}
		})
		if took["update"] < 8 || took["update"] > 20 || took["delete"]+took["create"] != 0 {
			t.Errorf("against somebody who answers each repair it took the requests %v", took)
		}
		s.event(source, syncer.ReasonKubedRunning, "kubed is still running", target.String())
		s.copied(source, target.Namespace) // once it has stopped
		if s.get(target).UID != was.UID {
			t.Error("the copy was made anew")
		}
	})
}

// overwrite is what kubed does to a copy: a patch that leaves no marks but its own.
func (s *story) overwrite(source *corev1.Secret, at place) func() {
	drawn := s.drawn(at, byKubed(source))
	labels, annotations := map[string]any{}, map[string]any{}
	for _, mark := range []string{syncer.LabelOriginCluster, syncer.LabelOriginNamespace, syncer.LabelOriginName} {
		labels[mark] = nil
	}
	for _, mark := range []string{syncer.AnnotationOrigin, syncer.AnnotationTarget, syncer.AnnotationHash} {
		annotations[mark] = nil
	}
	for key, value := range drawn.Labels {
		labels[key] = value
	}
	for key, value := range drawn.Annotations {
		annotations[key] = value
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": labels, "annotations": annotations}})
	s.must(err)
	return func() {
		_, err := s.objects(at.Namespace).Patch(s.Context(), at.Name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: "kubed"})
		s.must(err)
	}
}
