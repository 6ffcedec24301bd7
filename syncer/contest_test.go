package syncer

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

func TestRepairsWaitLongerAndLongerUntilTheyLast(t *testing.T) {
	var c contests
	at, now := place("blue/s"), noon
	var waits []string
	for range 26 {
		wait := c.wait(at, now)
		waits = append(waits, wait.String())
		now = now.Add(wait)
		c.repaired(at, "user", now)
	}
	want := strings.Repeat("0s ", 10) + "100ms 200ms 400ms 800ms 1.6s 3.2s 6.4s 12.8s 25.6s 51.2s 1m42.4s 3m24.8s 5m0s 5m0s 5m0s 5m0s"
	if got := strings.Join(waits, " "); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := c.wait(at, now.Add(9*time.Minute)); got != 0 {
		t.Errorf("after that it waits %s more", got)
	}
	if c.at(at, now.Add(9*time.Minute)).repairs != 26 {
		t.Error("forgotten too early")
	}
	if c.at(at, now.Add(10*time.Minute)).repairs != 0 || len(c.all) != 0 {
		t.Error("not forgotten")
	}
}

// often comes every 10 ms for a second, and every second after that.
func often(d time.Duration) func(func() bool) {
	return func(now func() bool) {
		for passed := time.Duration(0); passed < d; {
			pause := time.Second
			if passed < time.Second {
				pause = 10 * time.Millisecond
			}
			time.Sleep(pause)
			if passed += pause; !now() {
				return
			}
		}
	}
}

// rival makes somebody answer each repair of blue/s at once, for so long.
func (w *world) rival(change func(*corev1.Secret), d time.Duration) {
	w.t.Helper()
	for range often(d) {
		if now, err := w.get(place("blue/s")); err == nil && readObject(now.ObjectMeta, scope{}).role == roleCopy && string(now.Data["a"]) != "theirs" {
			w.edit("blue/s", change)
		}
	}
}

// writes are how many of the requests since the last call were writes.
func (w *world) writes() int {
	return len(slices.DeleteFunc(w.took(), func(r string) bool { return strings.HasPrefix(r, "get ") }))
}

// overwrite is what kubed does to a copy: it knows no marks but its own.
func overwrite(s *corev1.Secret) {
	s.Labels = map[string]string{LabelKubedOriginName: "s", LabelKubedOriginNamespace: "home", LabelKubedOriginCluster: "unicorn"}
	s.Annotations = map[string]string{AnnotationKubedOrigin: `{"namespace":"home","name":"s","uid":"u","resourceVersion":"1"}`}
}

// TestContests: no fight with anybody.
func TestContests(t *testing.T) {
	play(t, []scene{
		{"a copy that somebody changes again and again is repaired less and less often, and at once when that has ended", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.took()
			w.rival(key("a", "theirs"), time.Hour)
			if n := w.writes(); n < 20 || n > 40 {
				w.t.Errorf("%d writes in an hour", n)
			}
			w.wantSaid("Contested home/s")
			time.Sleep(5 * time.Minute)
			w.wantData("blue/s", "a=1 b=2")
			time.Sleep(10 * time.Minute)
			w.edit("blue/s", key("a", "theirs"))
			w.wantData("blue/s", "a=1 b=2")
			w.wantSaid()
		}},
		{"a change of the source reaches a contested copy at once", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.rival(key("a", "theirs"), time.Hour)
			w.edit("blue/s", key("a", "theirs"))
			w.edit("home/s", key("b", "9"))
			w.wantData("blue/s", "a=1 b=9")
		}},
		{"a copy that somebody deletes again and again is made less and less often", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.took()
			for range often(time.Hour) {
				if _, err := w.get(place("blue/s")); err == nil {
					w.del("blue/s")
				}
			}
			if n := w.writes(); n < 20 || n > 40 {
				w.t.Errorf("%d writes in an hour", n)
			}
			w.wantSaid("Contested home/s")
			time.Sleep(5 * time.Minute)
			w.wantCopies("blue/s red/s")
		}},
		{"ten edits in a row are repaired at once, and a contest is about one copy only", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.start()
			for i := range 10 {
				w.edit("blue/s", key("a", fmt.Sprint(i, "x")))
				w.wantData("blue/s", "a=1 b=2")
			}
			w.edit("blue/s", key("a", "x"))
			w.edit("red/s", key("a", "x"))
			w.wantData("red/s", "a=1 b=2")
			w.wantData("blue/s", "a=x b=2")
			time.Sleep(100 * time.Millisecond)
			w.wantData("blue/s", "a=1 b=2")
		}},
	})
}
