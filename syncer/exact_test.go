package syncer

import (
	"context"
	"maps"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// TestCopiesAreExact: what a copy has of its source, and what of others.
func TestCopiesAreExact(t *testing.T) {
	play(t, []scene{
		{"an edit that is met while the source's annotations are wrong is undone once they are mended", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			spoilt := false
			w.made = func(s *Syncer) {
				read := s.kind.read
				s.kind.read = func(ctx context.Context, at ref) (content, error) {
					found, err := read(ctx, at)
					if at == place("blue/s") && !spoilt {
						spoilt = true
						source, _ := w.get(place("home/s"))
						source = source.DeepCopy()
						syncTo("team in web")(source)
						_, _ = w.update(source, "kubectl")
						time.Sleep(time.Millisecond) // the watch tells of it
					}
					return found, err
				}
			}
			w.start()
			w.edit("blue/s", key("a", "edited"))
			w.wantData("blue/s", "a=edited b=2")
			w.edit("home/s", syncTo("team=web"))
			w.wantData("blue/s", "a=1 b=2")
			if !spoilt {
				w.t.Error("the copy was not read")
			}
		}},
		{"a copy edited is restored, a copy deleted is made again", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.took()
			w.edit("blue/s", key("a", "edited"))
			w.wantData("blue/s", "a=1 b=2")
			w.wantTook("get blue/s", "update blue/s")
			w.edit("blue/s", func(s *corev1.Secret) { delete(s.Data, "a") })
			w.wantData("blue/s", "a=1 b=2")
			w.edit("blue/s", key("c", "3"))
			w.wantData("blue/s", "a=1 b=2")
			w.edit("blue/s", label(LabelOriginName, "x"), annotate(AnnotationHash, "x"))
			w.wantData("blue/s", "a=1 b=2")
			w.took()
			w.del("blue/s")
			w.wantData("blue/s", "a=1 b=2")
			w.wantTook("create blue/s")
		}},
		{"all marks are copied if that is wanted, less those about syncing", func(w *world) {
			w.config.CopyMetadata = CopyAll
			w.put("home/s", syncTo("team=web"), label("app.kubernetes.io/instance", "x"), annotate(corev1.LastAppliedConfigAnnotation, "x"))
			w.start()
			got := w.want("blue/s")
			if got.Labels["app.kubernetes.io/instance"] != "x" || got.Annotations[corev1.LastAppliedConfigAnnotation] != "x" {
				w.t.Errorf("%+v", got.ObjectMeta)
			}
			w.wantCopies("blue/s red/s")
			w.config.CopyMetadata = CopyNone
			w.start()
			if got := w.want("blue/s"); got.Labels["app.kubernetes.io/instance"] != "" || len(got.Annotations) != 3 {
				w.t.Errorf("%+v", got.ObjectMeta)
			}
		}},
		{"a copy made immutable by somebody is replaced", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.edit("blue/s", key("a", "edited"), func(s *corev1.Secret) { s.Immutable = ptr.To(true) })
			w.wantData("blue/s", "a=1 b=2")
			if w.want("blue/s").Immutable != nil {
				w.t.Error("blue/s is immutable")
			}
		}},
		{"labels and annotations that others add stay, also through an update", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.took()
			w.edit("blue/s", label("mine", "1"), annotate("note", "2"))
			w.wantTook()
			w.edit("home/s", key("a", "9"))
			w.wantData("blue/s", "a=9 b=2")
			if got := w.want("blue/s"); got.Labels["mine"] != "1" || got.Annotations["note"] != "2" {
				w.t.Errorf("%v %v", got.Labels, got.Annotations)
			}
		}},
		{"labels follow the source, and go when the source loses them", func(w *world) {
			w.put("home/s", syncTo("team=web"), label("x", "1"), annotate("y", "1"))
			w.start()
			w.edit("blue/s", label("x", "other"))
			w.edit("home/s", annotate("y", "2"))
			if got := w.want("blue/s"); got.Labels["x"] != "1" || got.Annotations["y"] != "2" {
				w.t.Errorf("%v %v", got.Labels, got.Annotations)
			}
			w.edit("home/s", func(s *corev1.Secret) { delete(s.Labels, "x") }, unannotate("y"))
			got := w.want("blue/s")
			if _, found := got.Labels["x"]; found {
				w.t.Error("the label stayed")
			}
			if _, found := got.Annotations["y"]; found {
				w.t.Error("the annotation stayed")
			}
		}},
		{"an immutable source made again replaces its copies, flag kept", func(w *world) {
			seal := func(s *corev1.Secret) { s.Immutable = ptr.To(true) }
			w.put("home/s", syncTo("team=web"), seal, label("app", "x"))
			w.start()
			w.edit("blue/s", label("mine", "1"), annotate("note", "2"))
			for _, value := range []string{"8", "9"} {
				w.del("home/s")
				w.put("home/s", syncTo("team=web"), seal, label("app", "x"), key("a", value))
				w.wantData("blue/s", "a="+value+" b=2")
				if got := w.want("blue/s").Immutable; got == nil || !*got {
					w.t.Error("blue/s is not immutable")
				}
				w.took()
				w.edit("home/s", label("x", value))
				if got := w.want("blue/s"); got.Labels["mine"] != "1" || got.Annotations["note"] != "2" || got.Annotations[AnnotationKept] != "mine,note" {
					w.t.Errorf("what others put on it is gone: %v %v", got.Labels, got.Annotations)
				}
			}
			w.edit("home/s", func(s *corev1.Secret) { delete(s.Labels, "app") })
			w.edit("blue/s", func(s *corev1.Secret) { delete(s.Labels, "mine") })
			got := w.want("blue/s").Labels
			if _, app := got["app"]; app {
				w.t.Error("a label that the source lost stayed")
			}
			if _, mine := got["mine"]; mine {
				w.t.Error("a label that its owner took away came back")
			}
			if _, kept := w.want("red/s").Annotations[AnnotationKept]; kept {
				w.t.Error("nobody has put anything on red/s")
			}
		}},
		{"marks of tools, owners and finalizers stay on the source", func(w *world) {
			w.put("home/s", syncTo("team=web"), label("app.kubernetes.io/instance", "x"), label("app", "x"),
				label("wildcast.dev/managed", "true"), annotate("argocd.argoproj.io/tracking-id", "x"), annotate(AnnotationKubedOrigin, "x"),
				annotate("meta.helm.sh/release-name", "x"), annotate(corev1.LastAppliedConfigAnnotation, "x"), func(s *corev1.Secret) {
					s.Finalizers = []string{"example.com/x"}
					s.OwnerReferences = []metav1.OwnerReference{{Name: "x"}}
				})
			w.start()
			got := w.want("blue/s")
			want := map[string]string{"app": "x", LabelOriginCluster: "here", LabelOriginNamespace: "home", LabelOriginName: "s"}
			if !maps.Equal(got.Labels, want) || len(got.Annotations) != 3 || got.Finalizers != nil || got.OwnerReferences != nil {
				w.t.Errorf("%+v", got.ObjectMeta)
			}
		}},
	})
}
