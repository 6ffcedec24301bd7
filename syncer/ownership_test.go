package syncer

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// TestOwnership: what is ours, and what is not.
func TestOwnership(t *testing.T) {
	play(t, []scene{
		{"an object that is not ours is left alone, and its end brings the copy", func(w *world) {
			before := w.put("blue/s", key("a", "mine"))
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.wantCopies("red/s")
			w.wantSaid("TargetNotOurs home/s")
			if w.want("blue/s").ResourceVersion != before.ResourceVersion {
				w.t.Error("blue/s was written")
			}
			w.edit("home/s", key("a", "9"))
			w.wantSaid()
			w.took()
			w.del("blue/s")
			w.wantData("blue/s", "a=9 b=2")
			w.wantTook("create blue/s")
		}},
		{"an object that is not ours is met once, whatever else goes in its namespace", func(w *world) {
			w.put("blue/s")
			w.put("blue/other")
			w.put("home/s", syncTo("team=web"))
			w.put("home/t", syncTo("team=web"))
			w.start()
			w.took()
			w.del("blue/other")
			w.wantTook()
			w.edit("home/t", syncTo("false"))
			w.wantTook("delete blue/t", "delete red/t")
		}},
		{"an object that is not ours becomes the copy when it is handed over", func(w *world) {
			before := w.put("blue/s", key("a", "mine"), key("c", "mine"), label("their", "1"))
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.wantCopies("red/s")
			w.edit("blue/s", annotate(AnnotationAdopt, "true"))
			w.wantData("blue/s", "a=1 b=2")
			w.wantCopies("blue/s red/s")
			got := w.want("blue/s")
			if _, found := got.Annotations[AnnotationAdopt]; found || got.UID != before.UID || got.Labels["their"] != "1" {
				w.t.Errorf("%+v", got.ObjectMeta)
			}
			w.edit("home/s", syncTo("false"))
			w.wantCopies("")
		}},
		{"an object in a namespace that is no target stays when the source goes", func(w *world) {
			w.put("grey/s")
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.del("home/s")
			time.Sleep(time.Minute)
			w.wantCopies("")
			w.want("grey/s")
		}},
		{"clones of a copy are not copies", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.start()
			clone := func(s *corev1.Secret) {
				c := w.want("blue/s")
				s.Labels, s.Annotations, s.Data = c.Labels, c.Annotations, c.Data
			}
			w.put("grey/s", clone)
			w.put("blue/mine", clone)
			w.took()
			w.edit("home/s", key("a", "9"))
			w.del("home/s")
			time.Sleep(time.Minute)
			w.wantData("grey/s", "a=1 b=2")
			w.wantData("blue/mine", "a=1 b=2")
			for _, request := range w.took() {
				if strings.HasSuffix(request, "grey/s") || strings.HasSuffix(request, "blue/mine") {
					w.t.Error(request)
				}
			}
		}},
		{"copies that another cluster's wildcast made are left alone", func(w *world) {
			w.config.ClusterName = "there"
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.wantCopies("blue/s red/s")
			w.stop()
			w.del("home/s")
			w.put("home/s", syncTo("team=web"), key("a", "9")) // another object: its UID proves nothing
			w.config.ClusterName = "here"
			w.said()
			w.start()
			time.Sleep(time.Minute)
			w.wantData("blue/s", "a=1 b=2")
			w.wantSaid("TargetNotOurs home/s", "TargetNotOurs home/s")
			w.edit("home/s", syncTo("false"))
			w.wantCopies("blue/s red/s")
			was := w.want("blue/s").UID
			w.edit("blue/s", annotate(AnnotationAdopt, "true"))
			w.wantData("blue/s", "a=1 b=2") // nobody wants it there
			w.edit("home/s", syncTo("team=web"))
			w.wantData("blue/s", "a=9 b=2")
			w.wantData("red/s", "a=1 b=2")
			got := w.want("blue/s")
			if _, found := got.Annotations[AnnotationAdopt]; found || got.UID != was || got.Labels[LabelOriginCluster] != "here" {
				w.t.Errorf("%+v", got.ObjectMeta)
			}
			w.edit("home/s", syncTo("false"))
			w.wantCopies("red/s")
		}},
		{"a cluster that gets another name keeps its copies", func(w *world) {
			w.config.ClusterName = "there"
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.config.ClusterName = "here"
			w.start()
			if got := w.want("blue/s").Labels[LabelOriginCluster]; got != "here" {
				w.t.Error(got)
			}
			w.wantSaid()
		}},
		{"of two sources the older wins, the other has an Event, and there is no fight", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			time.Sleep(time.Minute)
			w.put("grey/s", syncTo("team=web"), key("a", "younger"))
			w.start()
			w.wantData("blue/s", "a=1 b=2")
			w.wantSaid("Conflict grey/s")
			w.took()
			time.Sleep(time.Hour)
			w.wantTook()
			w.del("home/s")
			w.wantData("blue/s", "a=younger b=2")
		}},
		{"a conflict is said once, however many targets the two share, and again after a restart or an hour", func(w *world) {
			for i := range 20 {
				w.namespace(fmt.Sprint("blue-", i), "team=web")
			}
			w.put("home/s", syncTo("team=web"))
			time.Sleep(time.Minute)
			w.put("grey/s", syncTo("team=web"))
			w.start()
			w.wantSaid("Conflict grey/s")
			w.namespace("late", "team=web")
			w.wantSaid()
			time.Sleep(time.Hour)
			w.namespace("later", "team=web")
			w.wantSaid("Conflict grey/s")
			w.put("red/t", syncTo("team=web"), annotate(AnnotationSyncAs, "s"))
			w.wantSaid("Conflict red/t")
			w.start()
			w.wantSaid("Conflict grey/s", "Conflict red/t")
		}},
		{"a source is never written, also where its selector selects its own namespace", func(w *world) {
			before := w.put("blue/s", syncTo("team=web"))
			w.start()
			w.start()
			w.wantCopies("red/s")
			if w.want("blue/s").ResourceVersion != before.ResourceVersion {
				w.t.Error("blue/s was written")
			}
			w.wantSaid()
		}},
		{"copies are not reflected", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.edit("blue/s", syncTo(""))
			w.wantCopies("blue/s red/s")
		}},
		{"only sources in the source namespaces count", func(w *world) {
			w.config.SourceNamespaces = []string{"home"}
			w.put("home/s", syncTo("team=web"))
			w.put("grey/t", syncTo("team=web"))
			w.start()
			w.wantCopies("blue/s red/s")
		}},
		{"a source in the way of a copy is left alone", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.put("blue/s", syncTo("team=none"), annotate(AnnotationAdopt, "true"), key("a", "mine"))
			w.start()
			w.wantCopies("red/s")
			w.wantData("blue/s", "a=mine b=2")
			w.wantSaid("TargetNotOurs home/s")
			time.Sleep(time.Hour)
			w.took()
			w.edit("blue/s", unannotate(AnnotationSync))
			w.wantData("blue/s", "a=1 b=2")
		}},
	})
}
