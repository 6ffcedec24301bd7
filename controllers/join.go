package controllers

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	corelisters "k8s.io/client-go/listers/core/v1"

	"github.com/wildcast/wildcast/controllers/loop"
)

// joined are the watched namespaces of which it is known what their Ingresses ask for. Those of an unwatched cluster all
// are: its caches are filled before anything is done.
type joined struct {
	watched int // how many; 0 for all that there are

	mu    sync.RWMutex
	names map[string]struct{}
}

func newJoined(watched []string) *joined {
	return &joined{watched: len(watched), names: map[string]struct{}{}}
}

func (j *joined) add(namespace string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.names[namespace] = struct{}{}
}

func (j *joined) has(namespace string) bool {
	j.mu.RLock()
	defer j.mu.RUnlock()
	_, found := j.names[namespace]
	return found || j.watched == 0
}

// complete reports whether all watched namespaces have joined: what nobody asks for then is asked for by nobody.
func (j *joined) complete() bool {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return len(j.names) >= j.watched
}

// Known reports whether it is known what Ingresses in a namespace ask for.
func (c *Controller) Known(namespace string) bool { return c.joined.has(namespace) }

// join takes in a watched namespace whose caches are filled: first what its Ingresses ask for, then the rest, which was
// not looked at before, and what may have seemed unasked for.
func (c *Controller) join(namespace string) {
	if c.namespace(namespace) == nil {
		return // it has gone again
	}
	for _, name := range c.caches.ingresses.in(namespace) {
		c.judge(name)
	}
	c.joined.add(namespace)
	for l, secrets := range map[*loop.Loop[types.NamespacedName]][]*corev1.Secret{
		c.issuerLoop:      c.caches.issuers.in(namespace),
		c.solverLoop:      c.caches.solvers.in(namespace),
		c.certificateLoop: c.caches.managed.all(),
	} {
		for _, s := range secrets {
			l.Add(nameOf(s))
		}
	}
	c.changed(types.NamespacedName{Namespace: namespace})
}

// joinAll finds out what all Ingresses ask for that can be read.
func (c *Controller) joinAll() {
	if c.joined.watched == 0 {
		for _, ing := range c.caches.ingresses.all() {
			c.judge(nameOf(ing))
		}
		return
	}
	readable, err := corelisters.NewNamespaceLister(c.caches.namespaces.GetIndexer()).List(labels.Everything())
	if err != nil {
		return // a lister has no error to return here
	}
	for _, ns := range readable {
		c.join(ns.Name)
	}
}

// onceJoined leaves alone what is in a namespace that has not joined.
func (c *Controller) onceJoined(reconcile loop.Func[types.NamespacedName]) loop.Func[types.NamespacedName] {
	return func(ctx context.Context, name types.NamespacedName) (time.Duration, error) {
		if !c.joined.has(name.Namespace) {
			return 0, nil
		}
		return reconcile(ctx, name)
	}
}
