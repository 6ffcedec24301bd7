package controllers

import (
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
)

// told emits Events. Standing problems are told once to each asker, not on every pass. It is safe for concurrent use.
type told struct {
	events events.EventRecorder

	mu       sync.Mutex
	standing map[string]map[notice]struct{} // by what they are problems of
}

// notice is a problem that an asker's owner is told. An asker that is made again is another one.
type notice struct {
	asker   Asker
	problem Problem
}

func newTold(recorder events.EventRecorder) *told {
	return &told{events: recorder, standing: map[string]map[notice]struct{}{}}
}

// askers tells the owners of those who ask the same, each asker once.
func (t *told) askers(asks []Ask, eventType, reason, action, note string) {
	seen := map[askerID]bool{}
	for _, ask := range asks {
		if !seen[ask.By.id()] {
			t.events.Eventf(ask.By.object(), nil, eventType, reason, action, "%s", note)
		}
		seen[ask.By.id()] = true
	}
}

// problems tells an asker's owner what is new among its problems.
func (t *told) problems(asker Asker, now []Problem) {
	var notices []notice
	for _, p := range now {
		notices = append(notices, notice{asker, p})
	}
	t.news(string(asker.Kind)+" "+asker.String(), notices)
}

// certificate tells the owners of those who ask for a certificate what is new about it; no problem at all is what clears it.
func (t *told) certificate(v *view, now ...Problem) {
	var notices []notice
	for _, p := range now {
		for _, ask := range v.want.Asks {
			notices = append(notices, notice{ask.By, p})
		}
	}
	t.news("certificate "+v.name.String(), notices)
}

// refusals tells those whose asks for a certificate cannot be joined with the older ones.
func (t *told) refusals(certificate types.NamespacedName, refused []Refusal) {
	var notices []notice
	for _, r := range refused {
		notices = append(notices, notice{r.Ask.By, r.Problem})
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
			t.events.Eventf(n.asker.object(), nil, corev1.EventTypeWarning, n.problem.Reason, "Check", "%s", n.problem.Note)
		}
	}
}

// secret tells the owner of an issuer or solver.
func (t *told) secret(s *corev1.Secret, eventType, reason, action, note string) {
	t.events.Eventf(&corev1.ObjectReference{
		APIVersion: "v1", Kind: "Secret", Namespace: s.Namespace, Name: s.Name, UID: s.UID,
	}, nil, eventType, reason, action, "%s", note)
}
