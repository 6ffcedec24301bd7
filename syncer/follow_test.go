package syncer

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestCopiesFollowASourceAsItWasInABackup(t *testing.T) {
	in(t, Secrets, three, func(w *world) {
		old := w.put("home/s", syncTo("team=ops"))
		w.start()
		w.edit("home/s", key("a", "9"))
		w.wantData("grey/s", "a=9 b=2")
		old.ManagedFields = nil
		if err := w.kube.Tracker().Update(secretsResource, old, "home"); err != nil {
			t.Fatal(err)
		}
		list := []any{partial(old), partial(w.want("grey/s"))}
		if err := (part{w.syncer.index, metav1.NamespaceAll}).Replace(list, old.ResourceVersion); err != nil {
			t.Fatal(err)
		}
		w.wantData("grey/s", "a=1 b=2")
	})
}

func TestANamespaceThatWasMadeAgainUnseenGetsItsCopies(t *testing.T) {
	in(t, Secrets, three, func(w *world) {
		w.put("home/s", syncTo("team=ops"))
		ending := true
		w.refuse = func(verb string, at ref) error {
			if !ending || verb != "create" {
				return nil
			}
			ending = false
			return terminating(at)
		}
		w.start()
		time.Sleep(time.Hour)
		w.wantCopies("")
		before, err := w.syncer.namespaces.Get("grey")
		if err != nil {
			t.Fatal(err)
		}
		after := before.DeepCopy()
		after.UID = "again"
		w.syncer.namespaceHandler().UpdateFunc(before, after)
		w.wantCopies("grey/s")
	})
}

// TestCopiesFollow: copies follow what sources and namespaces say.
func TestCopiesFollow(t *testing.T) {
	play(t, []scene{
		{"a marked source is copied into every namespace", func(w *world) {
			w.put("home/s")
			w.start()
			w.wantCopies("")
			w.edit("home/s", syncTo(""))
			w.wantCopies("blue/s grey/s red/s")
			w.wantData("blue/s", "a=1 b=2")
			w.edit("home/s", syncTo("true"))
			w.wantCopies("blue/s grey/s red/s")
		}},
		{"a selector selects", func(w *world) {
			w.start()
			w.put("home/s", syncTo("team in (web,net),!hidden"))
			w.wantCopies("blue/s red/s")
			w.wantTook("create blue/s", "create red/s", "get home/s")
			w.wantSaid()
		}},
		{"a new namespace that matches gets its copy in one write", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.took()
			w.namespace("new", "team=web")
			w.namespace("other", "")
			w.wantCopies("blue/s new/s red/s")
			w.wantTook("create new/s")
		}},
		{"a label added brings the copy, removed takes it away, and others stay", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.relabel("grey", "team=web")
			w.wantCopies("blue/s grey/s red/s")
			w.relabel("blue", "")
			w.wantCopies("grey/s red/s")
		}},
		{"a change of the source arrives: value, key removed, key added", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.took()
			w.edit("home/s", key("a", "9"), key("c", "3"), func(s *corev1.Secret) { delete(s.Data, "b") })
			w.wantData("blue/s", "a=9 c=3")
			w.wantData("red/s", "a=9 c=3")
			w.wantTook("get home/s", "update blue/s", "update red/s")
		}},
		{"the annotation removed, or false, takes the copies away at once and keeps the source", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.put("home/t", syncTo("team=web"))
			w.start()
			w.wantCopies("blue/s blue/t red/s red/t")
			w.edit("home/s", unannotate(AnnotationSync))
			w.edit("home/t", syncTo("false"))
			w.wantCopies("")
			w.want("home/s")
			w.want("home/t")
		}},
		{"copies follow the selector", func(w *world) {
			w.put("home/s", syncTo(""))
			w.start()
			w.wantCopies("blue/s grey/s red/s")
			w.edit("home/s", syncTo("team=web"))
			w.wantCopies("blue/s red/s")
			w.edit("home/s", syncTo("team=none"))
			w.wantCopies("")
			w.edit("home/s", syncTo(""))
			w.wantCopies("blue/s grey/s red/s")
		}},
		{"a source deleted takes its copies along after the grace", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.del("home/s")
			time.Sleep(4900 * time.Millisecond)
			w.wantCopies("blue/s red/s")
			time.Sleep(100 * time.Millisecond)
			w.wantCopies("")
		}},
		{"a source deleted and made again within the grace updates its copies in place", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.start()
			uid := w.want("blue/s").UID
			w.took()
			w.del("home/s")
			time.Sleep(2 * time.Second)
			w.put("home/s", syncTo("team=web"), key("a", "new"))
			w.wantData("blue/s", "a=new b=2")
			time.Sleep(time.Minute)
			w.wantCopies("blue/s red/s")
			w.wantTook("get home/s", "update blue/s", "update red/s")
			if w.want("blue/s").UID != uid {
				w.t.Error("blue/s is another object")
			}
		}},
		{"a name of more than 63 characters is copied", func(w *world) {
			long := strings.Repeat("long.", 30) + "name"
			w.put("home/"+long, syncTo("team=web"))
			w.start()
			w.wantCopies("blue/" + long + " red/" + long)
			if from := w.want("blue/" + long).Annotations[AnnotationOrigin]; !strings.Contains(from, long) {
				w.t.Error(from)
			}
		}},
		{"sync-as and sync-keys give the copies that name and those keys, and a change moves them", func(w *world) {
			w.put("home/s", syncTo("team=web"), annotate(AnnotationSyncAs, "t"), annotate(AnnotationSyncKeys, "a, c"))
			w.start()
			w.wantCopies("blue/t red/t")
			w.wantData("blue/t", "a=1")
			w.edit("home/s", annotate(AnnotationSyncAs, "u"), annotate(AnnotationSyncKeys, "b"))
			w.wantCopies("blue/u red/u")
			w.wantData("blue/u", "b=2")
		}},
		{"a namespace that opts out gets no copy and loses the one it has", func(w *world) {
			w.put("home/s", syncTo(""))
			w.start()
			w.relabel("blue", "team=web,wildcast.dev/sync=false")
			w.wantCopies("grey/s red/s")
		}},
	})
}
