package controllers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/wildcast/wildcast/acmeclient"
	"github.com/wildcast/wildcast/acmeclient/http01"
)

// This file brings CAs to the pages that answer HTTP-01 challenges. For each challenge in flight there is a temporary
// Ingress in the home namespace, which routes the page's path at the challenge's host to wildcast's Service. Every
// replica answers there: whose challenge it is stands on the Ingress, and the account's key is in the cluster.
//
//	challenge   Ingress   →
//	in flight   none      create: somebody removed it
//	over        there     delete: its process died before it could

// HTTP01 says where this program's pages are.
type HTTP01 struct {
	Service string // in the home namespace
	Port    int32  // of the Service
	AskPort int    // where CAs ask; 80 if zero
}

// pages are the challenges in flight, by the name of their Ingress.
type pages struct {
	HTTP01
	inFlight *sync.Map     // types.NamespacedName → *networkingv1.Ingress
	turn     *sync.Mutex   // to open a page, or to find that one is left over and delete it: an order may be taking it up again
	waiting  chan struct{} // a place for each request that waits for news of its challenge
}

const (
	// newsLimit is how long a request may wait until this replica knows of its challenge.
	newsLimit = 3 * time.Second
	// newsWaiters bounds how many requests do: the address is open to the world.
	newsWaiters = 32
)

func newPages(at HTTP01) pages {
	return pages{HTTP01: at, inFlight: &sync.Map{}, turn: &sync.Mutex{}, waiting: make(chan struct{}, newsWaiters)}
}

// pageName is the name of the Ingress for a token.
func (c *Controller) pageName(token string) types.NamespacedName {
	sum := sha256.Sum256([]byte(token))
	return types.NamespacedName{Namespace: c.home, Name: "wildcast-http01-" + hex.EncodeToString(sum[:8])}
}

// isPage reports whether an Ingress is a temporary one of ours.
func (c *Controller) isPage(ing *networkingv1.Ingress) bool {
	return ing != nil && ing.Namespace == c.home && ing.Annotations[AnnotationChallengeIssuer] != ""
}

// pageIngress is the Ingress that brings requests for the token's page at host to us.
func (c *Controller) pageIngress(issuer *Issuer, host, token string) *networkingv1.Ingress {
	name := c.pageName(token)
	ing := &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: name.Namespace, Name: name.Name,
			Annotations: map[string]string{AnnotationChallengeIssuer: issuer.Name.String()},
		},
		Spec: networkingv1.IngressSpec{Rules: []networkingv1.IngressRule{{
			Host: host,
			IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{{
				Path:     http01.Path + token,
				PathType: ptr.To(networkingv1.PathTypeExact),
				Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
					Name: c.pages.Service, Port: networkingv1.ServiceBackendPort{Number: c.pages.Port},
				}},
			}}}},
		}}},
	}
	if issuer.IngressClass != "" {
		ing.Spec.IngressClassName = &issuer.IngressClass
	}
	return ing
}

// pageSolver answers the challenges of an order with pages.
func (c *Controller) pageSolver(v *view) acmeclient.Solver {
	issuer := v.want.Issuer
	return http01.New(http01.Config{
		Port:        c.pages.AskPort,
		Nameservers: issuer.Nameservers,
		Route: func(ctx context.Context, host, token string) (func(context.Context) error, error) {
			return c.openPage(ctx, c.pageIngress(issuer, host, token))
		},
		Waiting: func(address, seen string) {
			c.told.askers(v.want.Asks, corev1.EventTypeWarning, ReasonWaitingForHTTP, "Order", fmt.Sprintf(
				"Certificate %s waits for the page %s, where wildcast sees: %s. Check that the host leads to this cluster and that "+
					"an Ingress controller serves the Ingresses of namespace %s.", v.name, address, seen, c.home))
		},
	})
}

// openPage makes a challenge's Ingress. close takes it away again.
func (c *Controller) openPage(ctx context.Context, ing *networkingv1.Ingress) (closePage func(context.Context) error, err error) {
	name := nameOf(ing)
	c.pages.turn.Lock()
	defer c.pages.turn.Unlock()
	c.pages.inFlight.Store(name, ing)
	if err := c.createPage(ctx, ing); err != nil {
		c.pages.inFlight.Delete(name)
		return nil, err
	}
	return func(ctx context.Context) error {
		c.pages.inFlight.Delete(name)
		err := c.deletePage(ctx, name)
		if err != nil {
			c.pageLoop.Add(name) // until it has gone
		}
		return err
	}, nil
}

// createPage is content with an Ingress that is there already: the token makes its name, and what it is for.
func (c *Controller) createPage(ctx context.Context, ing *networkingv1.Ingress) error {
	_, err := c.kube.NetworkingV1().Ingresses(ing.Namespace).Create(ctx, ing, metav1.CreateOptions{FieldManager: fieldManager})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("create ingress %s: %w", nameOf(ing), err)
	}
	return nil
}

func (c *Controller) deletePage(ctx context.Context, name types.NamespacedName) error {
	err := c.kube.NetworkingV1().Ingresses(name.Namespace).Delete(ctx, name.Name, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete ingress %s: %w", name, err)
	}
	return nil
}

// reconcilePage makes an Ingress what its challenge needs: see the table above.
func (c *Controller) reconcilePage(ctx context.Context, name types.NamespacedName) (time.Duration, error) {
	c.pages.turn.Lock()
	defer c.pages.turn.Unlock()
	needed, inFlight := c.pages.inFlight.Load(name)
	there := c.page(name)
	switch {
	case inFlight && there == nil:
		return 0, c.createPage(ctx, needed.(*networkingv1.Ingress))
	case !inFlight && there != nil:
		return 0, c.deletePage(ctx, name)
	}
	return 0, nil
}

// page is the cached Ingress of that name if it is one of ours, else nil.
func (c *Controller) page(name types.NamespacedName) *networkingv1.Ingress {
	if ing := c.caches.ingresses.get(name); c.isPage(ing) {
		return ing
	}
	return nil
}

// Pages answers CAs that look at HTTP-01 challenges, on every replica.
func (c *Controller) Pages() http.Handler { return http01.Handler{Thumbprint: c.thumbprint} }

// thumbprint is that of the account for whose challenge a token stands. A token that is not known may be news.
func (c *Controller) thumbprint(ctx context.Context, token string) (string, bool) {
	ing := c.awaitPage(ctx, c.pageName(token))
	if ing == nil {
		return "", false
	}
	account := c.caches.accounts.get(accountName(parseName(ing.Annotations[AnnotationChallengeIssuer])))
	if account == nil {
		return "", false
	}
	key, err := parseKey(account.Data[accountKey])
	if err != nil {
		return "", false
	}
	thumbprint, err := acmeclient.Account{Key: key}.Thumbprint()
	return thumbprint, err == nil
}

// awaitPage returns the Ingress, waiting for it while there is room to wait.
func (c *Controller) awaitPage(ctx context.Context, name types.NamespacedName) *networkingv1.Ingress {
	if ing := c.page(name); ing != nil {
		return ing
	}
	select {
	case c.pages.waiting <- struct{}{}:
		defer func() { <-c.pages.waiting }()
	default:
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, newsLimit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		if ing := c.page(name); ing != nil {
			return ing
		}
	}
}
