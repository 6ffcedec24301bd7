package controllers

import (
	"slices"

	"go.uber.org/zap"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// gatewayPart is what is known of the Gateways of one kind in one watched namespace, or in all. It is the store behind their
// watch.
//
//	                                             settled  known   fault
//	nothing was heard yet                        no       no      no
//	they cannot be read, and could not be        yes      no      yes
//	they were read, or the kind is not served    yes      yes(1)  no
//	they could be read, and cannot be now        yes      yes     yes: what they said goes on to count
//
// While they are not known, nothing is removed for which one of them may ask; all else goes on. (1) as soon as what they ask
// for is judged.
type gatewayPart struct {
	g         *gateways
	namespace string
	settled   settled

	// Guarded by the mutex of g.
	read  bool
	known bool
	fault error
}

// UnreadGateways are Gateways that cannot be read.
type UnreadGateways struct {
	Resource  schema.GroupResource
	Namespace string // empty: all
	Known     bool   // they could be read before, and what they asked for goes on to count
	Err       error
}

func newGatewayPart(g *gateways, namespace string) *gatewayPart {
	return &gatewayPart{g: g, namespace: namespace, settled: settled{over: make(chan struct{})}}
}

// Name and Done are asked by client-go.
func (p *gatewayPart) Name() string          { return p.g.resource.String() + " " + p.namespace }
func (p *gatewayPart) Done() <-chan struct{} { return p.settled.over }

// Add keeps what a Gateway says.
func (p *gatewayPart) Add(o any) error    { p.g.put(o.(*unstructured.Unstructured)); return nil }
func (p *gatewayPart) Update(o any) error { return p.Add(o) }
func (p *gatewayPart) Delete(o any) error {
	p.g.remove(nameOf(o.(*unstructured.Unstructured)))
	return nil
}
func (p *gatewayPart) Resync() error { return nil }

// Replace keeps what the Gateways say that were listed, and forgets those that were not.
func (p *gatewayPart) Replace(list []any, _ string) error {
	there := map[types.NamespacedName]bool{}
	for _, o := range list {
		u := o.(*unstructured.Unstructured)
		there[nameOf(u)] = true
		p.g.put(u)
	}
	for _, q := range p.g.in(p.namespace) {
		if !there[q.by.NamespacedName] {
			p.g.remove(q.by.NamespacedName)
		}
	}
	p.g.mu.Lock()
	late := !p.read && p.fault != nil
	p.read, p.fault = true, nil
	p.g.mu.Unlock()
	p.settled.end()
	if late {
		p.g.late(p.namespace)
	}
	return nil
}

// tried takes note of the outcome of a list or a watch.
func (p *gatewayPart) tried(err error) {
	p.g.mu.Lock()
	said := apierrors.IsForbidden(p.fault)
	if err != nil || p.read { // else the watch has yet to bring what is there
		p.fault = err
	}
	p.g.mu.Unlock()
	if err == nil {
		return
	}
	p.settled.end()
	if apierrors.IsForbidden(err) && !said {
		p.g.log.Error("Could not read Gateways: apply the roles of this version of wildcast",
			zap.Stringer("resource", p.g.resource), zap.String("namespace", p.namespace), zap.Error(err))
	}
}

// unserved takes note that it could not be found out whether the kind is served.
func (p *gatewayPart) unserved(err error) {
	p.g.mu.Lock()
	read := p.read
	p.g.mu.Unlock()
	if !read {
		p.tried(err)
	}
}

// know ends the doubt about a part: what those of its Gateways ask for that were read is judged.
func (p *gatewayPart) know() {
	p.g.mu.Lock()
	defer p.g.mu.Unlock()
	p.known = true
}

// partsIn are those that Gateways in a namespace belong to, all under the empty name.
func (g *gateways) partsIn(namespace string) (parts []*gatewayPart) {
	for name, p := range g.parts {
		if namespace == metav1.NamespaceAll || name == metav1.NamespaceAll || name == namespace {
			parts = append(parts, p)
		}
	}
	return parts
}

// readIn are the parts in a namespace that have been read.
func (g *gateways) readIn(namespace string) []*gatewayPart {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.DeleteFunc(g.partsIn(namespace), func(p *gatewayPart) bool { return !p.read })
}

// knownIn reports whether it is known what all Gateways in a namespace ask for.
func (g *gateways) knownIn(namespace string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return !slices.ContainsFunc(g.partsIn(namespace), func(p *gatewayPart) bool { return !p.known })
}

// unread are the parts that cannot be read now.
func (g *gateways) unread() (all []UnreadGateways) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, p := range g.parts {
		if p.fault != nil {
			all = append(all, UnreadGateways{g.resource, p.namespace, p.read, p.fault})
		}
	}
	return all
}
