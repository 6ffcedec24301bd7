package controllers

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	coreinformers "k8s.io/client-go/informers/core/v1"
	networkinginformers "k8s.io/client-go/informers/networking/v1"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	networkinglisters "k8s.io/client-go/listers/networking/v1"
	"k8s.io/client-go/tools/cache"
)

// secretCaches and ingressCaches are the informers of one kind by the namespace that each watches; or the only one, of
// all namespaces, under the empty name.
type (
	secretCaches  map[string]coreinformers.SecretIndexInformer
	ingressCaches map[string]networkinginformers.IngressIndexInformer
)

func newSecretCaches(kube kubernetes.Interface, namespaces []string, tweak func(*metav1.ListOptions)) secretCaches {
	c := secretCaches{}
	for _, namespace := range namespaces {
		c[namespace] = coreinformers.NewTypedFilteredSecretInformer(kube, namespace, 0,
			coreinformers.SecretIndexers{cache.NamespaceIndex: byNamespace[*corev1.Secret]}, tweak)
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
func of[I any](caches map[string]I, namespace string) (informer I, found bool) {
	if all, found := caches[metav1.NamespaceAll]; found {
		return all, true
	}
	informer, found = caches[namespace]
	return informer, found
}

// get returns the cached Secret of that name, nil if there is none. It must not be changed.
func (c secretCaches) get(name types.NamespacedName) *corev1.Secret {
	informer, found := of(c, name.Namespace)
	if !found {
		return nil
	}
	s, err := corelisters.NewSecretLister(informer.GetIndexer()).Secrets(name.Namespace).Get(name.Name)
	if err != nil {
		return nil // a lister's only error is that there is none
	}
	return s
}

// in returns the cached Secrets of a namespace, sorted by name. They must not be changed.
func (c secretCaches) in(namespace string) []*corev1.Secret {
	informer, found := of(c, namespace)
	if !found {
		return nil
	}
	secrets, err := informer.GetTypedIndexer().ByTypedIndex(cache.NamespaceIndex, namespace)
	if err != nil {
		return nil // the only error is an index that does not exist
	}
	slices.SortFunc(secrets, func(a, b *corev1.Secret) int { return strings.Compare(a.Name, b.Name) })
	return secrets
}

// all returns all cached Secrets. They must not be changed.
func (c secretCaches) all() (secrets []*corev1.Secret) {
	for _, informer := range c {
		found, err := corelisters.NewSecretLister(informer.GetIndexer()).List(labels.Everything())
		if err != nil {
			return nil // a lister has no error to return here
		}
		secrets = append(secrets, found...)
	}
	return secrets
}

// get returns the cached Ingress of that name, nil if there is none. It must not be changed.
func (c ingressCaches) get(name types.NamespacedName) *networkingv1.Ingress {
	informer, found := of(c, name.Namespace)
	if !found {
		return nil
	}
	ing, err := networkinglisters.NewIngressLister(informer.GetIndexer()).Ingresses(name.Namespace).Get(name.Name)
	if err != nil {
		return nil // a lister's only error is that there is none
	}
	return ing
}

// in names the Ingresses of a namespace.
func (c ingressCaches) in(namespace string) (names []types.NamespacedName) {
	informer, found := of(c, namespace)
	if !found {
		return nil
	}
	ingresses, err := informer.GetTypedIndexer().ByTypedIndex(cache.NamespaceIndex, namespace)
	if err != nil {
		return nil // the only error is an index that does not exist
	}
	for _, ing := range ingresses {
		names = append(names, nameOf(ing))
	}
	return names
}

// all returns all cached Ingresses. They must not be changed.
func (c ingressCaches) all() (ingresses []*networkingv1.Ingress) {
	for _, informer := range c {
		found, err := networkinglisters.NewIngressLister(informer.GetIndexer()).List(labels.Everything())
		if err != nil {
			return nil // a lister has no error to return here
		}
		ingresses = append(ingresses, found...)
	}
	return ingresses
}
