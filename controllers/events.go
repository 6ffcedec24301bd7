package controllers

import (
	"sync"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
)

// told emits Events. Standing problems are told once to each Ingress, not on every pass. It is safe for concurrent use.
type told struct {
	events events.EventRecorder

	mu       sync.Mutex
	standing map[string]map[notice]struct{} // by what they are problems of
}

// notice is a problem that an Ingress's owner is told. An Ingress that is made again is another one.
type notice struct {
	ingress IngressRef
	problem Problem
}

func newTold(recorder events.EventRecorder) *told {
	return &told{events: recorder, standing: map[string]map[notice]struct{}{}}
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
	var notices []notice
	for _, p := range now {
		notices = append(notices, notice{ingress, p})
	}
	t.news("ingress "+ingress.String(), notices)
}

// certificate tells the owners of a certificate's Ingresses what is new about it; no problem at all is what clears it.
func (t *told) certificate(v *view, now ...Problem) {
	var notices []notice
	for _, p := range now {
		for _, ask := range v.want.Asks {
			notices = append(notices, notice{ask.Ingress, p})
		}
	}
	t.news("certificate "+v.name.String(), notices)
}

// refusals tells those whose asks for a certificate cannot be joined with the older ones.
func (t *told) refusals(certificate types.NamespacedName, refused []Refusal) {
	var notices []notice
	for _, r := range refused {
		notices = append(notices, notice{r.Ask.Ingress, r.Problem})
	}
	t.news("refusals of "+certificate.String(), notices)
}

// news remembers the problems of something and tells those that it did not have before.
func (t *told) news(of string, now []notice) {
	t.mu.Lock()
	defer t.mu.Unlock()
	before := t.standing[of]
	delete(t.standing, of)
	if len(now) == 0 {
		return
	}
	standing := map[notice]struct{}{}
	t.standing[of] = standing
	for _, n := range now {
		_, known := before[n]
		_, twice := standing[n]
		standing[n] = struct{}{}
		if !known && !twice {
			t.events.Eventf(n.ingress.object(), nil, corev1.EventTypeWarning, n.problem.Reason, "Check", "%s", n.problem.Note)
		}
	}
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
