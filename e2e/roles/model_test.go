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
// nor go, since their Roles do not with them.
func TestWhateverUsersDoInListedNamespacesTheCopiesAreWhatTheRulesSay(t *testing.T) {
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	t.Logf("go test ./roles -run %s -seed=%d", t.Name(), *seed)
	r := rand.New(rand.NewPCG(*seed, 1))
	others := []string{outside, "default", "kube-system", "kube-public", "kube-node-lease"}
	listed := slices.Clone(others)
	s := &scene{T: t, kube: admin()}
	for i := range 6 { // the names that the model knows
		listed = append(listed, fmt.Sprint("model-", i))
		s.kubectl("create", "namespace", listed[len(listed)-1])
	}
	for _, name := range listed {
		s.grant(name)
	}
	t.Cleanup(func() {
		for _, name := range listed[:len(others)] {
			s.revoke(name)
		}
	})
	s = open(t, strings.Join(append(listed, teams...), ","), "--leader-elect=false")
	awake := func(context.Context) error { return nil }
	users, err := model.Begin(t.Context(), s.kube, model.Secrets(s.kube), "kubernetes", awake)
	s.must(err)
	t.Cleanup(func() { s.must(users.Leave(context.Background(), "model")) })
	verbs := model.All().Without("create namespace", "delete namespace")
	for end := time.Now().Add(*duration); time.Now().Before(end); {
		for range 1 + r.IntN(20) {
			s.must(users.Do(t.Context(), verbs.Draw(r, "model")))
		}
		if r.IntN(4) == 0 {
			s.must(s.w.Restart(t.Context()))
		}
		if err := users.Settle(t.Context()); err != nil {
			t.Fatalf("seed %d\n%s\n%v", *seed, strings.Join(users.Journal, "\n"), err)
		}
	}
	t.Logf("done: %v", users.Done)
	s.noneForbidden()
	s.nothingOutside(append(listed, teams...)...)
}
