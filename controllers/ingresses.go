package controllers

import (
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	corelisters "k8s.io/client-go/listers/core/v1"
	networkinglisters "k8s.io/client-go/listers/networking/v1"
	"k8s.io/client-go/tools/cache"
)

// reconcileIngress finds out what an Ingress asks for now, and passes on what has changed. It makes no request.
func (c *Controller) reconcileIngress(_ context.Context, name types.NamespacedName) (time.Duration, error) {
	by := askerID{AskerIngress, name}
	ing, err := networkinglisters.NewIngressLister(c.caches.ingresses.GetIndexer()).Ingresses(name.Namespace).Get(name.Name)
	if err != nil { // a lister's only error is that there is none
		c.passOn(c.asks.set(by, nil))
		c.told.problems(Asker{Kind: AskerIngress, NamespacedName: name}, nil)
		return 0, nil
	}
	asks, problems := asksOf(ing, c.rulesFor(ing.Namespace))
	c.passOn(c.asks.set(by, asks))
	c.told.problems(askerOf(ing), problems)
	return 0, nil
}

// passOn makes the certificates and the copies of changed asks be looked at.
func (c *Controller) passOn(changed []Ask) {
	for _, ask := range changed {
		c.certificateLoop.Add(ask.Certificate)
		if ask.Shared {
			c.changed(ask.target())
		}
	}
}

func (c *Controller) rulesFor(namespace string) rules {
	return rules{
		home:                   c.home,
		defaultIssuer:          c.defaultIssuer,
		certManagerAnnotations: c.certManagerAnnotations,
		namespaceLabels:        c.namespaceLabels(namespace),
		issuer:                 c.issuer,
		standing:               c.standing,
	}
}

// issuer returns the issuer of that name: nil if there is none, an error if its Secret is not valid.
func (c *Controller) issuer(name types.NamespacedName) (*Issuer, error) {
	s := secret(c.caches.issuers, name)
	if s == nil {
		return nil, nil
	}
	issuer, err := c.parseIssuer(s)
	if err != nil {
		return nil, err
	}
	return c.completed(issuer), nil
}

// parseIssuer also checks what depends on where an issuer is.
func (c *Controller) parseIssuer(s *corev1.Secret) (*Issuer, error) {
	issuer, err := ParseIssuer(s)
	if err != nil {
		return nil, err
	}
	return issuer, issuer.allowedIn(c.home)
}

func (c *Controller) namespaceLabels(name string) labels.Set {
	ns, err := corelisters.NewNamespaceLister(c.caches.namespaces.GetIndexer()).Get(name)
	if err != nil {
		return nil // a lister's only error is that there is none
	}
	return ns.Labels
}

// ingressesIn names the Ingresses of a namespace.
func (c *Controller) ingressesIn(namespace string) (names []types.NamespacedName) {
	found, err := c.caches.ingresses.GetTypedIndexer().ByTypedIndex(cache.NamespaceIndex, namespace)
	if err != nil {
		return nil // the only error is an index that does not exist
	}
	for _, ing := range found {
		names = append(names, nameOf(ing))
	}
	return names
}

// ingressesFor names the Ingresses that opt in to an issuer of that name. It looks at all of them: issuers change rarely.
func (c *Controller) ingressesFor(issuer string) (names []types.NamespacedName) {
	all, err := networkinglisters.NewIngressLister(c.caches.ingresses.GetIndexer()).List(labels.Everything())
	if err != nil {
		return nil // a lister has no error to return here
	}
	for _, ing := range all {
		if c.rulesFor(ing.Namespace).issuerName(ing) == issuer {
			names = append(names, nameOf(ing))
		}
	}
	return names
}

// Requested tells what Ingresses request under the name of one Secret: which certificates, for which Ingresses, the
// oldest first.
func (c *Controller) Requested(target types.NamespacedName) []Ask {
	return slices.DeleteFunc(c.asks.forTarget(target), func(a Ask) bool { return !a.Shared })
}

// RequestedOf names the Secrets under which Ingresses request a certificate.
func (c *Controller) RequestedOf(certificate types.NamespacedName) (targets []types.NamespacedName) {
	for _, ask := range c.asks.forCertificate(certificate) {
		if ask.Shared {
			targets = append(targets, ask.target())
		}
	}
	return targets
}
