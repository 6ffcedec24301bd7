package syncer

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// TestRest: no more is done than needed, and nothing is forgotten.
func TestRest(t *testing.T) {
	play(t, []scene{
		{"nothing changes, nothing is asked, also after a restart", func(w *world) {
			w.put("home/s", syncTo(""), label("x", "1"))
			w.start()
			w.edit("home/s", key("a", "9"))
			w.took()
			time.Sleep(25 * time.Hour)
			w.wantTook()
			w.start()
			time.Sleep(time.Hour)
			w.wantTook()
		}},
		{"a source that is written without a change is read once and nothing is written, also after a restart", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.took()
			w.edit("home/s", annotate(corev1.LastAppliedConfigAnnotation, "x"))
			w.wantTook("get home/s")
			w.start()
			w.wantTook("get home/s")
		}},
		{"what changed while wildcast was down is healed at the start", func(w *world) {
			for _, name := range []string{"gone", "unmarked", "edited", "deleted", "narrowed"} {
				w.put("home/"+name, syncTo("team=web"))
			}
			w.start()
			w.stop()
			w.del("home/gone")
			w.edit("home/unmarked", unannotate(AnnotationSync))
			w.edit("blue/edited", key("a", "x"))
			w.del("blue/deleted")
			w.edit("home/narrowed", syncTo("team=none"))
			w.relabel("red", "")
			w.start()
			w.wantData("blue/edited", "a=1 b=2")
			time.Sleep(5 * time.Second)
			w.wantCopies("blue/deleted blue/edited")
		}},
		{"many namespaces labelled and unlabelled while copies are made end right", func(w *world) {
			w.put("home/s", syncTo("late"))
			w.start()
			for i := range 100 {
				w.namespace(string(rune('a'+i%26))+strings.Repeat("x", i/26+1), "late=1")
			}
			for i := range 100 {
				if i%2 == 0 {
					w.relabel(string(rune('a'+i%26))+strings.Repeat("x", i/26+1), "")
				}
			}
			if n := len(strings.Fields(w.copies())); n != 50 {
				w.t.Errorf("%d copies", n)
			}
		}},
		{"a second syncer that begins to lead looks everywhere", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.put("home/t", syncTo("team=web"))
			w.wantCopies("blue/s blue/t red/s red/t")
			w.stop()
			w.del("blue/t")
			w.start()
			w.wantCopies("blue/s blue/t red/s red/t")
		}},
	})
}
