package controllers

import (
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	corelisters "k8s.io/client-go/listers/core/v1"
)

// reconcileIngress finds out what an Ingress asks for now, and passes on what has changed. It makes no request. The empty
// name stands for a namespace that can be read now.
func (c *Controller) reconcileIngress(_ context.Context, name types.NamespacedName) (time.Duration, error) {
	if name.Name == "" {
		c.join(name.Namespace)
		return 0, nil
	}
	if c.joined.has(name.Namespace) {
		c.judge(name)
	}
	return 0, nil
}

// judge finds out what an Ingress asks for.
func (c *Controller) judge(name types.NamespacedName) {
	by := askerID{AskerIngress, name}
	ing := c.caches.ingresses.get(name)
	if ing == nil {
		c.passOn(c.asks.set(by, nil))
		c.told.problems(Asker{Kind: AskerIngress, NamespacedName: name}, nil)
		return
	}
	asks, problems := asksOf(ing, c.rulesFor(ing.Namespace))
	c.passOn(c.asks.set(by, asks))
	c.told.problems(askerOf(ing), problems)
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
	s := c.caches.issuers.get(name)
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
	if ns := c.namespace(name); ns != nil {
		return ns.Labels
	}
	return nil
}

// namespace returns the cached Namespace, nil if there is none.
func (c *Controller) namespace(name string) *corev1.Namespace {
	ns, err := corelisters.NewNamespaceLister(c.caches.namespaces.GetIndexer()).Get(name)
	if err != nil {
		return nil // a lister's only error is that there is none
	}
	return ns
}

// ingressesFor names the Ingresses that opt in to an issuer of that name. It looks at all of them: issuers change rarely.
func (c *Controller) ingressesFor(issuer string) (names []types.NamespacedName) {
	for _, ing := range c.caches.ingresses.all() {
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
