package controllers

import (
	"context"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	coreinformers "k8s.io/client-go/informers/core/v1"
	networkinginformers "k8s.io/client-go/informers/networking/v1"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
)

// caches are the objects that certificates depend on. Each kind is selected by the server, so that other people's
// Secrets never reach this process; nothing is resynced.
type caches struct {
	ingresses  networkinginformers.IngressIndexInformer
	namespaces coreinformers.NamespaceIndexInformer // shared with the syncer; its owner runs it
	issuers    coreinformers.SecretIndexInformer
	solvers    coreinformers.SecretIndexInformer
	accounts   coreinformers.SecretIndexInformer
	orders     coreinformers.SecretIndexInformer
	managed    coreinformers.SecretIndexInformer
	standing   coreinformers.ConfigMapIndexInformer
}

// newCaches makes the informers. Nothing runs before start.
func newCaches(kube kubernetes.Interface, namespaces coreinformers.NamespaceIndexInformer) (*caches, error) {
	c := &caches{
		ingresses: networkinginformers.NewTypedIngressInformer(kube, metav1.NamespaceAll, 0,
			networkinginformers.IngressIndexers{cache.NamespaceIndex: byNamespace[*networkingv1.Ingress]}),
		namespaces: namespaces,
		issuers:    secrets(kube, ofType(TypeIssuer)),
		solvers:    secrets(kube, ofType(TypeSolver)),
		accounts:   secrets(kube, ofType(TypeAccount)),
		orders:     secrets(kube, ofType(TypeOrder)),
		managed:    secrets(kube, func(o *metav1.ListOptions) { o.LabelSelector = LabelManaged + "=true" }),
	}
	if err := c.ingresses.SetTransform(slimIngress); err != nil {
		return nil, err
	}
	c.standing = coreinformers.NewTypedFilteredConfigMapInformer(kube, metav1.NamespaceAll, 0,
		coreinformers.ConfigMapIndexers{cache.NamespaceIndex: byNamespace[*corev1.ConfigMap]},
		func(o *metav1.ListOptions) { o.LabelSelector = LabelCertificate + "=true" })
	if err := c.standing.SetTransform(slimConfigMap); err != nil {
		return nil, err
	}
	for _, informer := range c.secrets() {
		if err := informer.SetTransform(slimSecret); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// NewNamespaces makes the informer of Namespaces, reduced to their names and labels, that controllers and syncer share.
func NewNamespaces(kube kubernetes.Interface) (coreinformers.NamespaceIndexInformer, error) {
	informer := coreinformers.NewTypedNamespaceInformer(kube, 0, nil)
	return informer, informer.SetTransform(slimNamespace)
}

func secrets(kube kubernetes.Interface, tweak func(*metav1.ListOptions)) coreinformers.SecretIndexInformer {
	return coreinformers.NewTypedFilteredSecretInformer(kube, metav1.NamespaceAll, 0,
		coreinformers.SecretIndexers{cache.NamespaceIndex: byNamespace[*corev1.Secret]}, tweak)
}

func byNamespace[T metav1.Object](object T) ([]string, error) {
	return []string{object.GetNamespace()}, nil
}

func ofType(t corev1.SecretType) func(*metav1.ListOptions) {
	return func(o *metav1.ListOptions) { o.FieldSelector = fields.OneTermEqualSelector("type", string(t)).String() }
}

func (c *caches) secrets() []coreinformers.SecretIndexInformer {
	return []coreinformers.SecretIndexInformer{c.issuers, c.solvers, c.accounts, c.orders, c.managed}
}

// start runs the informers until ctx ends.
func (c *caches) start(ctx context.Context, wg *sync.WaitGroup) {
	wg.Go(func() { c.ingresses.RunWithContext(ctx) })
	wg.Go(func() { c.standing.RunWithContext(ctx) })
	for _, informer := range c.secrets() {
		wg.Go(func() { informer.RunWithContext(ctx) })
	}
}

// synced are done when everything has been read once.
func (c *caches) synced() []cache.DoneChecker {
	done := []cache.DoneChecker{c.ingresses.HasSyncedChecker(), c.namespaces.HasSyncedChecker(), c.standing.HasSyncedChecker()}
	for _, informer := range c.secrets() {
		done = append(done, informer.HasSyncedChecker())
	}
	return done
}

// secret returns the cached Secret of that name, nil if there is none. It must not be changed.
func secret(informer coreinformers.SecretIndexInformer, name types.NamespacedName) *corev1.Secret {
	s, err := corelisters.NewSecretLister(informer.GetIndexer()).Secrets(name.Namespace).Get(name.Name)
	if err != nil {
		return nil // a lister's only error is that there is none
	}
	return s
}

// secretsIn returns the cached Secrets of a namespace, sorted by name. They must not be changed.
func secretsIn(informer coreinformers.SecretIndexInformer, namespace string) []*corev1.Secret {
	found, err := informer.GetTypedIndexer().ByTypedIndex(cache.NamespaceIndex, namespace)
	if err != nil {
		return nil // the only error is an index that does not exist
	}
	slices.SortFunc(found, func(a, b *corev1.Secret) int { return strings.Compare(a.Name, b.Name) })
	return found
}

func slimSecret(object any) (any, error) {
	if s, ok := object.(*corev1.Secret); ok {
		s.ManagedFields = nil
	}
	return object, nil
}

func slimConfigMap(object any) (any, error) {
	if m, ok := object.(*corev1.ConfigMap); ok {
		m.ManagedFields = nil
	}
	return object, nil
}

func slimNamespace(object any) (any, error) {
	if ns, ok := object.(*corev1.Namespace); ok {
		ns.ManagedFields, ns.Annotations = nil, nil
	}
	return object, nil
}

// slimIngress keeps what asksOf reads.
func slimIngress(object any) (any, error) {
	ing, ok := object.(*networkingv1.Ingress)
	if !ok {
		return object, nil
	}
	ing.ManagedFields, ing.Labels, ing.OwnerReferences = nil, nil, nil
	ing.Spec = networkingv1.IngressSpec{TLS: ing.Spec.TLS}
	ing.Status = networkingv1.IngressStatus{}
	for key := range ing.Annotations {
		if !strings.HasPrefix(key, "wildcast.dev/") && !strings.HasPrefix(key, "cert-manager.io/") && key != AnnotationTLSACME {
			delete(ing.Annotations, key)
		}
	}
	return ing, nil
}
