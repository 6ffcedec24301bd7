package controllers

import (
	"fmt"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
)

// told emits Events. Standing problems are told when they change, not on every pass. It is safe for concurrent use.
type told struct {
	events events.EventRecorder

	mu       sync.Mutex
	standing map[string][]Problem // by what they are problems of
}

func newTold(recorder events.EventRecorder) *told {
	return &told{events: recorder, standing: map[string][]Problem{}}
}

// ingresses tells the owners of Ingresses the same, each Ingress once.
func (t *told) ingresses(asks []Ask, eventType, reason, action, note string) {
	seen := map[types.NamespacedName]bool{}
	for _, ask := range asks {
		if !seen[ask.Ingress.NamespacedName] {
			t.events.Eventf(ask.Ingress.object(), nil, eventType, reason, action, "%s", note)
		}
		seen[ask.Ingress.NamespacedName] = true
	}
}

// problems tells an Ingress's owner what is new among its problems.
func (t *told) problems(ingress IngressRef, now []Problem) {
	for _, p := range t.fresh("ingress "+ingress.String(), now) {
		t.events.Eventf(ingress.object(), nil, corev1.EventTypeWarning, p.Reason, "Check", "%s", p.Note)
	}
}

// certificate tells the owners of a certificate's Ingresses what is new about it; no problem at all is what clears it.
func (t *told) certificate(v *view, now ...Problem) {
	for _, p := range t.fresh("certificate "+v.name.String(), now) {
		t.ingresses(v.want.Asks, corev1.EventTypeWarning, p.Reason, "Check", p.Note)
	}
}

// refusals tells those whose asks cannot be joined with the older ones.
func (t *told) refusals(refused []Refusal) {
	for _, r := range refused {
		for _, p := range t.fresh(fmt.Sprintf("ask %s %s", r.Ask.Ingress, r.Ask.Certificate), []Problem{r.Problem}) {
			t.events.Eventf(r.Ask.Ingress.object(), nil, corev1.EventTypeWarning, p.Reason, "Check", "%s", p.Note)
		}
	}
}

// fresh remembers the problems of something and returns those that it did not have before.
func (t *told) fresh(of string, now []Problem) []Problem {
	t.mu.Lock()
	defer t.mu.Unlock()
	before := t.standing[of]
	if len(now) == 0 {
		delete(t.standing, of)
		return nil
	}
	t.standing[of] = now
	return slices.DeleteFunc(slices.Clone(now), func(p Problem) bool { return slices.Contains(before, p) })
}

func (r IngressRef) object() *corev1.ObjectReference {
	return &corev1.ObjectReference{
		APIVersion: "networking.k8s.io/v1", Kind: "Ingress", Namespace: r.Namespace, Name: r.Name, UID: r.UID,
	}
}

// Object is the Ingress that asks, for Events.
func (a Ask) Object() *corev1.ObjectReference { return a.Ingress.object() }

func refOf(ing *networkingv1.Ingress) IngressRef {
	return IngressRef{types.NamespacedName{Namespace: ing.Namespace, Name: ing.Name}, ing.UID, ing.CreationTimestamp.Time}
}

// secret tells the owner of an issuer or solver.
func (t *told) secret(s *corev1.Secret, eventType, reason, action, note string) {
	t.events.Eventf(&corev1.ObjectReference{
		APIVersion: "v1", Kind: "Secret", Namespace: s.Namespace, Name: s.Name, UID: s.UID,
	}, nil, eventType, reason, action, "%s", note)
}
