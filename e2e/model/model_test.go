package model_test

import (
	"context"
	"flag"
	"maps"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/model"
	"github.com/wildcast/wildcast/e2e/wildcast"
)

var (
	duration = flag.Duration("duration", time.Minute, "how long users go on")
	seed     = flag.Uint64("seed", 0, "what is drawn, to do again what a failed test has printed; 0 for a new one")
)

var shared *cluster.Cluster

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(cluster.Main(m, cluster.Options{}, func(ctx context.Context, c *cluster.Cluster) error {
		shared = c
		return c.Apply(ctx, "manifests/base")
	}))
}

func TestWhateverUsersDoTheCopiesAreWhatTheRulesSay(t *testing.T) {
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	t.Logf("go test ./model -seed=%d", *seed)
	kube := kubernetes.NewForConfigOrDie(shared.Admin())
	t.Run("secrets", func(t *testing.T) { play(t, model.Secrets(kube), *duration) })
	t.Run("configmaps", func(t *testing.T) { play(t, model.ConfigMaps(kube), *duration/2) }) // the same code for the most part
}

// play has users do what the seed says.
func play(t *testing.T, kind model.Kind, long time.Duration) {
	r := rand.New(rand.NewPCG(*seed, 0))
	p := process{Process: wildcast.New(t, shared, wildcast.Options{Args: []string{"--leader-elect=false", "--delete-grace=200ms"}})}
	users, err := model.Begin(t.Context(), kubernetes.NewForConfigOrDie(shared.Admin()), kind, "kubernetes", p.awake)
	if err != nil {
		t.Fatal(err)
	}
	for range 10 { // somewhere to begin
		if err := users.Do(t.Context(), model.Verbs{"create namespace": 1}.Draw(r, kind.Name)); err != nil {
			t.Fatal(err)
		}
	}
	rests := 0
	next := func(verbs model.Verbs) {
		rests++
		if err := round(t.Context(), users, &p, r, verbs, kind.Name); err != nil {
			t.Fatalf("seed %d\n%s\n%v", *seed, strings.Join(users.Journal, "\n"), err)
		}
	}
	for end := time.Now().Add(long); time.Now().Before(end); {
		next(model.All())
	}
	drawn := rests
	for len(undone(users)) > 0 {
		if rests == drawn+200 {
			t.Fatalf("seed %d: %v came to nothing each time", *seed, undone(users))
		}
		next(rare(users))
	}
	t.Logf("%d rounds, and %d for what is rare; done: %v", drawn, rests-drawn, users.Done)
}

// undone are the verbs that have never come to anything.
func undone(users *model.Users) model.Verbs {
	verbs := model.All()
	maps.DeleteFunc(verbs, func(verb string, _ int) bool { return users.Done[verb] > 0 })
	return verbs
}

// rare are those, and what makes something to do them to, or room for it: a namespace that is full ends so only when it goes.
func rare(users *model.Users) model.Verbs {
	verbs := model.Verbs{"create namespace": 4, "delete namespace": 1, "open namespace": 1, "create source": 3, "create": 1, "create hidden": 1}
	for verb := range undone(users) {
		verbs[verb] = 4
	}
	return verbs
}

// round lets users work for a while, and wildcast come and go, and looks at what has come of it.
func round(ctx context.Context, users *model.Users, p *process, r *rand.Rand, verbs model.Verbs, scene string) error {
	stop, kill, start := r.IntN(60), r.IntN(60), r.IntN(40)
	most := []int{3, 12, 40}[r.IntN(3)]
	for i := range 1 + r.IntN(most) {
		switch i {
		case stop:
			p.Stop()
			users.Journal = append(users.Journal, "wildcast is stopped")
		case kill:
			p.Kill()
			users.Journal = append(users.Journal, "wildcast is killed")
		case start:
			if err := p.awake(ctx); err != nil {
				return err
			}
			users.Journal = append(users.Journal, "wildcast runs")
		}
		if err := users.Do(ctx, verbs.Draw(r, scene)); err != nil {
			return err
		}
	}
	return users.Settle(ctx)
}

type process struct{ *wildcast.Process }

func (p process) awake(ctx context.Context) error {
	select {
	case <-p.Done():
		return p.Restart(ctx)
	default:
		return nil
	}
}
