package controllers

import (
	"context"
	"maps"
	"slices"
	"sync"

	"go.uber.org/zap"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
)

// gatewayKinds are the kinds of Gateways that are read. Each is defined by somebody else's CustomResourceDefinition.
var gatewayKinds = map[AskerKind]schema.GroupResource{
	AskerGateway: {Group: gatewayGroup, Resource: "gateways"},
	AskerIstio:   {Group: istioGroup, Resource: "gateways"},
}

// gatewayVersions are those that are understood, of either kind, the preferred first.
var gatewayVersions = []string{"v1", "v1beta1"}

// GatewayVersions are the resources of each kind of Gateways that is read, in all versions that are understood, the preferred
// one first.
func GatewayVersions() (kinds [][]schema.GroupVersionResource) {
	for _, asker := range slices.Sorted(maps.Keys(gatewayKinds)) {
		var versions []schema.GroupVersionResource
		for _, version := range gatewayVersions {
			versions = append(versions, gatewayKinds[asker].WithVersion(version))
		}
		kinds = append(kinds, versions)
	}
	return kinds
}

// gateways is what the Gateways of one kind say. It follows the kind's definition: while a version is served that is
// understood, that one is watched; while none is, there are no Gateways. With the definition go all its objects, so nobody
// asks for anything by then.
//
// It is settled, in each watched namespace, when what is there was read, when it is known that the kind is not served, or
// when it may not be read. It goes on trying then.
type gateways struct {
	asker    AskerKind
	resource schema.GroupResource
	source   gatewaySource
	changed  func(name types.NamespacedName)
	log      *zap.Logger
	settled  map[string]gatewaysSettled // by watched namespace, as caches are

	mu       sync.Mutex
	requests map[types.NamespacedName]*request // of those with an annotation that is heeded
	refused  bool                              // it was said that something may not be read
}

// gatewaySource is where Gateways are read.
type gatewaySource struct {
	dynamic   dynamic.Interface
	discovery discovery.ServerResourcesInterfaceWithContext
}

// gatewaysSettled is done when Gateways are known.
type gatewaysSettled struct {
	*settled
	name string
}

// Name and Done are asked by client-go.
func (s gatewaysSettled) Name() string          { return s.name }
func (s gatewaysSettled) Done() <-chan struct{} { return s.over }

// newGateways makes the caches of all kinds, for each of the namespaces.
func newGateways(namespaces []string, source gatewaySource, log *zap.Logger) (all []*gateways) {
	for _, asker := range slices.Sorted(maps.Keys(gatewayKinds)) {
		g := &gateways{asker: asker, resource: gatewayKinds[asker], source: source, log: log, changed: func(types.NamespacedName) {},
			settled: map[string]gatewaysSettled{}, requests: map[types.NamespacedName]*request{}}
		for _, namespace := range namespaces {
			g.settled[namespace] = gatewaysSettled{&settled{over: make(chan struct{})}, g.resource.String() + " " + namespace}
		}
		all = append(all, g)
	}
	return all
}

// run keeps up with the kind until ctx ends.
func (g *gateways) run(ctx context.Context) {
	served := make(chan string)
	var finding sync.WaitGroup
	defer finding.Wait()
	finding.Go(func() { g.find(ctx, served) })
	var version string
	stop := func() {}
	for known := false; ; known = true {
		select {
		case <-ctx.Done():
			stop()
			return
		case now := <-served:
			if known && now == version {
				continue
			}
			stop()
			version, stop = now, g.follow(ctx, now)
		}
	}
}

// follow reads the Gateways in a version, none if it is empty, until the function that it returns is called.
func (g *gateways) follow(ctx context.Context, version string) (stop func()) {
	if version == "" {
		for namespace := range g.settled {
			g.replace(namespace, nil)
		}
		return func() {}
	}
	g.log.Info("Watching Gateways", zap.Stringer("resource", g.resource), zap.String("version", version))
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	for namespace := range g.settled {
		client := g.source.dynamic.Resource(g.resource.WithVersion(version)).Namespace(namespace)
		lw := g.patiently(client, "", func() { g.settled[namespace].end() })
		wg.Go(func() { reflect(ctx, "gateways "+g.resource.String(), lw, gatewayPart{g, namespace}) })
	}
	return func() {
		cancel()
		wg.Wait()
	}
}

// get returns what a Gateway says, nil if there is none that may ask.
func (g *gateways) get(name types.NamespacedName) *request {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.requests[name]
}

// in returns what the Gateways of a namespace say, those of all namespaces under the empty name.
func (g *gateways) in(namespace string) (all []*request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for name, q := range g.requests {
		if namespace == metav1.NamespaceAll || name.Namespace == namespace {
			all = append(all, q)
		}
	}
	return all
}

func (g *gateways) put(u *unstructured.Unstructured) { g.keep(requestOfGateway(u)) }

// keep keeps what a Gateway says, if it may ask for something.
func (g *gateways) keep(q *request) {
	name := q.by.NamespacedName
	g.mu.Lock()
	_, known := g.requests[name]
	if len(q.annotations) > 0 {
		g.requests[name] = q
	} else {
		delete(g.requests, name)
	}
	g.mu.Unlock()
	if known || len(q.annotations) > 0 {
		g.changed(name)
	}
}

func (g *gateways) remove(name types.NamespacedName) {
	g.mu.Lock()
	delete(g.requests, name)
	g.mu.Unlock()
	g.changed(name)
}

// replace keeps what the Gateways of a watched namespace say that were listed, and forgets those that were not.
func (g *gateways) replace(namespace string, listed []any) {
	there := map[types.NamespacedName]bool{}
	for _, o := range listed {
		u := o.(*unstructured.Unstructured)
		there[nameOf(u)] = true
		g.put(u)
	}
	for _, q := range g.in(namespace) {
		if !there[q.by.NamespacedName] {
			g.remove(q.by.NamespacedName)
		}
	}
	g.settled[namespace].end()
}

// gatewayPart is the store behind the watch of one namespace, or of all.
type gatewayPart struct {
	g         *gateways
	namespace string
}

func (p gatewayPart) Add(o any) error    { p.g.put(o.(*unstructured.Unstructured)); return nil }
func (p gatewayPart) Update(o any) error { return p.Add(o) }
func (p gatewayPart) Delete(o any) error {
	p.g.remove(nameOf(o.(*unstructured.Unstructured)))
	return nil
}
func (p gatewayPart) Resync() error { return nil }

func (p gatewayPart) Replace(list []any, _ string) error {
	p.g.replace(p.namespace, list)
	return nil
}
