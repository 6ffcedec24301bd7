package syncer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// shelf answers readings after a second, with the version that it has when asked.
type shelf struct {
	mu      sync.Mutex
	version string
	err     error
	reads   int
	size    int
}

func (s *shelf) read(context.Context, ref) (content, error) {
	s.mu.Lock()
	c := content{metav1.ObjectMeta{ResourceVersion: s.version}, payload{Data: map[string][]byte{"a": make([]byte, s.size)}}}
	err := s.err
	s.reads++
	s.mu.Unlock()
	time.Sleep(time.Second)
	return c, err
}

func TestAStateIsReadOnceForAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{version: "7"}
		c := newContents(1<<20, s.read)
		var waiting sync.WaitGroup
		for range 100 {
			waiting.Go(func() {
				if got, err := c.get(t.Context(), place("home/s"), "7"); err != nil || got.meta.ResourceVersion != "7" {
					t.Error(got, err)
				}
			})
		}
		waiting.Wait()
		_, _ = c.get(t.Context(), place("home/s"), "6") // what is known is newer
		if s.reads != 1 {
			t.Errorf("%d reads", s.reads)
		}
	})
}

func TestAReadingThatBeganTooEarlyIsRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{version: "7"}
		c := newContents(1<<20, s.read)
		go c.get(t.Context(), place("home/s"), "7")
		synctest.Wait()
		s.mu.Lock()
		s.version = "8"
		s.mu.Unlock()
		if got, err := c.get(t.Context(), place("home/s"), "8"); err != nil || got.meta.ResourceVersion != "8" || s.reads != 2 {
			t.Error(got, err, s.reads)
		}
	})
}

func TestAFailedReadingIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{version: "7", err: errors.New("away")}
		c := newContents(1<<20, s.read)
		if _, err := c.get(t.Context(), place("home/s"), "7"); err == nil {
			t.Error("no error")
		}
		s.err = nil
		if _, err := c.get(t.Context(), place("home/s"), "7"); err != nil {
			t.Error(err)
		}
	})
}

func TestWhatIsKeptIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{version: "7", size: 1000}
		c := newContents(10_000, s.read)
		for i := range 100 {
			_, _ = c.get(t.Context(), ref{Name: fmt.Sprint(i % 20)}, "7")
			_, _ = c.get(t.Context(), ref{Name: "often"}, "7")
		}
		if c.bytes > 10_000 || len(c.kept) != c.order.Len() || len(c.kept) > 10 {
			t.Errorf("%d bytes, %d kept", c.bytes, len(c.kept))
		}
		if s.reads != 101 {
			t.Errorf("%d reads: what is used often was forgotten", s.reads)
		}
		s.size = 20_000 // more than there is room for
		if got, err := c.get(t.Context(), ref{Name: "large"}, "7"); err != nil || len(got.Data["a"]) != 20_000 || len(c.kept) != 0 {
			t.Error(err, len(c.kept))
		}
	})
}

func TestWhoWaitsGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newContents(1<<20, (&shelf{version: "7"}).read)
		go c.get(t.Context(), place("home/s"), "7")
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := c.get(ctx, place("home/s"), "7"); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		time.Sleep(time.Second)
	})
}

func TestAReaderThatHadToStopFailsNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newContents(1<<20, func(ctx context.Context, _ ref) (content, error) {
			select {
			case <-ctx.Done():
				return content{}, ctx.Err()
			case <-time.After(time.Second):
				return content{meta: metav1.ObjectMeta{ResourceVersion: "7"}}, nil
			}
		})
		ctx, stop := context.WithCancel(t.Context())
		go c.get(ctx, place("home/s"), "7")
		synctest.Wait()
		time.AfterFunc(time.Millisecond, stop)
		if got, err := c.get(t.Context(), place("home/s"), "7"); err != nil || got.meta.ResourceVersion != "7" {
			t.Error(got, err)
		}
	})
}
