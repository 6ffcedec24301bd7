package controllers

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	corelisters "k8s.io/client-go/listers/core/v1"

	"github.com/wildcast/wildcast/controllers/loop"
)

// joined are the watched namespaces of which it is known what their Ingresses and Gateways ask for. Those of an unwatched cluster all
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

// complete reports whether all watched namespaces have joined.
func (j *joined) complete() bool {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return len(j.names) >= j.watched
}

// Known reports whether it is known what Ingresses and Gateways in a namespace ask for.
func (c *Controller) Known(namespace string) bool { return c.joined.has(namespace) }

// join takes in a watched namespace whose caches are filled: first what is asked for in it, then the rest, which was
// not looked at before, and what may have seemed unasked for.
func (c *Controller) join(namespace string) {
	if c.namespace(namespace) == nil {
		return // it has gone again
	}
	c.judgeIn(namespace)
	for _, s := range c.caches.issuers.in(namespace) {
		c.askForAuthority(nameOf(s))
	}
	for _, m := range c.caches.standing.in(namespace) {
		c.askForStanding(m)
	}
	c.joined.add(namespace)
	c.standingLoop.Add(namesOf(c.caches.standing.in(namespace))...)
	for l, secrets := range map[*loop.Loop[types.NamespacedName]][]*corev1.Secret{
		c.issuerLoop:      c.caches.issuers.in(namespace),
		c.solverLoop:      c.caches.solvers.in(namespace),
		c.certificateLoop: c.caches.managed.all(),
	} {
		l.Add(namesOf(secrets)...)
	}
	c.changed(types.NamespacedName{Namespace: namespace})
}

// joinAll finds out what is asked for by all that can be read.
func (c *Controller) joinAll() {
	if c.joined.watched == 0 {
		c.judgeIn(metav1.NamespaceAll)
		for _, s := range c.caches.issuers.all() {
			c.askForAuthority(nameOf(s))
		}
		for _, m := range c.caches.standing.all() {
			c.askForStanding(m)
		}
		return
	}
	for _, ns := range c.namespaces() {
		c.join(ns.Name)
	}
}

// judgeIn finds out what is asked for in a namespace, the empty name standing for all. From then on nobody else is taken to
// ask there.
func (c *Controller) judgeIn(namespace string) {
	know := c.caches.gatewaysRead(namespace)
	for _, name := range c.caches.askersIn(namespace) {
		c.judge(name)
	}
	know()
}

// learn takes in Gateways of all namespaces that could not be read when all else was, and looks at what was kept since they
// might ask for it.
func (c *Controller) learn() {
	c.judgeIn(metav1.NamespaceAll)
	c.certificateLoop.Add(namesOf(c.caches.managed.all())...)
	for _, order := range c.caches.orders.all() {
		c.certificateLoop.Add(certificateOf(nameOf(order)))
	}
	for _, ns := range c.namespaces() {
		c.changed(types.NamespacedName{Namespace: ns.Name})
	}
}

// allKnown reports whether it is known what is asked for in all namespaces: what nobody asks for then is asked for by nobody.
func (c *Controller) allKnown() bool {
	return c.joined.complete() && c.caches.gatewaysKnownIn(metav1.NamespaceAll)
}

// namespaces are those that can be read.
func (c *Controller) namespaces() []*corev1.Namespace {
	all, _ := corelisters.NewNamespaceLister(c.caches.namespaces.GetIndexer()).List(labels.Everything()) // never fails: it reads memory
	return all
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
