package syncer

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// TestKeys: sources that list keys which they do not have.
func TestKeys(t *testing.T) {
	none := annotate(AnnotationSyncKeys, "A")
	play(t, []scene{
		{"a source with none of the keys that it lists keeps its copies, whatever else has changed, and is reported until it is mended", func(w *world) {
			w.put("home/s", syncTo("team=web"), annotate(AnnotationSyncKeys, "a"))
			w.start()
			w.took()
			w.edit("home/s", none, syncTo("team=ops"), annotate(AnnotationSyncAs, "t"), key("a", "9"))
			if note := w.note(); !strings.Contains(note, `names no key that there is; there are "a", "b"`) {
				w.t.Error(note)
			}
			w.wantCopies("blue/s red/s")
			w.wantData("blue/s", "a=1")
			w.wantTook("get home/s")
			w.start()
			w.wantCopies("blue/s red/s")
			w.wantTook("get home/s")
			w.wantSaid("InvalidSyncKeys home/s")
			time.Sleep(time.Hour)
			w.wantTook()
			w.wantSaid()
			w.edit("home/s", annotate(AnnotationSyncKeys, "A,a"))
			w.wantCopies("grey/t")
			w.wantData("grey/t", "a=9")
			w.wantSaid()
		}},
		{"a source that loses the keys that it lists keeps its copies", func(w *world) {
			w.put("home/s", syncTo("team=web"), annotate(AnnotationSyncKeys, "a"))
			w.start()
			w.edit("home/s", func(s *corev1.Secret) { delete(s.Data, "a") })
			w.wantData("blue/s", "a=1")
			w.wantSaid("InvalidSyncKeys home/s")
			w.edit("home/s", key("a", "9"))
			w.wantData("blue/s", "a=9")
			w.wantSaid()
		}},
		{"it gets no new copy, and a younger source has the place only where there is none", func(w *world) {
			w.put("home/s", syncTo("team=web"), annotate(AnnotationSyncKeys, "a"))
			w.start()
			w.edit("home/s", none, syncTo("team=none"))
			time.Sleep(time.Second)
			w.put("home/t", syncTo("team"), annotate(AnnotationSyncAs, "s"), key("a", "younger"))
			w.start()
			w.wantCopies("blue/s grey/s red/s")
			w.wantData("blue/s", "a=1")
			w.wantData("grey/s", "a=younger b=2")
			w.edit("home/s", annotate(AnnotationSyncKeys, "b"))
			w.wantData("blue/s", "a=younger b=2")
		}},
		{"copies in other clusters stay too", func(w *world) {
			_, there := explore(w, "")
			w.put("home/s", contextsTo("there"), annotate(AnnotationSyncKeys, "a"))
			w.start()
			w.edit("home/s", none, unannotate(AnnotationSyncContexts), syncTo("team=web"))
			there.wantData("home/s", "a=1")
			w.wantSaid("InvalidSyncKeys home/s")
			w.edit("home/s", annotate(AnnotationSyncKeys, "b"))
			there.wantCopies("")
			w.wantCopies("blue/s red/s")
		}},
	})
}

func TestTheKeysThatThereAreAreNamedUpToTen(t *testing.T) {
	data := map[string][]byte{}
	for _, want := range []string{"there are none. Correct it", `there are "a". Correct it`} {
		if got := noSuchKeys(payload{Data: data}).Detail; !strings.Contains(got, want) {
			t.Error(got)
		}
		data["a"] = nil
	}
	binary := map[string][]byte{}
	for _, key := range strings.Split("bcdefghijkl", "") {
		binary[key] = nil
	}
	if got := noSuchKeys(payload{Data: data, Binary: binary}).Detail; !strings.Contains(got, `"a", "b"`) || !strings.Contains(got, `"j" and 2 more. Correct it`) {
		t.Error(got)
	}
}
