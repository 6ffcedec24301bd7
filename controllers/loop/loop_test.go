package loop

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// trace runs a loop for d of fake time and returns what it looked at, and when.
func trace(t *testing.T, d time.Duration, start []string, reconcile func(seen int, key string) (time.Duration, error)) []string {
	t.Helper()
	var seen []string
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		l := New("test", func(_ context.Context, key string) (time.Duration, error) {
			seen = append(seen, fmt.Sprintf("%s %s", time.Since(began), key))
			return reconcile(len(seen), key)
		}, Options{})
		l.Add(start...)
		ctx, cancel := context.WithTimeout(t.Context(), d)
		defer cancel()
		if err := l.Run(ctx, 1); err != nil {
			t.Error(err)
		}
	})
	return seen
}

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("looked at %q, want %q", got, want)
	}
}

func TestANameIsLookedAtOnceAndThenLeftAlone(t *testing.T) {
	expect(t, trace(t, time.Hour, []string{"a", "a", "b"}, func(int, string) (time.Duration, error) { return 0, nil }),
		"0s a", "0s b")
}

func TestANameIsLookedAtAgainWhenItAskedForIt(t *testing.T) {
	expect(t, trace(t, 25*time.Minute, []string{"a"}, func(int, string) (time.Duration, error) { return 10 * time.Minute, nil }),
		"0s a", "10m0s a", "20m0s a")
}

func TestAFailureBacksOffAndASuccessForgetsIt(t *testing.T) {
	expect(t, trace(t, time.Minute, []string{"a"}, func(seen int, _ string) (time.Duration, error) {
		switch {
		case seen <= 3:
			return 0, errors.New("no")
		case seen == 4:
			return 10 * time.Second, nil
		case seen == 5:
			return 0, errors.New("no")
		}
		return 0, nil
	}), "0s a", "1s a", "3s a", "7s a", "17s a", "18s a")
}

func TestAPermanentErrorWaitsForAChange(t *testing.T) {
	expect(t, trace(t, time.Hour, []string{"a"}, func(int, string) (time.Duration, error) {
		return time.Second, fmt.Errorf("look: %w", Permanent(errors.New("no")))
	}), "0s a")
}

func TestALongTimerIsLookedAtOnceADay(t *testing.T) {
	expect(t, trace(t, 50*time.Hour, []string{"a"}, func(int, string) (time.Duration, error) { return 1000 * time.Hour, nil }),
		"0s a", "24h0m0s a", "48h0m0s a")
}

func TestUrgentNamesOvertake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []string
		l := New("test", func(_ context.Context, key string) (time.Duration, error) {
			seen = append(seen, key)
			return 0, nil
		}, Options{})
		l.Add("a", "b", "c", "d")
		l.AddUrgent("e", "c")
		if l.Len() != 5 {
			t.Errorf("%d names wait, want 5", l.Len())
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := l.Run(ctx, 1); err != nil {
			t.Error(err)
		}
		expect(t, seen, "e", "c", "a", "b", "d")
	})
}

func TestANameThatIsUrgentLaterOvertakesThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []string
		var l *Loop[string]
		l = New("test", func(_ context.Context, key string) (time.Duration, error) {
			if seen = append(seen, key); len(seen) == 1 {
				l.AddUrgentAfter(key, time.Second)
			}
			time.Sleep(600 * time.Millisecond)
			return 0, nil
		}, Options{})
		l.Add("a", "b", "c", "d")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := l.Run(ctx, 1); err != nil {
			t.Error(err)
		}
		expect(t, seen, "a", "b", "a", "c", "d")
	})
}

func TestANameAddedDuringItsWorkIsLookedAtOnceMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen int
		var l *Loop[string]
		l = New("test", func(_ context.Context, key string) (time.Duration, error) {
			if seen++; seen == 1 {
				l.AddUrgent(key)
				l.Add(key)
			}
			return 0, nil
		}, Options{})
		l.Add("a")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := l.Run(ctx, 4); err != nil {
			t.Error(err)
		}
		if seen != 2 {
			t.Errorf("looked %d times, want 2", seen)
		}
	})
}

func TestAWorkerThatIsAwayLeavesItsPlaceToTheNextNameAndComesBackByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var seen []string
		var l *Loop[string]
		l = New("test", func(_ context.Context, key string) (time.Duration, error) {
			if key == "slow" {
				l.Away(func() { time.Sleep(time.Minute) })
			}
			seen = append(seen, fmt.Sprintf("%s %s", time.Since(began), key))
			return 0, nil
		}, Options{})
		l.Add("slow", "a", "b")
		l.AddAfter("c", 2*time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := l.Run(ctx, 1); err != nil {
			t.Error(err)
		}
		expect(t, seen, "0s a", "0s b", "1m0s slow", "2m0s c")
	})
}

func TestOneWorkerLooksAtOneNameAtATimeAlsoAfterSomeWereAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		busy, most := 0, 0
		var l *Loop[int]
		l = New("test", func(_ context.Context, key int) (time.Duration, error) {
			if key%2 == 0 {
				l.Away(func() { time.Sleep(time.Minute) })
				return 0, nil
			}
			busy++
			most = max(most, busy)
			time.Sleep(time.Second)
			busy--
			return 0, nil
		}, Options{})
		for key := range 100 {
			l.Add(key)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := l.Run(ctx, 1); err != nil || most != 1 {
			t.Errorf("Run returned %v; %d names were looked at at once", err, most)
		}
	})
}

func TestRunReturnsOnlyWhenItsWorkersHave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		returned := false
		l := New("test", func(context.Context, string) (time.Duration, error) {
			time.Sleep(time.Minute)
			returned = true
			return 0, nil
		}, Options{})
		l.Add("a")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := l.Run(ctx, 1); err != nil || !returned {
			t.Errorf("Run returned %v, worker returned %t", err, returned)
		}
	})
}

func TestRunSaysThatItsCachesNeverSynced(t *testing.T) {
	l := New("test", func(context.Context, string) (time.Duration, error) { return 0, nil }, Options{})
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("stopped"))
	err := l.Run(ctx, 1, never{})
	if err == nil || err.Error() != "test: waiting for caches: stopped" {
		t.Errorf("got %v", err)
	}
}

type never struct{}

func (never) Name() string          { return "never" }
func (never) Done() <-chan struct{} { return nil }

func TestBackoffDoublesFromOneSecondToFiveMinutes(t *testing.T) {
	for failures, want := range map[int]time.Duration{
		1: time.Second, 2: 2 * time.Second, 9: 256 * time.Second, 10: 5 * time.Minute, 1000: 5 * time.Minute,
	} {
		if got := Backoff(failures); got != want {
			t.Errorf("after %d failures %s, want %s", failures, got, want)
		}
	}
}

func TestPermanentOfNilIsNil(t *testing.T) {
	if Permanent(nil) != nil {
		t.Error("not nil")
	}
}
