package roles_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wildcast/wildcast/e2e/model"
)

var (
	duration = flag.Duration("duration", 20*time.Second, "how long users go on")
	seed     = flag.Uint64("seed", 0, "what is drawn, to do again what a failed test has printed; 0 for a new one")
)

// The rules are the same, as long as each namespace is listed: the game of package model, in which namespaces neither come
// nor go, since their Roles do not with them. Each kind has namespaces of its own, so that both games can end by themselves.
func TestWhateverUsersDoInListedNamespacesTheCopiesAreWhatTheRulesSay(t *testing.T) {
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	t.Logf("go test ./roles -run %s -seed=%d", t.Name(), *seed)
	others := []string{outside, "default", "kube-system", "kube-public", "kube-node-lease"}
	listed := slices.Clone(others)
	s := &scene{T: t, kube: admin()}
	kinds := []model.Kind{model.Secrets(s.kube), model.ConfigMaps(s.kube)}
	for _, kind := range kinds {
		for i := range 6 { // the names that the model knows
			listed = append(listed, fmt.Sprint(kind.Name, "-", i))
			s.kubectl("create", "namespace", listed[len(listed)-1])
		}
	}
	for _, name := range listed {
		s.grant(name)
	}
	t.Cleanup(func() {
		for _, name := range others {
			s.revoke(name)
		}
	})
	s = open(t, strings.Join(append(listed, teams...), ","), "--leader-elect=false")
	s.play(kinds[0], *duration)
	s.play(kinds[1], *duration/2) // the same code for the most part
	s.noneForbidden()
	s.nothingOutside(append(listed, teams...)...)
}

// play has users do what the seed says to objects of a kind.
func (s *scene) play(kind model.Kind, long time.Duration) {
	s.Helper()
	r := rand.New(rand.NewPCG(*seed, 1))
	awake := func(context.Context) error { return nil }
	users, err := model.Begin(s.Context(), s.kube, kind, "kubernetes", awake)
	s.must(err)
	s.Cleanup(func() { s.must(users.Leave(context.Background(), kind.Name)) })
	verbs := model.All().Without("create namespace", "delete namespace")
	for end := time.Now().Add(long); time.Now().Before(end); {
		for range 1 + r.IntN(20) {
			s.must(users.Do(s.Context(), verbs.Draw(r, kind.Name)))
		}
		if r.IntN(4) == 0 {
			s.must(s.w.Restart(s.Context()))
		}
		if err := users.Settle(s.Context()); err != nil {
			s.Fatalf("seed %d\n%s\n%v", *seed, strings.Join(users.Journal, "\n"), err)
		}
	}
	s.Logf("%s: done: %v", kind.Name, users.Done)
}
