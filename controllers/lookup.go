package controllers

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	coreinformers "k8s.io/client-go/informers/core/v1"
	networkinginformers "k8s.io/client-go/informers/networking/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// informers are those of one kind by the namespace that each watches; or the only one, of all namespaces, under the empty
// name. What they return is cached, and must not be changed.
type informers[T object, I cache.SharedIndexInformer] map[string]I

type (
	secretCaches    = informers[*corev1.Secret, coreinformers.SecretIndexInformer]
	configMapCaches = informers[*corev1.ConfigMap, coreinformers.ConfigMapIndexInformer]
	ingressCaches   = informers[*networkingv1.Ingress, networkinginformers.IngressIndexInformer]
)

func newSecretCaches(kube kubernetes.Interface, namespaces []string, tweak func(*metav1.ListOptions)) secretCaches {
	c := secretCaches{}
	for _, namespace := range namespaces {
		c[namespace] = coreinformers.NewTypedFilteredSecretInformer(kube, namespace, 0,
			coreinformers.SecretIndexers{cache.NamespaceIndex: byNamespace[*corev1.Secret]}, tweak)
	}
	return c
}

func newConfigMapCaches(kube kubernetes.Interface, namespaces []string, tweak func(*metav1.ListOptions)) configMapCaches {
	c := configMapCaches{}
	for _, namespace := range namespaces {
		c[namespace] = coreinformers.NewTypedFilteredConfigMapInformer(kube, namespace, 0,
			coreinformers.ConfigMapIndexers{cache.NamespaceIndex: byNamespace[*corev1.ConfigMap]}, tweak)
	}
	return c
}

func newIngressCaches(kube kubernetes.Interface, namespaces []string) ingressCaches {
	c := ingressCaches{}
	for _, namespace := range namespaces {
		c[namespace] = networkinginformers.NewTypedIngressInformer(kube, namespace, 0,
			networkinginformers.IngressIndexers{cache.NamespaceIndex: byNamespace[*networkingv1.Ingress]})
	}
	return c
}

func byNamespace[T metav1.Object](object T) ([]string, error) {
	return []string{object.GetNamespace()}, nil
}

// of returns the informer that has the objects of a namespace, if any has.
func (c informers[T, I]) of(namespace string) (informer I, found bool) {
	if all, found := c[metav1.NamespaceAll]; found {
		return all, true
	}
	informer, found = c[namespace]
	return informer, found
}

// get returns the object of that name, nil if there is none.
func (c informers[T, I]) get(name types.NamespacedName) T {
	var none T
	informer, found := c.of(name.Namespace)
	if !found {
		return none
	}
	o, found, err := informer.GetIndexer().GetByKey(name.String())
	if err != nil || !found {
		return none
	}
	return o.(T)
}

// in returns the objects of a namespace, sorted by name.
func (c informers[T, I]) in(namespace string) []T {
	informer, found := c.of(namespace)
	if !found {
		return nil
	}
	objects, err := informer.GetIndexer().ByIndex(cache.NamespaceIndex, namespace)
	if err != nil {
		return nil // the only error is an index that does not exist
	}
	var all []T
	for _, o := range objects {
		all = append(all, o.(T))
	}
	slices.SortFunc(all, func(a, b T) int { return strings.Compare(a.GetName(), b.GetName()) })
	return all
}

// all returns all objects.
func (c informers[T, I]) all() (all []T) {
	for _, informer := range c {
		for _, o := range informer.GetIndexer().List() {
			all = append(all, o.(T))
		}
	}
	return all
}

// request returns what the object of that kind and name says, nil if there is none that may ask.
func (c *caches) request(by askerID) *request {
	if by.kind == AskerIngress {
		if ing := c.ingresses.get(by.name); ing != nil {
			return requestOf(ing)
		}
		return nil
	}
	if kind := c.gatewaysOf(by.kind); kind != nil {
		return kind.get(by.name)
	}
	return nil
}

// gatewaysOf returns the Gateways of a kind, nil if these are not read.
func (c *caches) gatewaysOf(kind AskerKind) *gateways {
	for _, g := range c.gateways {
		if g.asker == kind {
			return g
		}
	}
	return nil
}

// gatewaysRead returns the function by which the Gateways of a namespace that have been read by now, those of all namespaces
// under the empty name, become known.
func (c *caches) gatewaysRead(namespace string) (know func()) {
	var read []*gatewayPart
	for _, g := range c.gateways {
		read = append(read, g.readIn(namespace)...)
	}
	return func() {
		for _, p := range read {
			p.know()
		}
	}
}

// gatewaysKnownIn reports whether it is known what all Gateways in a namespace ask for, or in all under the empty name.
func (c *caches) gatewaysKnownIn(namespace string) bool {
	return !slices.ContainsFunc(c.gateways, func(g *gateways) bool { return !g.knownIn(namespace) })
}

// unreadGateways are those that cannot be read now.
func (c *caches) unreadGateways() (all []UnreadGateways) {
	for _, g := range c.gateways {
		all = append(all, g.unread()...)
	}
	return all
}

// inGateways returns what the Gateways of a namespace say, of either kind, those of all namespaces under the empty name.
func (c *caches) inGateways(namespace string) (all []*request) {
	for _, g := range c.gateways {
		all = append(all, g.in(namespace)...)
	}
	return all
}

// requests returns what the objects of a namespace say, those of all namespaces under the empty name.
func (c *caches) requests(namespace string) (all []*request) {
	ingresses := c.ingresses.all
	if namespace != metav1.NamespaceAll {
		ingresses = func() []*networkingv1.Ingress { return c.ingresses.in(namespace) }
	}
	for _, ing := range ingresses() {
		all = append(all, requestOf(ing))
	}
	return append(all, c.inGateways(namespace)...)
}

// askersIn names what may ask in a namespace.
func (c *caches) askersIn(namespace string) (names []types.NamespacedName) {
	for _, q := range c.requests(namespace) {
		names = append(names, q.by.NamespacedName)
	}
	return names
}

// askersFor names what asks for Secrets in a namespace that is not its own.
func (c *caches) askersFor(namespace string) (names []types.NamespacedName) {
	for _, q := range c.inGateways(metav1.NamespaceAll) {
		if q.in == namespace && q.elsewhere() {
			names = append(names, q.by.NamespacedName)
		}
	}
	return names
}

// namesOf are the objects' names.
func namesOf[T object](objects []T) (names []types.NamespacedName) {
	for _, o := range objects {
		names = append(names, nameOf(o))
	}
	return names
}
