package faults

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wildcast/wildcast/e2e/model"
	"github.com/wildcast/wildcast/e2e/wildcast"
)

// restless are the verbs that need no rest in between.
func restless() model.Verbs { return model.All().Without("spoil", "make way", "fill namespace") }

func TestKilledFiftyTimesUnderChurnItLeavesExactlyTheCopiesThatBelong(t *testing.T) {
	s := play(t, "killed", wildcast.Options{})
	s.namespaces(5)
	moments := rand.New(rand.NewPCG(s.seed, 1))
	ctx, cancel := context.WithCancel(t.Context())
	awake := s.users.Awake
	s.users.Awake = func(context.Context) error { return model.ErrAsleep } // only the killer starts it
	killed := make(chan error, 1)
	var killer sync.WaitGroup
	defer killer.Wait()
	defer cancel()
	killer.Go(func() { killed <- s.killTimes(ctx, 50, moments) })
	for len(killed) == 0 {
		s.churn(10, restless())
	}
	s.must(<-killed)
	s.users.Awake = awake
	s.settle()
	t.Logf("meanwhile users have done: %v", s.users.Done)
}

// killTimes kills wildcast so many times: every other time while it works, and else while it starts.
func (s *scene) killTimes(ctx context.Context, n int, moments *rand.Rand) error {
	for i := range n {
		moment := time.Duration(moments.IntN(300)) * time.Millisecond
		if i%2 == 0 {
			time.Sleep(moment)
			s.w.Kill()
			continue
		}
		if err := s.startFor(ctx, moment+50*time.Millisecond); err != nil {
			return err
		}
		if err := s.w.Restart(ctx); err != nil {
			return err
		}
	}
	return nil
}

// startFor starts wildcast and kills it so much later.
func (s *scene) startFor(ctx context.Context, d time.Duration) error {
	short, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	err := s.w.Restart(short)
	if err != nil && short.Err() == nil {
		return err
	}
	<-short.Done()
	s.w.Kill()
	return ctx.Err()
}

func TestWhenTheLeaderIsKilledTheOtherReplicaCarriesOn(t *testing.T) {
	args := []string{"--delete-grace=200ms"}
	s := play(t, "led", wildcast.Options{Name: "first", Args: args})
	second := wildcast.New(t, shared, wildcast.Options{Name: "second", Args: args})
	s.namespaces(5)
	s.churn(30, restless())
	s.w.Kill()
	s.users.Awake = func(context.Context) error { return nil }
	s.churn(30, restless())
	s.settle()
	s.until(func() error { return leads(second) })

	s.must(s.w.Restart(t.Context()))
	s.churn(10, restless())
	if code := second.Stop(); code != 0 {
		t.Errorf("exit code %d of a leader that was told to stop", code)
	}
	s.churn(10, restless())
	s.settle()
}

func leads(w *wildcast.Process) error {
	log, err := w.Logs()
	if err != nil || strings.Contains(log, "Leading") {
		return err
	}
	return errors.New("it does not lead")
}
