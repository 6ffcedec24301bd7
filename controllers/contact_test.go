package controllers

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/wildcast/wildcast/acmeclient/acmetest"
)

// setEmail changes the issuer's e-mail address.
func (r *rig) setEmail(email string) {
	r.t.Helper()
	r.change(le, func(s *corev1.Secret) { s.Data["email"] = []byte(email) })
}

// counting counts the requests of a step.
func (r *rig) counting(step string) *atomic.Int64 {
	var n atomic.Int64
	r.ca.Before(func(s string) {
		if s == step {
			n.Add(1)
		}
	})
	return &n
}

func TestAChangedEmailIsToldToTheCAOnceAndTheAccountStays(t *testing.T) {
	r := newRigWith(t, acmetest.CAOptions{RejectNonces: acmetest.NoRejects})
	r.setEmail("old@a.test")
	changes := r.counting(acmetest.StepAccount)
	stop := r.run()
	account := r.registered()
	if got := r.ca.Contact(account); !slices.Equal(got, words("mailto:old@a.test")) {
		t.Errorf("the CA registered %q", got)
	}
	stop()
	r.setEmail("new@a.test")
	stop = r.run()
	r.eventually("the new one is noted", func() bool { return string(r.secret(accountName(le)).Data[accountEmail]) == "new@a.test" })
	stop()
	if got := r.ca.Contact(account); !slices.Equal(got, words("mailto:new@a.test")) {
		t.Errorf("the CA knows %q", got)
	}
	r.add(wiki.DeepCopy())
	defer r.run()()
	r.eventually("the certificate is there", func() bool { return r.holdsCertificate(shared, "*.a.test") })
	if n := changes.Load(); n != 1 || r.registered() != account || r.ca.Registrations() != 1 {
		t.Errorf("%d changes of %d accounts, now %s, want one of %s", n, r.ca.Registrations(), r.registered(), account)
	}
}

func TestAnEmailThatTheCADoesNotTakeIsToldAndTheAccountServesOn(t *testing.T) {
	r := newRigWith(t, acmetest.CAOptions{RejectNonces: acmetest.NoRejects})
	changes := r.counting(acmetest.StepAccount)
	stop := r.run()
	account := r.registered()
	stop()
	r.ca.Answer(acmetest.StepAccount, acmetest.Problem{Status: 400, Type: "invalidContact", Detail: "no such domain"})
	r.setEmail("new@nowhere.test")
	stop = r.run()
	r.eventually("the CA's text is told", func() bool { return r.said(ReasonInvalidIssuer, "no such domain") })
	r.eventually("it is noted", func() bool {
		return strings.Contains(r.secret(le).Annotations[AnnotationMessage], "does not know the email")
	})
	if got := r.secret(le).Annotations; got[AnnotationStatus] != StatusReady || got[AnnotationAccount] != account {
		t.Errorf("the issuer says %v", got)
	}
	r.add(wiki.DeepCopy())
	r.eventually("the certificate is there", func() bool { return r.holdsCertificate(shared, "*.a.test") })
	stop()
	if n := changes.Load(); n != 1 {
		t.Errorf("the CA was asked %d times", n)
	}
	r.ca.Allow()
	r.setEmail("new@a.test")
	defer r.run()()
	r.eventually("the note goes", func() bool { return r.secret(le).Annotations[AnnotationMessage] == "The account is registered." })
	if got := r.ca.Contact(account); !slices.Equal(got, words("mailto:new@a.test")) {
		t.Errorf("the CA knows %q", got)
	}
}

// A CA that loses an account while the change of its contact is put off gets it again at once.
func TestARefusedContactDoesNotPutOffALostAccount(t *testing.T) {
	r := newRig(t)
	stop := r.run()
	account := r.registered()
	stop()
	r.ca.Answer(acmetest.StepAccount, acmetest.Problem{Status: 400, Type: "invalidContact", Detail: "no such domain"})
	r.setEmail("new@nowhere.test")
	defer r.run()()
	r.eventually("it is put off", func() bool { return r.secret(accountName(le)).Data[accountNext] != nil })
	r.ca.Allow()
	r.ca.ForgetAccount(account)
	r.add(wiki.DeepCopy())
	r.eventually("it is registered again", func() bool {
		kept := r.secret(accountName(le)).Data
		return kept[accountURL] != nil && kept[accountNext] == nil
	})
}
