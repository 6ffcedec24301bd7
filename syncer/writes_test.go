package syncer

import (
	"errors"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"
)

// TestEveryRequestMayFail has one row for each request of the syncer and each way in which it fails. In each, blue is
// refused once and red never: red must be right at once, and blue in the end.
func TestEveryRequestMayFail(t *testing.T) {
	secret := secretsResource.GroupResource()
	conflict := func(at ref) error { return apierrors.NewConflict(secret, at.Name, errors.New("modified")) }
	notFound := func(at ref) error { return apierrors.NewNotFound(secret, at.Name) }
	internal := func(ref) error { return apierrors.NewInternalError(errors.New("etcd is away")) }
	busy := func(ref) error { return apierrors.NewTooManyRequests("busy", 1) }
	reset := func(ref) error { return errors.New("connection reset by peer") }

	update := func(w *world) { w.edit("home/s", key("a", "9")) }
	remake := func(change func(*corev1.Secret)) func(w *world) {
		return func(w *world) {
			w.del("home/s")
			w.put("home/s", syncTo("team=web"), key("a", "9"), change)
		}
	}
	retype := remake(func(s *corev1.Secret) { s.Type = "example.com/x" })
	reseal := remake(func(s *corev1.Secret) { s.Immutable = ptr.To(true) })
	const copied = "a=1 b=2"
	const changed = "a=9 b=2"
	for _, test := range []struct {
		verb   string
		fault  func(ref) error
		change func(w *world) // after the copies have been made; nil: the fault is there from the start
		want   string         // data of the copies; "" for no copies
		after  time.Duration
		said   string
	}{
		{"create", quota, nil, copied, time.Second, "TargetFailed home/s"},
		{"create", internal, nil, copied, time.Second, ""},
		{"create", busy, nil, copied, time.Second, ""},
		{"create", reset, nil, copied, time.Second, ""},
		{"create", conflict, nil, copied, time.Second, ""},
		{"create", notFound, nil, copied, time.Second, ""},
		{"update", conflict, update, changed, time.Second, ""},
		{"update", notFound, update, changed, time.Second, ""},
		{"update", internal, update, changed, time.Second, ""},
		{"update", quota, update, changed, time.Second, "TargetFailed home/s"},
		{"update", invalid, update, changed, 0, ""},
		{"update", reset, update, changed, time.Second, ""},
		{"delete", conflict, retype, changed, time.Second, ""},
		{"delete", internal, retype, changed, time.Second, ""},
		{"create", internal, retype, changed, time.Second, ""},
		{"create", quota, retype, changed, time.Second, "TargetFailed home/s"},
		{"get", internal, retype, changed, time.Second, ""},
		{"get", notFound, retype, changed, time.Second, ""},
		{"update", internal, reseal, changed, time.Second, ""},
		{"delete", conflict, func(w *world) { w.edit("home/s", syncTo("false")) }, "", time.Second, ""},
		{"delete", notFound, func(w *world) { w.edit("home/s", syncTo("false")) }, "", time.Second, ""},
		{"delete", internal, func(w *world) { w.edit("home/s", syncTo("false")) }, "", time.Second, ""},
		{"get", internal, func(w *world) { w.edit("blue/s", key("a", "edited")) }, copied, time.Second, ""},
		{"update", conflict, func(w *world) { w.edit("blue/s", key("a", "edited")) }, copied, time.Second, ""},
	} {
		name := fmt.Sprintf("%s answers %v", test.verb, test.fault(place("blue/s")))
		t.Run(name, func(t *testing.T) {
			in(t, Secrets, three, func(w *world) {
				refused := test.change == nil
				w.put("home/s", syncTo("team=web"))
				w.refuse = func(verb string, at ref) error {
					if !refused || verb != test.verb || at != place("blue/s") {
						return nil
					}
					refused = false
					return test.fault(at)
				}
				w.start()
				if test.change != nil {
					w.mu.Lock()
					refused = true
					w.mu.Unlock()
					test.change(w)
				}
				w.wantSettled("red", test.want)
				time.Sleep(test.after)
				w.wantSettled("blue", test.want)
				if refused {
					t.Error("the request was never made")
				}
				if test.said == "" {
					w.wantSaid()
				} else {
					w.wantSaid(test.said)
				}
				w.took()
				time.Sleep(time.Hour)
				w.wantTook()
			})
		})
	}
}

func (w *world) wantSettled(namespace, data string) {
	w.t.Helper()
	if data != "" {
		w.wantData(namespace+"/s", data)
	} else if w.there(namespace+"/s") != nil {
		w.t.Fatalf("there still is %s/s", namespace)
	}
}

func TestACopyThatGoesBeforeItsCreationIsAnsweredComesBack(t *testing.T) {
	in(t, Secrets, three, func(w *world) {
		w.start() // for the fake's watch does not tell of what went before it
		deleted := false
		w.kube.PrependReactor("create", "secrets", func(a clienttesting.Action) (bool, runtime.Object, error) {
			handled, made, err := w.react(a)
			if !deleted {
				deleted = true
				_ = w.delete(place("grey/s"), nil)
				time.Sleep(time.Millisecond) // the watch tells of both
			}
			return handled, made, err
		})
		w.put("home/s", syncTo("team=ops"))
		w.wantCopies("grey/s")
		w.wantTook("create grey/s", "create grey/s", "get home/s")
		w.edit("home/s", key("a", "9"))
		time.Sleep(time.Minute)
		w.wantData("grey/s", "a=9 b=2")
		w.wantTook("get home/s", "update grey/s")
	})
}

// losing has a deletion carried out, and its answer lost after the watch has told of it.
func (w *world) losing(lost *bool) {
	w.kube.PrependReactor("delete", "secrets", func(a clienttesting.Action) (bool, runtime.Object, error) {
		handled, made, err := w.react(a)
		if a.GetNamespace() != "grey" || *lost {
			return handled, made, err
		}
		*lost = true
		time.Sleep(time.Millisecond)
		return true, nil, errors.New("unexpected EOF")
	})
}

func TestACopyThatIsReplacedIsBackAtOnceThoughTheAnswerToItsDeletionIsLost(t *testing.T) {
	in(t, Secrets, three, func(w *world) {
		w.put("home/s", syncTo("team=ops"))
		w.start()
		lost := false
		w.losing(&lost)
		w.del("home/s")
		w.put("home/s", syncTo("team=ops"), func(s *corev1.Secret) { s.Type = "example.com/x" })
		w.settle()
		if got := w.there("grey/s"); !lost || got == nil || got.Type != "example.com/x" {
			t.Errorf("lost %t, there is %v", lost, got)
		}
	})
}

func TestACopyWhoseDeletionFailedAndIsNotMeantAnyMoreComesBackIfSomebodyElseDeletesIt(t *testing.T) {
	in(t, Secrets, three, func(w *world) {
		w.put("home/s", syncTo("team=ops"))
		w.start()
		failed := false
		w.refuse = func(verb string, at ref) error {
			if verb != "delete" || failed {
				return nil
			}
			failed = true
			return apierrors.NewInternalError(errors.New("etcd is away"))
		}
		w.edit("home/s", syncTo("false"))
		w.settle()
		w.edit("home/s", syncTo("team=ops"))
		time.Sleep(time.Minute)
		w.took()
		w.del("grey/s")
		w.wantCopies("grey/s")
		if !failed {
			t.Error("nothing was deleted")
		}
	})
}

func TestADeletionTakesOneLookThoughTheWatchTellsOfItFirst(t *testing.T) {
	in(t, Secrets, three, func(w *world) {
		w.put("home/s", syncTo("team=ops"))
		w.start()
		w.kube.PrependReactor("delete", "secrets", func(a clienttesting.Action) (bool, runtime.Object, error) {
			handled, made, err := w.react(a)
			time.Sleep(time.Millisecond)
			if n := w.syncer.loop.Len(); n != 0 {
				t.Errorf("%d targets wait for a look", n)
			}
			if _, lost := w.syncer.lost.Load(place("grey/s")); lost {
				t.Error("the copy is taken for lost")
			}
			return handled, made, err
		})
		w.edit("home/s", syncTo("false"))
		w.wantCopies("")
	})
}

func TestAnAnswerThatIsLostIsNoHarm(t *testing.T) {
	in(t, Secrets, three, func(w *world) {
		w.put("home/s", syncTo("team=web"))
		lost := false
		w.kube.PrependReactor("create", "secrets", func(a clienttesting.Action) (bool, runtime.Object, error) {
			handled, made, err := w.react(a)
			if a.GetNamespace() == "blue" && !lost {
				lost = true
				return true, nil, errors.New("unexpected EOF")
			}
			return handled, made, err
		})
		w.start()
		time.Sleep(time.Hour)
		w.wantCopies("blue/s red/s")
		w.wantTook("create blue/s", "create red/s", "get home/s")
		w.wantSaid()
	})
}
