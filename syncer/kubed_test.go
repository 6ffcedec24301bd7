package syncer

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// byKubed makes a Secret what kubed makes of a copy of home/s, in a cluster that it calls unicorn.
func byKubed(from *corev1.Secret) func(*corev1.Secret) {
	return func(s *corev1.Secret) {
		s.Labels = map[string]string{}
		for key, value := range from.Labels {
			s.Labels[key] = value
		}
		s.Labels[LabelKubedOriginCluster], s.Labels[LabelKubedOriginNamespace], s.Labels[LabelKubedOriginName] = "unicorn", from.Namespace, from.Name
		s.Annotations = map[string]string{AnnotationKubedOrigin: originOf(readObject(from.ObjectMeta, scope{})).String()}
		for key, value := range from.Annotations {
			if key != AnnotationKubedSync && key != AnnotationKubedSyncContexts {
				s.Annotations[key] = value
			}
		}
		s.Data = from.Data
	}
}

func kubedTo(selector string) func(*corev1.Secret) { return annotate(AnnotationKubedSync, selector) }

// TestKubed: kubed's dialect, and what kubed left.
func TestKubed(t *testing.T) {
	play(t, []scene{
		{"copies of a source in kubed's dialect carry kubed's marks beside ours", func(w *world) {
			from := w.put("home/s", kubedTo("team=web"), label("app", "x"), annotate("note", "y"))
			w.start()
			w.wantCopies("blue/s red/s")
			got := w.want("blue/s")
			text := `{"namespace":"home","name":"s","uid":"` + string(from.UID) + `","resourceVersion":"` + from.ResourceVersion + `"}`
			if got.Annotations[AnnotationKubedOrigin] != text || got.Annotations[AnnotationOrigin] != text || got.Annotations["note"] != "y" || len(got.Annotations) != 5 {
				w.t.Error(got.Annotations)
			}
			if got.Labels[LabelKubedOriginCluster] != "here" || got.Labels[LabelKubedOriginNamespace] != "home" || got.Labels[LabelKubedOriginName] != "s" || len(got.Labels) != 7 {
				w.t.Error(got.Labels)
			}
			w.took()
			w.start()
			w.wantTook()
			w.edit("blue/s", label(LabelKubedOriginName, "x"))
			if got := w.want("blue/s").Labels[LabelKubedOriginName]; got != "s" {
				w.t.Error(got)
			}
			w.edit("home/s", unannotate(AnnotationKubedSync))
			w.wantCopies("")
		}},
		{"kubed's marks go from the copies when the source is marked in our way only", func(w *world) {
			w.put("home/s", kubedTo(""))
			w.start()
			w.edit("home/s", syncTo("team=web"))
			w.wantCopies("blue/s red/s")
			w.edit("home/s", unannotate(AnnotationKubedSync))
			if got := w.want("blue/s"); got.Annotations[AnnotationKubedOrigin] != "" || len(got.Labels) != 3 {
				w.t.Error(got.Labels, got.Annotations)
			}
		}},
		{"copies that kubed made are adopted in place where the source selects, and reported elsewhere", func(w *world) {
			from := w.put("home/s", kubedTo("team=web"), label("app", "x"), annotate(corev1.LastAppliedConfigAnnotation, "x"))
			blue := w.put("blue/s", byKubed(from), label("mine", "1"))
			red := w.put("red/s", byKubed(from), key("a", "old"))
			grey := w.put("grey/s", byKubed(from))
			clone := w.put("blue/clone", byKubed(from))
			w.start()
			w.wantCopies("blue/s red/s")
			w.wantData("red/s", "a=1 b=2")
			got := w.want("blue/s")
			if got.UID != blue.UID || w.want("red/s").UID != red.UID {
				w.t.Error("made anew")
			}
			if got.Labels["mine"] != "1" || got.Labels["app"] != "x" || got.Labels[LabelKubedOriginCluster] != "here" || got.Annotations[corev1.LastAppliedConfigAnnotation] != "" {
				w.t.Error(got.Labels, got.Annotations)
			}
			w.wantTook("get home/s", "update blue/s", "update red/s")
			w.wantSaid("LeftByKubed home/s")
			w.start()
			w.wantTook("get blue/s", "get home/s", "get red/s") // who wrote what they hold was not we, who found it right
			w.del("home/s")
			time.Sleep(time.Minute)
			w.wantCopies("")
			for _, was := range []*corev1.Secret{grey, clone} {
				if is := w.want(was.Namespace + "/" + was.Name); is.ResourceVersion != was.ResourceVersion {
					w.t.Errorf("%s was written", was.Namespace)
				}
			}
		}},
		{"a copy that kubed left is adopted when its namespace is selected, and removed when it is not any more", func(w *world) {
			from := w.put("home/s", kubedTo("team=web"))
			grey := w.put("grey/s", byKubed(from))
			w.start()
			w.relabel("grey", "team=web")
			w.wantCopies("blue/s grey/s red/s")
			if w.want("grey/s").UID != grey.UID {
				w.t.Error("made anew")
			}
			w.relabel("grey", "")
			w.wantCopies("blue/s red/s")
			if w.there("grey/s") != nil {
				w.t.Error("it stayed")
			}
		}},
		{"an orphan of kubed is left alone and reported on itself", func(w *world) {
			from := w.put("home/s", kubedTo(""))
			w.put("blue/s", byKubed(from))
			w.del("home/s")
			w.start()
			time.Sleep(time.Hour)
			w.wantTook()
			w.wantSaid("LeftByKubed blue/s")
			w.put("home/s", kubedTo("team=web"), key("a", "9")) // made again: the UID is another
			w.wantCopies("blue/s red/s")
			w.wantData("blue/s", "a=9 b=2")
		}},
		{"a copy that kubed made of another source is in the way", func(w *world) {
			other := w.put("grey/s", kubedTo("team=none"))
			w.put("blue/s", byKubed(other))
			w.put("home/s", kubedTo("team=web"))
			w.start()
			w.wantCopies("red/s")
			w.wantSaid("TargetNotOurs home/s")
			w.edit("blue/s", annotate(AnnotationAdopt, "true"))
			w.wantCopies("blue/s red/s")
		}},
		{"a source that kubed stamped as its own copy is a source and never written", func(w *world) {
			from := w.put("home/s", kubedTo("team=web"))
			w.edit("home/s", byKubed(from), kubedTo("team=web"))
			was := w.want("home/s")
			w.start()
			w.wantCopies("blue/s red/s")
			if w.want("home/s").ResourceVersion != was.ResourceVersion {
				w.t.Error("it was written")
			}
			w.wantSaid()
		}},
		{"kubed that runs beside wildcast is named once, and its writes are repaired", func(w *world) {
			w.put("home/s", kubedTo("team=web"))
			w.start()
			uid := w.want("blue/s").UID
			w.took()
			w.edit("blue/s", overwrite)
			w.edit("red/s", overwrite)
			w.wantCopies("blue/s red/s")
			if w.want("blue/s").UID != uid {
				w.t.Error("made anew")
			}
			w.wantTook("update blue/s", "update red/s")
			w.wantSaid("KubedRunning home/s")
			w.edit("home/s", key("a", "9"))
			w.settle()
			w.edit("blue/s", overwrite)
			w.wantData("blue/s", "a=9 b=2")
			w.wantCopies("blue/s red/s")
			w.wantSaid()
		}},
		{"there is no fight with kubed, however often it writes", func(w *world) {
			w.put("home/s", kubedTo("team=web"))
			w.start()
			w.took()
			w.rival(overwrite, time.Hour)
			if n := w.writes(); n < 20 || n > 40 {
				w.t.Errorf("%d writes in an hour", n)
			}
			w.wantSaid("KubedRunning home/s")
			time.Sleep(10 * time.Minute)
			w.wantCopies("blue/s red/s")
		}},
		{"a copy that kubed made of a source with both annotations is no source", func(w *world) {
			from := w.put("home/s", kubedTo(""), syncTo("team=web"))
			w.put("grey/s", byKubed(from))
			w.put("blue/s", byKubed(from))
			w.start()
			w.wantCopies("blue/s red/s")
			w.wantSaid("LeftByKubed home/s")
		}},
	})
}
