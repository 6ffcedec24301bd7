package syncer

import (
	"strings"
	"testing"
	"time"

	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/tools/cache"
)

// newParts is an index that watches the namespaces one by one, with nothing in it.
func newParts(namespaces ...string) *ears {
	e := &ears{}
	told := func(text ...string) { e.told = append(e.told, strings.Join(text, " ")) }
	e.index = newIndex(scope{}, func(at ref, _, after *object) {
		if after == nil {
			told("lost", at.String())
		} else {
			told("found", at.String())
		}
	}, func(namespace string) { told("refilled", namespace) })
	e.divide(namespaces)
	return e
}

func (e *ears) fill(t *testing.T, namespace string, all ...any) {
	t.Helper()
	if err := (part{e.index, namespace}).Replace(all, "1"); err != nil {
		t.Fatal(err)
	}
}

func TestAListOfOneNamespaceReplacesWhatIsKnownOfThatOneOnly(t *testing.T) {
	e := newParts("home", "blue", "red")
	e.fill(t, "home", meta("home/s", "1", 1, AnnotationSync, ""))
	e.fill(t, "blue", copyMeta("blue/s", "2", 2))
	e.fill(t, "red", copyMeta("red/s", "3", 3))
	e.want(t, "found home/s", "refilled home", "found blue/s", "refilled blue", "found red/s", "refilled red")
	e.fill(t, "blue")
	e.want(t, "lost blue/s", "refilled blue")
	if e.at(place("home/s")) == nil || e.at(place("red/s")) == nil {
		t.Error("objects of other namespaces were lost")
	}
}

func TestADeletionOfOursIsWaitedForUntilItsOwnNamespaceIsListed(t *testing.T) {
	e := newParts("blue", "red")
	e.fill(t, "blue", copyMeta("blue/s", "2", 2))
	e.fill(t, "red")
	e.wasDeleted(e.at(place("blue/s")))
	e.fill(t, "red")
	_ = e.Update(copyMeta("blue/s", "2", 3))
	if e.at(place("blue/s")) != nil {
		t.Error("the list of another namespace brought back what was removed")
	}
	e.fill(t, "blue", copyMeta("blue/s", "2", 4))
	if e.at(place("blue/s")) == nil {
		t.Error("the list of its own namespace does not count")
	}
}

func TestANamespaceIsSeenOnceItIsListedAndNotWaitedForOnceThatIsForbidden(t *testing.T) {
	e := newParts("home", "blue")
	state := func(namespace string, seen, done bool) {
		t.Helper()
		if e.sees(namespace) != seen || cache.IsDone(part{e.index, namespace}) != done {
			t.Errorf("%s: seen %t, done %t", namespace, e.sees(namespace), !done)
		}
	}
	state("home", false, false)
	e.fill(t, "home")
	state("home", true, true)
	e.fills["blue"].settle()
	state("blue", false, true)
	e.fill(t, "blue")
	state("blue", true, true)
	if e.sees("red") {
		t.Error("a namespace is seen that nobody watches")
	}
}

func TestTheCopiesOfANamespacesSourcesAreFoundWhereverTheyAre(t *testing.T) {
	e := newParts("blue", "red")
	e.fill(t, "blue", copyMeta("blue/s", "2", 2), meta("blue/t", "4", 4, AnnotationTarget, "blue/t", AnnotationOrigin, origin{Namespace: "red", Name: "t"}.String()))
	if got := e.copiesOut("home"); len(got) != 1 || got[0] != place("blue/s") {
		t.Errorf("%v", got)
	}
}

func TestPlanKeepsACopyWhoseSourceIsNotSeen(t *testing.T) {
	v := view{target: place("blue/s"), open: true, held: aCopy(), unseen: true}
	if got := here.plan(v, noon); got.verb != keep || got.again != 0 {
		t.Errorf("not wanted: %+v", got)
	}
	v.wants = []*object{aSource(func(o *object) { o.Namespace, o.UID = "away", "away-uid" })}
	if got := here.plan(v, noon); got.verb != blocked {
		t.Errorf("wanted of another source: %v", got.verb)
	}
	v.wants, v.shut = nil, true
	if got := here.plan(v, noon); got.verb != remove {
		t.Errorf("in a namespace that opted out: %v", got.verb)
	}
}

// watch makes the syncer watch these namespaces only.
func (w *world) watch(namespaces ...string) { w.config.WatchedNamespaces = namespaces }

// TestWatchedNamespaces: what is done when not all namespaces are seen.
func TestWatchedNamespaces(t *testing.T) {
	// One of client-go's handlers of errors sleeps until a millisecond after the last error, whose time is not the
	// bubble's.
	handlers := utilruntime.ErrorHandlers
	utilruntime.ErrorHandlers = nil
	t.Cleanup(func() { utilruntime.ErrorHandlers = handlers })
	play(t, []scene{
		{"copies are made among the watched namespaces, and nowhere else", func(w *world) {
			w.watch("home", "blue")
			w.put("home/s", syncTo(""))
			w.put("red/t", syncTo(""))
			w.start()
			w.wantCopies("blue/s")
			w.edit("blue/s", key("a", "edited"))
			w.wantData("blue/s", "a=1 b=2")
			w.del("home/s")
			time.Sleep(10 * time.Second)
			w.wantCopies("")
		}},
		{"copies of a namespace that is no longer watched stay, and are taken over by nobody", func(w *world) {
			w.put("red/s", syncTo("team=ops"))
			w.start()
			w.wantCopies("grey/s")
			w.watch("home", "grey")
			time.Sleep(time.Second)
			w.stop()
			w.put("home/s", syncTo("team=ops"))
			w.took()
			w.start()
			w.wantSaid("TargetNotOurs home/s")
			time.Sleep(time.Hour)
			w.wantTook()
			w.watch("home", "grey", "red")
			w.start()
			w.wantSaid("Conflict home/s")
			w.wantTook()
		}},
		{"a namespace that may not be read keeps its copies and those of its sources, and delays no other", func(w *world) {
			w.put("red/s", syncTo("team=web"))
			w.put("home/t", syncTo("team"))
			w.start()
			w.wantCopies("blue/s blue/t grey/t red/t")
			w.stop()
			w.del("red/s")
			w.edit("home/t", syncTo("team=web"))
			w.hide("red")
			told := map[string]bool{}
			w.config.Unreadable = func(namespace string, _ error) { told[namespace] = true }
			w.watch("home", "blue", "red", "grey")
			w.took()
			w.start()
			time.Sleep(time.Hour)
			w.wantCopies("blue/s blue/t red/t")
			if len(told) != 1 || !told["red"] {
				w.t.Errorf("unreadable: %v", told)
			}
			w.hide("")
			time.Sleep(2 * time.Minute)
			w.wantCopies("blue/t red/t")
		}},
		{"what nobody asks for is removed only once it is known what is asked for", func(w *world) {
			known := false
			w.config.Known = func(namespace string) bool { return known || namespace != "blue" }
			w.put("home/s", syncTo("team=web"))
			target := place("blue/mine")
			w.asked[target] = []Request{{Source: place("home/s")}}
			known = true
			w.start()
			w.wantCopies("blue/mine blue/s red/s")
			known = false
			delete(w.asked, target)
			w.start()
			time.Sleep(time.Hour)
			w.wantCopies("blue/mine blue/s red/s")
			known = true
			w.syncer.Look(ref{Namespace: "blue"})
			w.wantCopies("blue/s red/s")
		}},
		{"a restart that nothing preceded takes no write", func(w *world) {
			w.watch("home", "blue", "red", "grey")
			w.put("home/s", syncTo("team"))
			w.put("red/t", syncTo("team"))
			w.start()
			w.wantCopies("blue/s blue/t grey/s grey/t red/s")
			w.took()
			w.start()
			w.wantTook()
		}},
	})
}
