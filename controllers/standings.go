package controllers

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// reconcileStanding finds out what a standing certificate asks for now, and notes its state on it.
func (c *Controller) reconcileStanding(ctx context.Context, name types.NamespacedName) (time.Duration, error) {
	m := c.caches.standing.get(name)
	if m == nil || !isStanding(m) {
		by := Asker{Kind: AskerStanding, NamespacedName: name}
		c.passOn(c.asks.set(by.id(), nil))
		c.told.problems(by, nil)
		return 0, nil
	}
	return 0, c.noteStanding(ctx, m, c.stateOf(c.askForStanding(m)))
}

// askForStanding passes on what a standing certificate asks for; there may be a problem with it.
func (c *Controller) askForStanding(m *corev1.ConfigMap) (*Ask, *Problem) {
	s, fault := ParseStanding(m)
	ask, problem := c.rulesFor(m.Namespace).standingAsk(s, fault)
	var asks []Ask
	var problems []Problem
	if ask != nil {
		asks = []Ask{*ask}
	}
	if problem != nil {
		problems = []Problem{*problem}
	}
	c.passOn(c.asks.set(s.By.id(), asks))
	c.told.problems(s.By, problems)
	return ask, problem
}

// stateOf is what is shown on a standing certificate:
//
//	there is a problem with it           Invalid
//	an older one has another issuer      Invalid
//	its Secret has a valid certificate   Ready
//	else                                 Pending, with the last failure
func (c *Controller) stateOf(ask *Ask, problem *Problem) map[string]string {
	if problem == nil {
		problem = c.refusalOf(ask)
	}
	if problem != nil {
		return map[string]string{AnnotationStatus: StatusInvalid, AnnotationMessage: shortened(problem.Note)}
	}
	s := c.caches.managed.get(ask.Certificate)
	if have := haveOf(s); have.isCertificate() && have.isFrom(ask.Issuer) && covers(have.Names, ask.Names) && time.Now().Before(have.NotAfter) {
		return map[string]string{AnnotationStatus: StatusReady, AnnotationMessage: "The certificate is in Secret " + ask.SecretName + ".",
			AnnotationNotAfter: s.Annotations[AnnotationNotAfter], AnnotationRenewAt: s.Annotations[AnnotationRenewAt]}
	}
	message := "It is being obtained."
	if last := recordOf(c.caches.orders.get(recordName(ask.Certificate))); last.LastError != "" {
		message = shortened("It was not obtained yet: " + last.LastError)
	}
	return map[string]string{AnnotationStatus: StatusPending, AnnotationMessage: message}
}

// refusalOf is why an ask is left out of what is wanted of its certificate, if it is.
func (c *Controller) refusalOf(ask *Ask) *Problem {
	_, refused := wantOf(c.asks.forCertificate(ask.Certificate), c.issuer)
	for _, r := range refused {
		if r.Ask.By == ask.By {
			return &r.Problem
		}
	}
	return nil
}

// showRefused has standing certificates that were left out say so.
func (c *Controller) showRefused(refused []Refusal) {
	for _, r := range refused {
		if r.Ask.By.Kind == AskerStanding {
			c.standingLoop.Add(r.Ask.By.NamespacedName)
		}
	}
}

// noteStanding writes the state. Nothing is written when nothing changed, or when m is behind: the event of its newer state
// brings us back.
func (c *Controller) noteStanding(ctx context.Context, m *corev1.ConfigMap, state map[string]string) error {
	out := m.DeepCopy()
	if out.Annotations == nil {
		out.Annotations = map[string]string{}
	}
	for _, key := range []string{AnnotationStatus, AnnotationMessage, AnnotationNotAfter, AnnotationRenewAt} {
		set(out.Annotations, key, state[key], state[key] != "")
	}
	if maps.Equal(out.Annotations, m.Annotations) {
		return nil
	}
	_, err := c.kube.CoreV1().ConfigMaps(m.Namespace).Update(ctx, out, metav1.UpdateOptions{FieldManager: fieldManager})
	if err != nil && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
		return fmt.Errorf("note status on ConfigMap %s: %w", nameOf(m), err)
	}
	return nil
}

// standing returns the oldest standing certificate for the Secret of that name, and what is wrong with its keys.
func (c *Controller) standing(certificate types.NamespacedName) (*Standing, error) {
	var oldest *Standing
	var fault error
	for _, m := range c.caches.standing.in(certificate.Namespace) {
		if s, err := ParseStanding(m); isStanding(m) && s.SecretName == certificate.Name && (oldest == nil || s.By.compare(oldest.By) < 0) {
			oldest, fault = s, err
		}
	}
	return oldest, fault
}

// onStanding also looks at those that name it, or did.
func (c *Controller) onStanding(before, now *corev1.ConfigMap) {
	c.standingLoop.Add(nameOf(now))
	if before != nil && maps.Equal(before.Data, now.Data) && maps.Equal(before.Labels, now.Labels) && before.Annotations[kubedSync] == now.Annotations[kubedSync] {
		return
	}
	c.askerLoop.Add(c.askersNaming(now)...)
	if before != nil {
		c.askerLoop.Add(c.askersNaming(before)...)
	}
}

// askersNaming names the objects that name one of these standing certificates.
func (c *Controller) askersNaming(standing ...*corev1.ConfigMap) (names []types.NamespacedName) {
	named := map[string]bool{}
	for _, m := range standing {
		named[m.Name], named[strings.TrimSpace(m.Data["secretName"])] = true, true
	}
	for _, q := range c.caches.requests(metav1.NamespaceAll) {
		if certificate := q.annotations[AnnotationCertificate]; certificate != "" && named[certificate] {
			names = append(names, q.by.NamespacedName)
		}
	}
	return names
}

func (c *Controller) onOrder(_, now *corev1.Secret) {
	certificate := certificateOf(nameOf(now))
	c.ledger.note(certificate, attemptsOf(now.Data))
	c.showStanding(certificate)
}

// showStanding has the state of a certificate shown on those who stand for it.
func (c *Controller) showStanding(certificate types.NamespacedName) {
	for _, ask := range c.asks.forCertificate(certificate) {
		if ask.By.Kind != AskerStanding {
			return // they come first
		}
		c.standingLoop.Add(ask.By.NamespacedName)
	}
}

// standingFrom returns the standing certificates that ask an issuer of that name.
func (c *Controller) standingFrom(issuer string) []*corev1.ConfigMap {
	return slices.DeleteFunc(c.caches.standing.all(), func(m *corev1.ConfigMap) bool {
		return cmp.Or(strings.TrimSpace(m.Data["issuer"]), c.defaultIssuer) != issuer
	})
}
