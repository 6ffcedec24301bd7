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
type gateways struct {
	asker    AskerKind
	resource schema.GroupResource
	source   gatewaySource
	changed  func(name types.NamespacedName)
	late     func(namespace string) // is told when Gateways were read that could not be at first; the empty name stands for all
	log      *zap.Logger
	parts    map[string]*gatewayPart // by watched namespace, as caches are

	mu       sync.Mutex
	requests map[types.NamespacedName]*request // of those with an annotation that is heeded
}

// gatewaySource is where Gateways are read.
type gatewaySource struct {
	dynamic   dynamic.Interface
	discovery discovery.ServerResourcesInterfaceWithContext
}

// newGateways makes the caches of all kinds, for each of the namespaces.
func newGateways(namespaces []string, source gatewaySource, log *zap.Logger) (all []*gateways) {
	for _, asker := range slices.Sorted(maps.Keys(gatewayKinds)) {
		g := &gateways{asker: asker, resource: gatewayKinds[asker], source: source, log: log,
			changed: func(types.NamespacedName) {}, late: func(string) {},
			parts: map[string]*gatewayPart{}, requests: map[types.NamespacedName]*request{}}
		for _, namespace := range namespaces {
			g.parts[namespace] = newGatewayPart(g, namespace)
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
		for _, part := range g.parts {
			_ = part.Replace(nil, "")
		}
		return func() {}
	}
	g.log.Info("Watching Gateways", zap.Stringer("resource", g.resource), zap.String("version", version))
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	for namespace, part := range g.parts {
		client := g.source.dynamic.Resource(g.resource.WithVersion(version)).Namespace(namespace)
		wg.Go(func() { reflect(ctx, "gateways "+g.resource.String(), g.patiently(client, "", part.tried), part) })
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
