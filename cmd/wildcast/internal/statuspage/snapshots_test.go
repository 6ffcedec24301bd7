package statuspage

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestManyWhoLookCostOneLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		s := NewSnapshots(func(context.Context) (Snapshot, error) {
			looks++
			time.Sleep(time.Second) // meanwhile all others ask
			return sample(), nil
		}, 5*time.Second)
		all := func() {
			var wg sync.WaitGroup
			for range 100 {
				wg.Go(func() {
					if got, err := s.Get(t.Context()); err != nil || got.Replica == "" {
						t.Error(got, err)
					}
				})
			}
			wg.Wait()
		}
		for i, wait := range []time.Duration{0, time.Second, 5 * time.Second} {
			time.Sleep(wait)
			all()
			if want := []int{1, 1, 2}[i]; looks != want {
				t.Errorf("%d looks, want %d", looks, want)
			}
		}
	})
}

func TestAFailedLookIsNotTriedAgainAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		s := NewSnapshots(func(context.Context) (Snapshot, error) { looks++; return Snapshot{}, errors.New("no") }, 5*time.Second)
		for range 10 {
			if _, err := s.Get(t.Context()); err == nil {
				t.Error("the failure is lost")
			}
		}
		if looks != 1 {
			t.Errorf("%d looks", looks)
		}
	})
}

func TestALookOutlivesWhoAskedForItButNotForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSnapshots(func(ctx context.Context) (Snapshot, error) {
			<-ctx.Done()
			return sample(), nil
		}, 5*time.Second)
		ctx, leave := context.WithCancel(t.Context())
		began := time.Now()
		go s.Get(ctx) //nolint:errcheck // nobody waits for it
		synctest.Wait()
		leave()
		waiting, tired := context.WithTimeout(t.Context(), time.Second)
		defer tired()
		if _, err := s.Get(waiting); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who waits no longer is told %v", err)
		}
		if _, err := s.Get(t.Context()); err != nil || time.Since(began) != patience {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
	})
}
