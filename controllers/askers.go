package controllers

import (
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	corelisters "k8s.io/client-go/listers/core/v1"
)

// reconcileAsker finds out what the Ingress and the Gateways of a name ask for now, and passes on what has changed. It makes
// no request. The empty name stands for a namespace that can be read now, or of which the Gateways can; for all without one.
func (c *Controller) reconcileAsker(_ context.Context, name types.NamespacedName) (time.Duration, error) {
	switch {
	case name == types.NamespacedName{}:
		c.learn()
		return 0, nil
	case name.Name == "":
		c.join(name.Namespace)
		return 0, nil
	}
	if c.joined.has(name.Namespace) {
		c.judge(name)
	}
	return 0, nil
}

// requesting are the kinds that ask by annotations.
var requesting = []AskerKind{AskerIngress, AskerGateway, AskerIstio}

// judge finds out what all objects of a name ask for.
func (c *Controller) judge(name types.NamespacedName) {
	for _, kind := range requesting {
		by := askerID{kind, name}
		q := c.caches.request(by)
		if q == nil {
			c.passOn(c.asks.set(by, nil))
			c.told.problems(Asker{Kind: kind, NamespacedName: name}, nil)
			continue
		}
		asks, problems := asksOf(q, c.rulesFor(name.Namespace))
		c.passOn(c.asks.set(by, asks))
		c.told.problems(q.by, problems)
	}
}

// passOn makes the certificates and the copies of changed asks be looked at.
func (c *Controller) passOn(changed []Ask) {
	for _, ask := range changed {
		c.certificateLoop.Add(ask.Certificate)
		if ask.Shared {
			c.changed(ask.Target())
		}
	}
}

func (c *Controller) rulesFor(namespace string) rules {
	return rules{
		home:                   c.home,
		defaultIssuer:          c.defaultIssuer,
		certManagerAnnotations: c.certManagerAnnotations,
		namespaceLabels:        c.namespaceLabels(namespace),
		labelsOf:               c.namespaceLabels,
		watched:                c.joined.watched > 0,
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

// askersFor names the objects that opt in to an issuer of that name. It looks at all of them: issuers change rarely.
func (c *Controller) askersFor(issuer string) (names []types.NamespacedName) {
	for _, q := range c.caches.requests(metav1.NamespaceAll) {
		if c.rulesFor(q.by.Namespace).issuerName(q) == issuer {
			names = append(names, q.by.NamespacedName)
		}
	}
	return names
}

// Requested tells what Ingresses and Gateways request under the name of one Secret: which certificates, for whom, the oldest
// first. A held ask counts in the asker's own namespace only; see also Keeps.
func (c *Controller) Requested(target types.NamespacedName) []Ask {
	return slices.DeleteFunc(c.asks.forTarget(target), func(a Ask) bool { return !a.requestsCopy() })
}

// RequestedOf names the Secrets under which Ingresses and Gateways request a certificate.
func (c *Controller) RequestedOf(certificate types.NamespacedName) (targets []types.NamespacedName) {
	for _, ask := range c.asks.forCertificate(certificate) {
		if ask.requestsCopy() {
			targets = append(targets, ask.Target())
		}
	}
	return targets
}

// Keeps reports whether a copy of a certificate that is at the target stays though nobody requests it: another certificate is
// asked for there, which is about to take its place, or this one is by an ask that is held, or a Gateway that cannot be read
// may request it.
func (c *Controller) Keeps(certificate, target types.NamespacedName) bool {
	return c.caches.managed.get(certificate) != nil && (len(c.asks.forTarget(target)) > 0 || !c.caches.gatewaysKnownIn(target.Namespace))
}
