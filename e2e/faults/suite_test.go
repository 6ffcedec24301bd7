package faults

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/model"
	"github.com/wildcast/wildcast/e2e/stage"
	"github.com/wildcast/wildcast/e2e/wildcast"
)

var seed = flag.Uint64("seed", 0, "what users do, to do again what a failed test has printed; 0 for something new")

var shared *cluster.Cluster

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(cluster.Main(m, cluster.Options{Audit: true}, func(ctx context.Context, c *cluster.Cluster) error {
		shared = c
		return c.Apply(ctx, "manifests/base")
	}))
}

// patience is how long a scene waits for what should take moments.
const patience = 90 * time.Second

// alone lets a wildcast that was killed be followed at once: the Lease of one that led would be held for 15 s.
var alone = []string{"--leader-elect=false", "--delete-grace=200ms"}

// scene is one fault: users at work, and the wildcast that suffers it.
type scene struct {
	*testing.T
	name  string // begins the names of its namespaces
	kube  kubernetes.Interface
	w     *wildcast.Process
	users *model.Users
	rand  *rand.Rand
	seed  uint64
}

// play begins a scene.
func play(t *testing.T, name string, o wildcast.Options) *scene {
	t.Helper()
	if o.Args == nil {
		o.Args = alone
	}
	s := &scene{T: t, name: name, kube: kubernetes.NewForConfigOrDie(shared.Admin()), seed: *seed}
	if s.seed == 0 {
		s.seed = rand.Uint64()
	}
	s.rand = rand.New(rand.NewPCG(s.seed, 0))
	s.w = wildcast.New(t, shared, o)
	var err error
	s.users, err = model.Begin(t.Context(), s.kube, model.Secrets(s.kube), "kubernetes", s.awake)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.end)
	return s
}

// awake runs wildcast again if it has ended.
func (s *scene) awake(ctx context.Context) error {
	select {
	case <-s.w.Done():
		return s.w.Restart(ctx)
	default:
		return nil
	}
}

func (s *scene) must(err error) {
	s.Helper()
	if _, unsettled := errors.AsType[*model.Unsettled](err); unsettled {
		s.Fatalf("-seed=%d\n%s\n%v", s.seed, strings.Join(s.users.Journal, "\n"), err)
	}
	if err != nil {
		s.Fatal(err)
	}
}

// until waits until condition returns no error.
func (s *scene) until(condition func() error) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	s.must(stage.Until(ctx, condition))
}

// settle waits until everything is as it should be.
func (s *scene) settle() {
	s.Helper()
	s.must(s.users.Settle(s.Context()))
}

// end removes all that the scene made. After a scene that went well no copy may be left.
func (s *scene) end() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s.must(s.users.Leave(ctx, s.name))
	if !s.Failed() {
		s.must(s.users.Settle(ctx))
	}
}

func (s *scene) try(op model.Op) {
	s.Helper()
	s.must(s.users.Try(s.Context(), op))
}

func (s *scene) at(namespace int, name string) model.Place {
	return model.Place{Namespace: fmt.Sprintf("%s-%d", s.name, namespace), Name: name}
}

// namespaces makes the first n of the scene, of team web.
func (s *scene) namespaces(n int) {
	s.Helper()
	for i := range n {
		op := model.Op{Verb: "create namespace", At: s.at(i, ""), Key: "team", Value: "web"}
		s.until(func() error { return s.users.Try(s.Context(), op) }) // one of an earlier run may still be going
	}
}

// source marks a new object in the first namespace for all of team web.
func (s *scene) source(name string) model.Place {
	s.Helper()
	at := s.at(0, name)
	s.try(model.Op{Verb: "create source", At: at, Other: at, Source: model.Source{Sync: "team=web"}, Type: "Opaque"})
	return at
}

// change gives an object another value.
func (s *scene) change(at model.Place, number int) {
	s.Helper()
	s.try(model.Op{Verb: "change", At: at, Other: at, Number: number})
}

// churn has users do so many things.
func (s *scene) churn(n int, verbs model.Verbs) {
	s.Helper()
	for range n {
		s.must(s.users.Do(s.Context(), verbs.Draw(s.rand, s.name)))
	}
}

// requests are those of wildcast since a time.
func (s *scene) requests(since time.Time, keep func(cluster.Request) bool) []cluster.Request {
	s.Helper()
	recent := cluster.Since(since)
	found, err := shared.Requests(func(r cluster.Request) bool { return recent(r) && keep(r) })
	s.must(err)
	return found
}
