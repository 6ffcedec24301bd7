package controllers

import (
	"context"
	"maps"
	"slices"
	"sync"

	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	coreinformers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// caches are the objects that certificates depend on. Each kind is selected by the server, so that other people's
// Secrets never reach this process; nothing is resynced.
type caches struct {
	namespaces coreinformers.NamespaceIndexInformer // shared with the syncer; its owner runs it
	ingresses  ingressCaches
	gateways   []*gateways // by kind; empty until readGateways
	issuers    secretCaches
	solvers    secretCaches
	accounts   secretCaches
	orders     secretCaches
	managed    secretCaches
	standing   configMapCaches
}

// newCaches makes the informers: of each of the namespaces, or of all of them if none is named. Nothing runs before start.
func newCaches(kube kubernetes.Interface, namespaces coreinformers.NamespaceIndexInformer, watched []string) (*caches, error) {
	if len(watched) == 0 {
		watched = []string{metav1.NamespaceAll}
	}
	secrets := func(tweak func(*metav1.ListOptions)) secretCaches { return newSecretCaches(kube, watched, tweak) }
	c := &caches{
		namespaces: namespaces,
		ingresses:  newIngressCaches(kube, watched),
		issuers:    secrets(ofType(TypeIssuer)),
		solvers:    secrets(ofType(TypeSolver)),
		accounts:   secrets(ofType(TypeAccount)),
		orders:     secrets(ofType(TypeOrder)),
		managed:    secrets(labelled(LabelManaged)),
		standing:   newConfigMapCaches(kube, watched, labelled(LabelCertificate)),
	}
	for _, informer := range c.ingresses {
		if err := informer.SetTransform(slimIngress); err != nil {
			return nil, err
		}
	}
	for _, informer := range c.standing {
		if err := informer.SetTransform(slimConfigMap); err != nil {
			return nil, err
		}
	}
	for _, kind := range c.secrets() {
		for _, informer := range kind {
			if err := informer.SetTransform(slimSecret); err != nil {
				return nil, err
			}
		}
	}
	return c, nil
}

// NewNamespaces makes the informer of Namespaces, reduced to their names and labels, that controllers and syncer share.
func NewNamespaces(kube kubernetes.Interface) (coreinformers.NamespaceIndexInformer, error) {
	informer := coreinformers.NewTypedNamespaceInformer(kube, 0, nil)
	return informer, informer.SetTransform(slimNamespace)
}

func ofType(t corev1.SecretType) func(*metav1.ListOptions) {
	return func(o *metav1.ListOptions) { o.FieldSelector = fields.OneTermEqualSelector("type", string(t)).String() }
}

func labelled(key string) func(*metav1.ListOptions) {
	return func(o *metav1.ListOptions) { o.LabelSelector = key + "=true" }
}

func (c *caches) secrets() []secretCaches {
	return []secretCaches{c.issuers, c.solvers, c.accounts, c.orders, c.managed}
}

// readGateways adds the caches of Gateways, for the namespaces of the others.
func (c *caches) readGateways(source gatewaySource, log *zap.Logger) {
	c.gateways = newGateways(slices.Collect(maps.Keys(c.ingresses)), source, log)
}

// in are the informers of a namespace, but that of Namespaces; the empty name stands for all.
func (c *caches) in(namespace string) []cache.SharedIndexInformer {
	if c.ingresses[namespace] == nil {
		return nil
	}
	found := []cache.SharedIndexInformer{c.ingresses[namespace], c.standing[namespace]}
	for _, kind := range c.secrets() {
		found = append(found, kind[namespace])
	}
	return found
}

// onForbidden makes tell be told when the API server forbids to read a namespace. client-go's own word on it names no
// remedy.
func (c *caches) onForbidden(tell func(namespace string, err error)) error {
	for namespace := range c.ingresses {
		handler := func(ctx context.Context, r *cache.Reflector, err error) {
			if namespace != metav1.NamespaceAll && apierrors.IsForbidden(err) {
				tell(namespace, err)
			} else {
				cache.DefaultWatchErrorHandler(ctx, r, err)
			}
		}
		for _, informer := range c.in(namespace) {
			if err := informer.SetWatchErrorHandlerWithContext(handler); err != nil {
				return err
			}
		}
	}
	return nil
}

// start runs the informers until ctx ends.
func (c *caches) start(ctx context.Context, wg *sync.WaitGroup) {
	for namespace := range c.ingresses {
		for _, informer := range c.in(namespace) {
			wg.Go(func() { informer.RunWithContext(ctx) })
		}
	}
	for _, kind := range c.gateways {
		wg.Go(func() { kind.run(ctx) })
	}
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
		if !heeded(key) {
			delete(ing.Annotations, key)
		}
	}
	return ing, nil
}
