package syncer

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	coreinformers "k8s.io/client-go/informers/core/v1"
)

// event is what a recorder was told.
type event struct{ about, related, reason, note string }

// recorder is an events.EventRecorder that keeps what it is told.
type recorder struct {
	mu     sync.Mutex
	events []event
}

func (r *recorder) Eventf(regarding, related runtime.Object, _, reason, _, note string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	place := func(o runtime.Object) string {
		at := o.(*corev1.ObjectReference)
		return at.Namespace + "/" + at.Name
	}
	r.events = append(r.events, event{place(regarding), place(related), reason, fmt.Sprintf(note, args...)})
}

// world is a server, a syncer that runs, and what is asked of it.
type world struct {
	*server
	recorder recorder
	asked    requested
	config   Config
	syncer   *Syncer
	made     func(*Syncer) // is told of each syncer before it runs, if not nil
	in       scope         // of which there are copies
	began    time.Time
	stop     func()
}

// requested implements Requests.
type requested map[ref][]Request

func (r requested) At(target ref) []Request { return r[target] }

func (r requested) Of(source ref) (targets []ref) {
	for target, requests := range r {
		if slices.ContainsFunc(requests, func(q Request) bool { return q.Source == source }) {
			targets = append(targets, target)
		}
	}
	return targets
}

func (requested) Keeps(_, _ ref) bool { return false }

// doubtful implements Requests where copies stay whose source is called s, until it is settled.
type doubtful struct {
	requested
	settled *atomic.Bool
}

func (d doubtful) Keeps(source, _ ref) bool { return !d.settled.Load() && source.Name == "s" }

// three namespaces that can hold copies, of which two are of team web, beside the sources' own.
var three = map[string]string{"home": "", "blue": "team=web", "red": "team=web", "grey": "team=ops"}

// scene is a test in a world of those namespaces.
type scene struct {
	name string
	run  func(w *world)
}

// play runs scenes that are the same for objects of both kinds.
func play(t *testing.T, scenes []scene) {
	for _, kind := range []Kind{Secrets, ConfigMaps} {
		for _, s := range scenes {
			t.Run(string(kind)+"/"+s.name, func(t *testing.T) { in(t, kind, three, s.run) })
		}
	}
}

// playSecrets runs scenes about what only Secrets have.
func playSecrets(t *testing.T, scenes []scene) {
	for _, s := range scenes {
		t.Run(s.name, func(t *testing.T) { in(t, Secrets, three, s.run) })
	}
}

// in runs a test in a bubble with a world whose namespaces are given as name and labels. The syncer does not run yet.
func in(t *testing.T, kind Kind, namespaces map[string]string, test func(w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{server: newServer(t, "home", kind), asked: requested{}, began: time.Now(), stop: func() {}}
		w.config = Config{Kind: kind, ClusterName: "here", DeleteGrace: 5 * time.Second, Requests: w.asked, Events: &w.recorder}
		for _, name := range slices.Sorted(maps.Keys(namespaces)) {
			w.namespace(name, namespaces[name])
		}
		defer func() { w.stop() }()
		test(w)
	})
}

// start runs the syncer, in place of the one that ran, and waits until it has nothing to do.
func (w *world) start() {
	w.t.Helper()
	w.stop()
	ctx, cancel := context.WithCancel(context.Background())
	w.config.Clients = Clients{Kube: overREST{w.kube}, Metadata: w.metadata}
	w.config.Namespaces = coreinformers.NewTypedNamespaceInformer(w.kube, 0, nil)
	s, err := New(w.config)
	if err != nil {
		w.t.Fatal(err)
	}
	if w.made != nil {
		w.made(s)
	}
	var running sync.WaitGroup
	running.Go(func() { w.config.Namespaces.RunWithContext(ctx) })
	running.Go(func() { s.Start(ctx) })
	running.Go(func() {
		if err := s.Run(ctx); err != nil {
			w.t.Error(err)
		}
	})
	w.syncer, w.stop = s, func() { cancel(); running.Wait(); w.stop = func() {} }
	w.settle()
}

func (w *world) settle() {
	time.Sleep(10 * time.Millisecond) // the queue hands on what is added after a time on a timer
	synctest.Wait()
}

// took are the requests of the syncer since the last call, sorted.
func (w *world) took() []string {
	w.settle()
	w.mu.Lock()
	defer w.mu.Unlock()
	took := w.requests
	w.requests = nil
	slices.Sort(took)
	return took
}

// said are the Events since the last call, as "reason about".
func (w *world) said() []string {
	w.settle()
	w.recorder.mu.Lock()
	defer w.recorder.mu.Unlock()
	var said []string
	for _, e := range w.recorder.events {
		said = append(said, e.reason+" "+e.about)
	}
	w.recorder.events = nil
	slices.Sort(said)
	return said
}

// place reads "namespace/name".
func place(text string) ref {
	namespace, name, _ := strings.Cut(text, "/")
	return ref{Namespace: namespace, Name: name}
}

// TestMain has client-go log its errors and no more: it also sleeps after each until a millisecond has passed since the one
// before, which in a bubble, whose clock begins in 2000, may be a long time.
func TestMain(m *testing.M) {
	utilruntime.ErrorHandlers = utilruntime.ErrorHandlers[:1]
	m.Run()
}
