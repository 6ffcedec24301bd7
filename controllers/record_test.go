package controllers

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/wildcast/wildcast/acmeclient"
)

// fails has the CA refuse all orders from now on.
func (ca *paperCA) fails() {
	ca.refuse = func(int) error {
		return &acmeclient.Error{Op: "validate", Type: "unauthorized", Status: 403, Reached: true}
	}
}

// failedRenewal lets time pass until renewals have failed for days, and the next attempt is some hours away.
func (l *life) failedRenewal() {
	l.t.Helper()
	l.ca.fails()
	l.pass(65 * day)
	l.pass(time.Until(recordOf(l.secret(record)).Next) + time.Hour)
}

func (l *life) remove(name string) {
	l.t.Helper()
	if err := l.kube.CoreV1().Secrets(home).Delete(l.t.Context(), name, metav1.DeleteOptions{}); err != nil {
		l.t.Fatal(err)
	}
}

func TestASecretThatIsDeletedComesBackWhileItsRenewalsFail(t *testing.T) {
	inBubble(t, 90*day, nil, func(l *life) {
		l.pass(time.Second)
		first := l.have().Serial
		l.failedRenewal()
		orders := len(l.ca.orders)
		l.remove(shared.Name)
		l.pass(time.Second)
		if got := l.have(); got == nil || got.Serial != first || len(l.ca.orders) != orders {
			t.Errorf("after %d orders more there is %+v", len(l.ca.orders)-orders, got)
		}
		l.restart()
		l.remove(shared.Name)
		l.pass(time.Second)
		if got := l.have(); got == nil || got.Serial != first {
			t.Errorf("after a restart there is %+v", got)
		}
		l.ca.refuse = nil
		l.pass(day)
		if got := l.have(); got.Serial == first {
			t.Error("it was not renewed when the CA was willing again")
		}
		if r := recordOf(l.secret(record)); len(r.Last.Key) > 0 {
			t.Error("the record keeps the key of the certificate before")
		}
	})
}

func TestACertificateWhoseRenewalsFailedGoesWithItsRecordWhenNobodyAsksForItAndItHasExpired(t *testing.T) {
	inBubble(t, 90*day, nil, func(l *life) {
		l.pass(time.Second)
		l.failedRenewal()
		if err := l.c.caches.ingresses[""].GetIndexer().Delete(wiki); err != nil {
			t.Fatal(err)
		}
		if _, err := l.c.reconcileAsker(t.Context(), nameOf(wiki)); err != nil {
			t.Fatal(err)
		}
		ends := l.have().NotAfter
		l.pass(time.Until(ends) - time.Minute)
		if l.secret(shared) == nil || l.secret(record) == nil {
			t.Error("it went while it was valid")
		}
		l.pass(time.Hour)
		if l.secret(shared) != nil || l.secret(record) != nil {
			t.Error("it is there an hour after it has expired")
		}
	})
}

func TestAnOrderSaysWhatItReplacesAlsoAfterAnotherOneHasFailed(t *testing.T) {
	inBubble(t, 90*day, nil, func(l *life) {
		l.pass(time.Second)
		first := acmeclient.CertificateID(l.have().Leaf)
		l.ca.fails()
		for i, text := range words("now again") {
			l.annotate(AnnotationRenew, text)
			l.pass(time.Second)
			if n := len(l.ca.orders); n != i+2 {
				t.Fatalf("%d orders, want %d", n, i+2)
			}
			if got := l.ca.orders[i+1].replaces; got != first {
				t.Errorf("renewal %d replaces %q, want %q", i+1, got, first)
			}
		}
	})
}

func TestACertificateThatIsOverwrittenIsKnownToBeAlsoAfterItsRenewalHasFailed(t *testing.T) {
	ours, theirs := recorded(t, "*.a.test", 61*day), held(t, "*.a.test", day)
	theirs.Annotations[AnnotationSerial] = ours.have().Serial
	for name, r := range map[string]*Record{"its order is the last": ours, "another order has failed": begunAfter(ours)} {
		if !viewOf(t, theirs, r).overwritten() {
			t.Errorf("%s: it is not known", name)
		}
	}
}

func TestARecordIsOfUseForAsLongAsTheCertificateFromBeforeItsOrder(t *testing.T) {
	r := begunAfter(recorded(t, "*.a.test", day))
	if got, want := r.usefulUntil(), r.have().NotAfter; !got.Equal(want) || !want.Equal(now.Add(89*day)) {
		t.Errorf("it is of use until %s, and the certificate valid until %s", got, want)
	}
}

func TestACertificateIsPutBackAsItWasAlsoAfterAnotherOrderHasBegun(t *testing.T) {
	made := recorded(t, "*.a.test", day)
	made.CA, made.Issuer, made.InsteadOf, made.Renew = []byte("root"), home+"/spare", home+"/le", "now"
	before, after := tlsSecret(wanted("*.a.test"), made, nil), tlsSecret(wanted("*.a.test"), begunAfter(made), nil)
	for _, key := range []string{corev1.TLSCertKey, corev1.TLSPrivateKeyKey, caKey} {
		if len(before.Data[key]) == 0 || string(before.Data[key]) != string(after.Data[key]) {
			t.Errorf("%s is another", key)
		}
	}
	for _, key := range []string{AnnotationCertificateIssuer, AnnotationInsteadOf, AnnotationRenewed, AnnotationSerial} {
		if before.Annotations[key] == "" || before.Annotations[key] != after.Annotations[key] {
			t.Errorf("%s was %q and is %q", key, before.Annotations[key], after.Annotations[key])
		}
	}
}
