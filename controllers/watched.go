package controllers

import (
	"context"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	coreinformers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// Watched is the informer of some Namespaces, each of which is read by its name: that is what a Role in a namespace
// permits, and to list Namespaces is not.
//
// It holds a namespace only when all else in that one has been read, so that who learns of it here may act on what is in
// it. One that cannot be read delays no other: the informer has synced when each namespace is held, does not exist, or
// was given up; it goes on trying. Home is never given up. What the API server stops to show stays as it was.
type Watched struct {
	coreinformers.NamespaceIndexInformer
	reader  namespaceReader
	home    string
	names   []string
	ready   func(namespace string) []cache.DoneChecker
	settled map[string]*settled

	mu     sync.Mutex
	known  map[string]*corev1.Namespace
	listed bool             // known was handed to the informer: changes are events from now on
	events chan watch.Event // closed by nobody
	ended  chan struct{}
}

// WatchedConfig is what a Watched uses. All fields are required.
type WatchedConfig struct {
	Kube  kubernetes.Interface
	Home  string
	Names []string // Home among them
	// Ready is done when all in a namespace has been read, but the Namespace itself. It is called when the informer runs.
	Ready func(namespace string) []cache.DoneChecker
	// Unreadable is told, again and again, when the API server forbids to read a namespace or says that there is none.
	Unreadable func(namespace string, err error)
}

// NewWatched makes the informer.
func NewWatched(c WatchedConfig) (*Watched, error) {
	w := &Watched{
		home:    c.Home,
		names:   c.Names,
		ready:   c.Ready,
		settled: map[string]*settled{},
		known:   map[string]*corev1.Namespace{},
		events:  make(chan watch.Event),
		ended:   make(chan struct{}),
	}
	for _, name := range c.Names {
		w.settled[name] = &settled{over: make(chan struct{})}
	}
	w.reader = namespaceReader{kube: c.Kube, unreadable: func(name string, err error) {
		w.GiveUp(name)
		c.Unreadable(name, err)
	}}
	lw := cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{ListWithContextFunc: w.list, WatchFuncWithContext: w.watch}, listedWhole{})
	w.NamespaceIndexInformer = coreinformers.ToNamespaceIndexInformer(
		cache.NewSharedIndexInformerWithOptions(lw, &corev1.Namespace{}, cache.SharedIndexInformerOptions{}))
	return w, w.SetTransform(slimNamespace)
}

// RunWithContext watches until ctx ends. It may be called once.
func (w *Watched) RunWithContext(ctx context.Context) {
	var wg sync.WaitGroup
	for _, name := range w.names {
		wg.Go(func() { w.follow(ctx, name) })
	}
	w.NamespaceIndexInformer.RunWithContext(ctx)
	close(w.ended)
	wg.Wait()
}

// GiveUp ends the wait for a namespace, unless it is Home: something in it cannot be read.
func (w *Watched) GiveUp(name string) {
	if name != w.home {
		w.settled[name].end()
	}
}

// settled is whether it is still waited for a namespace.
type settled struct {
	once sync.Once
	over chan struct{}
}

func (s *settled) end() { s.once.Do(func() { close(s.over) }) }

// follow keeps up with one namespace, once all that is in it is known.
func (w *Watched) follow(ctx context.Context, name string) {
	if !cache.WaitFor(ctx, "", w.ready(name)...) {
		return
	}
	cache.NewReflectorWithOptions(w.reader.of(name), &corev1.Namespace{}, member{w, name},
		cache.ReflectorOptions{Name: "namespace " + name}).RunWithContext(ctx)
}

// list hands over what is known when nothing is waited for any more.
func (w *Watched) list(ctx context.Context, _ metav1.ListOptions) (runtime.Object, error) {
	for _, s := range w.settled {
		select {
		case <-s.over:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.listed = true
	list := &corev1.NamespaceList{ListMeta: metav1.ListMeta{ResourceVersion: "0"}}
	for _, ns := range w.known {
		list.Items = append(list.Items, *ns.DeepCopy()) // the informer will slim it
	}
	return list, nil
}

// watch hands over what changes after list. It never ends by itself, so that there is one.
func (w *Watched) watch(context.Context, metav1.ListOptions) (watch.Interface, error) {
	return watch.NewProxyWatcher(w.events), nil
}

// tell takes what has become of a namespace; nil if it is gone.
func (w *Watched) tell(name string, now *corev1.Namespace) {
	w.mu.Lock()
	before, listed := w.known[name], w.listed
	if now == nil {
		delete(w.known, name)
	} else {
		w.known[name] = now
	}
	w.mu.Unlock()
	if now != nil {
		w.settled[name].end()
	}
	var event watch.Event
	switch {
	case !listed, before == nil && now == nil, before != nil && now != nil && before.ResourceVersion == now.ResourceVersion:
		return
	case now == nil:
		event = watch.Event{Type: watch.Deleted, Object: before.DeepCopy()}
	case before == nil:
		event = watch.Event{Type: watch.Added, Object: now.DeepCopy()}
	default:
		event = watch.Event{Type: watch.Modified, Object: now.DeepCopy()}
	}
	select {
	case w.events <- event:
	case <-w.ended:
	}
}

// member is the store behind the watch of one namespace.
type member struct {
	w    *Watched
	name string
}

func (m member) Add(o any) error    { m.w.tell(m.name, o.(*corev1.Namespace)); return nil }
func (m member) Update(o any) error { return m.Add(o) }
func (m member) Delete(any) error   { m.w.tell(m.name, nil); return nil }
func (m member) Resync() error      { return nil }

func (m member) Replace(list []any, _ string) error {
	if len(list) == 0 {
		return m.Delete(nil)
	}
	return m.Add(list[0])
}
