package syncer

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"
)

// creating has something done before each creation, with its context, which the fakes of client-go do not heed.
func (w *world) creating(do func(ctx context.Context) error) {
	w.made = func(s *Syncer) {
		create := s.kind.create
		s.kind.create = func(ctx context.Context, c content) (metav1.ObjectMeta, error) {
			if err := do(ctx); err != nil {
				return metav1.ObjectMeta{}, err
			}
			return create(ctx, c)
		}
	}
}

// silence is a server that does not answer.
func silence(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestAServerThatDoesNotAnswerKeepsNoWorkerForLong(t *testing.T) {
	in(t, Secrets, three, func(w *world) {
		w.config.Workers = 2
		var asked atomic.Int32
		w.creating(func(ctx context.Context) error {
			if asked.Add(1) <= 2 {
				return silence(ctx)
			}
			return nil
		})
		w.put("home/s", syncTo(""))
		w.start()
		w.wantCopies("")
		time.Sleep(looksTake)
		if asked.Load() != 3 {
			t.Errorf("%d requests, want one for the third target", asked.Load())
		}
		time.Sleep(time.Second)
		w.wantCopies("blue/s grey/s red/s")
	})
}

func TestALookThatHasBegunEndsThoughTheProcessIsToldToStop(t *testing.T) {
	in(t, Secrets, three, func(w *world) {
		w.creating(func(ctx context.Context) error { return ctx.Err() })
		w.put("home/s", syncTo("team=ops"))
		w.start()
		stopped := make(chan struct{})
		w.kube.PrependReactor("delete", "secrets", func(clienttesting.Action) (bool, runtime.Object, error) {
			stop := w.stop
			go func() {
				stop()
				close(stopped)
			}()
			time.Sleep(time.Millisecond)
			return false, nil, nil
		})
		w.del("home/s")
		w.put("home/s", syncTo("team=ops"), func(s *corev1.Secret) { s.Type = "example.com/x" })
		<-stopped
		if got := w.want("grey/s").Type; got != "example.com/x" {
			t.Error(got)
		}
	})
}

func TestTheStopWaitsForAServerThatDoesNotAnswerNoLongerThanItsGrace(t *testing.T) {
	in(t, Secrets, three, func(w *world) {
		w.creating(silence)
		w.put("home/s", syncTo(""))
		w.start()
		began := time.Now()
		w.stop()
		if took := time.Since(began); took != stopGrace {
			t.Errorf("it took %s", took)
		}
	})
}

func TestContextsThatLeaveAreWaitedForTogether(t *testing.T) {
	in(t, Secrets, three, func(w *world) {
		w.start()
		for _, name := range []string{"there", "elsewhere"} {
			r := &remote{stop: func() { time.Sleep(stopGrace) }}
			r.policy.at = scope{context: name}
			w.syncer.contexts.set(name, r)
		}
		began := time.Now()
		if !w.syncer.takeContexts(t.Context(), nil) {
			t.Error("no news")
		}
		if took := time.Since(began); took != stopGrace {
			t.Errorf("it took %s", took)
		}
	})
}
