package controllers

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	coreinformers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/tools/cache"
)

// listen connects the caches with the queues:
//
//	Ingress or Gateway                 → what has that name
//	temporary Ingress of a challenge   → that challenge's page
//	labels of a Namespace              → its Ingresses, Gateways and standing certificates
//	Namespace that can be read now     → all that is in it, see join
//	Gateways that can be read now      → the same
//	issuer Secret                      → that issuer, those whose pair it makes or whose fallback it is, who asks it or names a
//	                                     standing certificate that does, the certificates asked of it and of those
//	solver Secret                      → that solver, the certificates of its namespace's issuers
//	account Secret                     → its issuer, the solvers beside it, which show it, the certificates asked of it and
//	                                     of those whose fallback it is
//	TLS Secret that we manage          → that certificate, and the issuer that signs with it
//	order Secret                       → the ledger, the standing certificates for that certificate, which show its state
//	ConfigMap                          → that standing certificate, those that name it
//	Secret that stands in the way      → the certificate of that name, see Noticed
func (c *Controller) listen() error {
	for _, kind := range c.caches.gateways {
		kind.changed = func(name types.NamespacedName) { c.askerLoop.Add(name) }
		kind.late = func(namespace string) { c.askerLoop.Add(types.NamespacedName{Namespace: namespace}) }
		for namespace, part := range kind.parts {
			c.handlers[namespace] = append(c.handlers[namespace], part)
		}
	}
	return firstError(
		observe(c, c.caches.ingresses, c.onIngress),
		observe(c, map[string]coreinformers.NamespaceIndexInformer{metav1.NamespaceAll: c.caches.namespaces}, c.onNamespace),
		observe(c, c.caches.issuers, c.onIssuer),
		observe(c, c.caches.solvers, c.onSolver),
		observe(c, c.caches.accounts, c.onAccount),
		observe(c, c.caches.managed, c.onManaged),
		observe(c, c.caches.orders, c.onOrder),
		observe(c, c.caches.standing, c.onStanding),
	)
}

// Noticed is to be called with the name of each Secret that has changed or gone, whosever it is, and with the empty name
// when that cannot be told: what is not ours is in none of our caches, and may have been handed over or removed.
func (c *Controller) Noticed(name types.NamespacedName) {
	if name != (types.NamespacedName{}) {
		if _, waits := c.obstacles.Load(name); waits {
			c.certificateLoop.Add(name)
		}
		return
	}
	c.obstacles.Range(func(name, _ any) bool {
		c.certificateLoop.Add(name.(types.NamespacedName))
		return true
	})
}

// typedInformer is the part of a typed informer that observe uses.
type typedInformer[T cache.Object] interface {
	AddTypedEventHandler(cache.TypedResourceEventHandler[T], ...cache.HandlerOptions) (cache.ResourceEventHandlerRegistration, error)
}

// object is what the API's objects have in common.
type object interface {
	metav1.Object
	comparable
}

// observe calls changed for each event of informers: before is nil for a new object, and now is the last state of a
// deleted one.
func observe[T object, I typedInformer[T]](c *Controller, informers map[string]I, changed func(before, now T)) error {
	for namespace, informer := range informers {
		registration, err := informer.AddTypedEventHandler(handlerOf(changed))
		if err != nil {
			return err
		}
		c.handlers[namespace] = append(c.handlers[namespace], registration.HasSyncedChecker())
	}
	return nil
}

func handlerOf[T object](changed func(before, now T)) cache.TypedResourceEventHandler[T] {
	var none T
	return cache.TypedResourceEventHandlerFuncs[T]{
		AddFunc:    func(now T) { changed(none, now) },
		UpdateFunc: changed,
		DeleteFunc: func(gone cache.DeletedObject[T]) {
			if gone.OptionalObj != none {
				changed(none, gone.OptionalObj)
			}
		},
	}
}

func (c *Controller) onIngress(_, now *networkingv1.Ingress) {
	if c.isPage(now) {
		c.pageLoop.Add(nameOf(now))
		return
	}
	c.askerLoop.Add(nameOf(now))
}

func (c *Controller) onNamespace(before, now *corev1.Namespace) {
	switch {
	case !c.joined.has(now.Name):
		c.askerLoop.Add(types.NamespacedName{Namespace: now.Name})
	case before == nil || !maps.Equal(before.Labels, now.Labels):
		c.askerLoop.Add(c.caches.askersIn(now.Name)...)
		c.askerLoop.Add(c.caches.askersFor(now.Name)...)
		c.standingLoop.Add(namesOf(c.caches.standing.in(now.Name))...)
	}
}

func (c *Controller) onIssuer(before, now *corev1.Secret) {
	if !noted(before, now) {
		c.issuerLoop.Add(nameOf(now))
	}
	if sameData(before, now) {
		return
	}
	c.askerLoop.Add(c.askersFor(now.Name)...)
	c.issuerLoop.Add(c.issuersFrom(now.Name)...)
	standing := c.standingFrom(now.Name)
	c.standingLoop.Add(namesOf(standing)...)
	c.askerLoop.Add(c.askersNaming(standing...)...)
	leaning := c.leaningOn(nameOf(now))
	c.issuerLoop.Add(slices.Collect(maps.Keys(leaning))...)
	c.addCertificatesFrom(func(issuer types.NamespacedName) bool { return issuer == nameOf(now) || leaning[issuer] })
}

func (c *Controller) onSolver(before, now *corev1.Secret) {
	c.solverLoop.Add(nameOf(now))
	if !sameData(before, now) {
		c.addCertificatesFrom(func(issuer types.NamespacedName) bool { return issuer.Namespace == now.Namespace })
	}
}

func (c *Controller) onAccount(before, now *corev1.Secret) {
	issuer := issuerOf(nameOf(now))
	c.issuerLoop.Add(issuer)
	if !sameData(before, now) {
		c.solverLoop.Add(namesOf(c.caches.solvers.in(now.Namespace))...)
		leaning := c.leaningOn(issuer)
		c.addCertificatesFrom(func(name types.NamespacedName) bool { return name == issuer || leaning[name] })
	}
}

func (c *Controller) onManaged(before, now *corev1.Secret) {
	c.certificateLoop.Add(nameOf(now))
	c.showStanding(nameOf(now))
	signer, found := strings.CutSuffix(now.Name, authoritySuffix)
	if !found || sameData(before, now) {
		return
	}
	issuer := types.NamespacedName{Namespace: now.Namespace, Name: signer}
	c.issuerLoop.Add(issuer)
	c.addCertificatesFrom(func(name types.NamespacedName) bool { return name == issuer })
}

func (c *Controller) addCertificatesFrom(match func(issuer types.NamespacedName) bool) {
	c.certificateLoop.Add(c.asks.certificatesFrom(match)...)
}

// sameData reports whether an event left the Secret's data as it was.
func sameData(before, now *corev1.Secret) bool {
	return before != nil && before.UID == now.UID && hashData(before.Data) == hashData(now.Data)
}

// noted reports whether an event is that of our own note on an issuer: to look at the issuer again would cut a wait short.
func noted(before, now *corev1.Secret) bool {
	return sameData(before, now) && (before.Annotations[AnnotationStatus] != now.Annotations[AnnotationStatus] ||
		before.Annotations[AnnotationMessage] != now.Annotations[AnnotationMessage])
}

func nameOf(o metav1.Object) types.NamespacedName {
	return types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetName()}
}

// parseName reads namespace/name.
func parseName(text string) types.NamespacedName {
	namespace, name, _ := strings.Cut(text, "/")
	return types.NamespacedName{Namespace: namespace, Name: name}
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
