package controllers

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/wildcast/wildcast/acmeclient"
	"github.com/wildcast/wildcast/acmeclient/acmetest"
)

var (
	shared = types.NamespacedName{Namespace: home, Name: "wildcard.a.test"}
	record = recordName(shared)
	wiki   = ingress("infra/wiki", "wiki-tls", "wiki.a.test", by("le"))
	le     = key(home + "/le") // the rig's issuer
)

// registered waits for the issuer's account and returns its URL.
func (r *rig) registered() string {
	r.t.Helper()
	r.eventually("the account is registered", func() bool { return r.secret(le).Annotations[AnnotationAccount] != "" })
	return r.secret(le).Annotations[AnnotationAccount]
}

// holdsCertificate reports whether the Secret has a certificate for the names that its annotations name.
func (r *rig) holdsCertificate(name types.NamespacedName, names string) bool {
	s := r.secret(name)
	return s != nil && slices.Equal(haveOf(s).Names, words(names)) && s.Annotations[AnnotationSerial] == haveOf(s).Serial
}

func TestAnIngressGetsItsCertificate(t *testing.T) {
	r := newRig(t)
	r.add(wiki)
	defer r.run()()
	r.eventually("the certificate is there", func() bool { return r.holdsCertificate(shared, "*.a.test") })
	s := r.secret(shared)
	if s.Labels[LabelManaged] != "true" || s.Annotations[AnnotationSync] != "cert-manager-tls=wildcard.a.test" ||
		s.Annotations[AnnotationRevision] != "1" || s.Annotations[AnnotationCertificateIssuer] != home+"/le" || s.Type != corev1.SecretTypeTLS {
		t.Errorf("got %+v", s.ObjectMeta)
	}
	if r.ca.OrderCount() != 1 || r.ca.Registrations() != 1 {
		t.Errorf("the CA saw %d orders and %d registrations", r.ca.OrderCount(), r.ca.Registrations())
	}
	r.eventually("the owner is told", func() bool { return r.said(ReasonRequested, "*.a.test") && r.said(ReasonIssued, "valid until") })
	r.eventually("the issuer is ready", func() bool {
		return r.secret(key(home + "/le")).Annotations[AnnotationStatus] == StatusReady
	})
}

// Each write fails once, with an error that may pass and with a conflict. The next pass carries on.
func TestEachWriteThatFailsIsMadeUpForWithoutASecondOrder(t *testing.T) {
	busy := apierrors.NewInternalError(errors.New("etcd is busy"))
	conflict := apierrors.NewConflict(secretsResource.GroupResource(), "x", errors.New("changed"))
	hasURL := func(s *corev1.Secret) bool { return len(s.Data[orderURL]) > 0 }
	hasChain := func(s *corev1.Secret) bool { return len(s.Data[orderChain]) > 0 }
	for _, row := range []struct {
		name    string
		verb    string
		on      types.NamespacedName
		which   func(*corev1.Secret) bool
		failure error
	}{
		{"keep the account's key", "create", key(home + "/le.account"), nil, busy},
		{"record the account's URL", "update", key(home + "/le.account"), nil, busy},
		{"note the issuer's status", "update", key(home + "/le"), nil, busy},
		{"read the Secret before an order", "get", shared, nil, busy},
		{"read the record before an order", "get", record, nil, busy},
		{"record the order's key", "create", record, nil, busy},
		{"record the order's URL", "update", record, hasURL, busy},
		{"record the chain", "update", record, hasChain, busy},
		{"record the chain, while somebody changes the record", "update", record, hasChain, conflict},
		{"store the Secret", "create", shared, nil, busy},
		{"record the order's URL, while somebody changes the record", "update", record, hasURL, conflict},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			failed := r.failOnce(row.verb, row.on, row.failure, row.which)
			r.add(wiki.DeepCopy())
			defer r.run()()
			r.eventually("the certificate is there", func() bool { return r.holdsCertificate(shared, "*.a.test") })
			r.eventually("the issuer is ready", func() bool { return r.secret(key(home + "/le")).Annotations[AnnotationStatus] == StatusReady })
			if !failed() {
				t.Error("the request never came")
			}
			if r.ca.OrderCount() != 1 {
				t.Errorf("the CA saw %d orders", r.ca.OrderCount())
			}
			if left := r.dns.Records(); len(left) > 0 {
				t.Errorf("TXT records are left: %v", left)
			}
		})
	}
}

// A server that breaks down in the middle of an order says nothing of the order. It is asked again, a minute later.
func TestAnOrderIsCarriedOnWithWhenTheCABreaksDownOverAStepOfIt(t *testing.T) {
	for _, step := range []string{acmetest.StepAuthz, acmetest.StepChallenge, acmetest.StepOrder, acmetest.StepFinalize, acmetest.StepCert} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.ca.Answer(step, acmetest.Problem{Status: 500, Type: "serverInternal", Detail: "no disk left"})
			r.add(wiki.DeepCopy())
			stop := r.run()
			r.eventually("the owner is told", func() bool { return r.said(ReasonOrderFailed, "no disk left") })
			stop()
			r.ca.Allow()
			r.change(record, func(s *corev1.Secret) { s.Data[orderNext] = []byte(time.Now().UTC().Format(time.RFC3339)) }) // the minute passes
			defer r.run()()
			r.eventually("the certificate is there", func() bool { return r.holdsCertificate(shared, "*.a.test") })
			if n := r.ca.OrderCount(); n != 1 {
				t.Errorf("the CA saw %d orders", n)
			}
			if left := r.dns.Records(); len(left) > 0 {
				t.Errorf("TXT records are left: %v", left)
			}
		})
	}
}

func TestADeletedSecretIsRebuiltFromTheRecord(t *testing.T) {
	r := newRig(t)
	r.add(wiki)
	defer r.run()()
	r.eventually("the certificate is there", func() bool { return r.holdsCertificate(shared, "*.a.test") })
	serial := haveOf(r.secret(shared)).Serial
	if err := r.kube.CoreV1().Secrets(home).Delete(context.Background(), shared.Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	r.eventually("it is back", func() bool { return r.holdsCertificate(shared, "*.a.test") })
	if got := haveOf(r.secret(shared)).Serial; got != serial || r.ca.OrderCount() != 1 {
		t.Errorf("serial %s became %s, with %d orders", serial, got, r.ca.OrderCount())
	}
}

func TestARestartOrdersAndWritesNothing(t *testing.T) {
	r := newRig(t)
	r.add(wiki)
	stop := r.run()
	r.eventually("the certificate is there", func() bool { return r.holdsCertificate(shared, "*.a.test") })
	for _, name := range []string{"le", "dns"} {
		r.eventually(name+" is ready", func() bool { return r.secret(key(home + "/" + name)).Annotations[AnnotationStatus] == StatusReady })
	}
	stop()
	r.kube.ClearActions()
	stop = r.run()
	r.add(ingress("infra/second", "second-tls", "x.b.test", by("nobody"))) // looked at after everything that was there
	r.eventually("the second Ingress is looked at", func() bool { return r.said(ReasonIssuerNotFound, "nobody") })
	stop()
	for _, a := range r.kube.Actions() {
		if a.GetVerb() != "list" && a.GetVerb() != "watch" {
			t.Errorf("it made a request: %s %s", a.GetVerb(), a.GetResource().Resource)
		}
	}
}

func TestAnInvalidIssuerKeepsWhatIsThereAndARepairedOneGoesOn(t *testing.T) {
	r := newRig(t)
	r.change(key(home+"/le"), func(s *corev1.Secret) { s.Data["keyType"] = []byte("dsa") })
	r.add(wiki)
	defer r.run()()
	r.eventually("the fault is told", func() bool { return r.said(ReasonInvalidIssuer, "keyType") && r.said(ReasonIssuerNotReady, "keyType") })
	r.eventually("the fault is noted", func() bool { return r.secret(key(home + "/le")).Annotations[AnnotationStatus] == StatusInvalid })
	if r.ca.Registrations() > 0 || r.ca.OrderCount() > 0 {
		t.Error("the CA was asked nevertheless")
	}
	r.change(key(home+"/le"), func(s *corev1.Secret) { delete(s.Data, "keyType") })
	r.eventually("the certificate is there", func() bool { return r.holdsCertificate(shared, "*.a.test") })
}

func TestASecretThatStandsInTheWayIsTakenWhenItIsHandedOver(t *testing.T) {
	for _, row := range []struct {
		name  string
		tells types.NamespacedName // what is noticed
	}{
		{"its change is noticed", shared},
		{"any change may have gone unseen", types.NamespacedName{}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			foreign := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: shared.Namespace, Name: shared.Name}, Type: corev1.SecretTypeTLS}
			r.add(foreign.DeepCopy())
			r.add(wiki.DeepCopy())
			defer r.run()()
			r.eventually("the owner is told", func() bool { return r.said(ReasonNotOurs, AnnotationAdopt) })
			if r.ca.OrderCount() > 0 {
				t.Error("the CA was asked nevertheless")
			}
			r.change(nameOf(foreign), func(s *corev1.Secret) { s.Annotations = map[string]string{AnnotationAdopt: "true"} })
			r.noticed(row.tells)
			r.eventually("the certificate is there", func() bool { return r.holdsCertificate(shared, "*.a.test") })
		})
	}
}

func TestASecretThatStandsWhereTheRecordIsKeptIsToldAndLeftAlone(t *testing.T) {
	r := newRig(t)
	foreign := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: record.Namespace, Name: record.Name}, Type: corev1.SecretTypeOpaque,
		Data: map[string][]byte{"mine": []byte("yes")}}
	r.add(foreign.DeepCopy())
	r.add(wiki.DeepCopy())
	defer r.run()()
	r.eventually("the owner is told", func() bool { return r.said(ReasonNotOurs, record.Name) })
	if r.ca.OrderCount() > 0 || string(r.secret(record).Data["mine"]) != "yes" {
		t.Errorf("there were %d orders, and the Secret is %v", r.ca.OrderCount(), r.secret(record))
	}
}

func TestAnImmutableSecretIsReplaced(t *testing.T) {
	r := newRig(t)
	r.add(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: shared.Namespace, Name: shared.Name, UID: "before",
		Annotations: map[string]string{AnnotationAdopt: "true"}}, Type: corev1.SecretTypeTLS, Immutable: ptr.To(true)})
	r.add(wiki.DeepCopy())
	defer r.run()()
	r.eventually("the certificate is there", func() bool { return r.holdsCertificate(shared, "*.a.test") })
	if s := r.secret(shared); s.UID == "before" || s.Immutable != nil {
		t.Errorf("got %+v", s.ObjectMeta)
	}
}

func TestTheCAsTimeBeginsWhenItsAnswerComes(t *testing.T) {
	r := newRig(t)
	r.ca.Delay(acmetest.StepNewOrder, 1500*time.Millisecond)
	r.ca.Answer429(time.Hour)
	r.add(wiki.DeepCopy())
	defer r.run()()
	began := time.Now()
	r.eventually("the owner is told", func() bool { return r.said(ReasonRateLimited, "next attempt") })
	if kept := recordOf(r.secret(record)); kept.Next.Before(began.Add(time.Hour + 400*time.Millisecond)) { // kept in whole seconds
		t.Errorf("it is tried %s after the order began", kept.Next.Sub(began))
	}
}

func TestTheDurationIsNamedAsACauseWhereTheCARefusesAnOrderThatSaysIt(t *testing.T) {
	r := newRig(t)
	r.ca.Answer(acmetest.StepNewOrder, acmetest.Problem{Status: 400, Type: "malformed", Detail: "NotBefore and NotAfter are not supported"})
	r.add(ingress("infra/wiki", "wiki-tls", "wiki.a.test", with(AnnotationDuration, "48h")))
	defer r.run()()
	r.eventually("the cause is told", func() bool {
		return r.said(ReasonOrderFailed, "NotAfter are not supported. It was asked to last 48h0m0s, which not every CA lets one choose: if this one does not, remove the duration. The next")
	})
}

func TestARefusedRegistrationNamesWhatTheCASays(t *testing.T) {
	r := newRig(t)
	r.change(key(home+"/le"), func(s *corev1.Secret) { s.Data["email"] = []byte("admin@a.test") })
	r.ca.Answer(acmetest.StepNewAccount, acmetest.Problem{Status: 400, Type: "unsupportedContact", Detail: "no such contact"})
	defer r.run()()
	r.eventually("the CA's text is told", func() bool { return r.said(ReasonInvalidIssuer, "no such contact") })
	if got := r.secret(key(home + "/le")).Annotations; got[AnnotationStatus] != StatusInvalid || got[AnnotationAccount] != "" {
		t.Errorf("got %v", got)
	}
}

func TestAnIssuerThatCannotRegisterSaysWhyOnItsSecret(t *testing.T) {
	for _, row := range []struct {
		name  string
		spoil func(*rig)
		says  string
	}{
		{"the CA wants an external account", func(r *rig) { r.moveTo(acmetest.CAOptions{DNS: r.dns, RequireEAB: true}) }, "external account binding"},
		{"the CA cannot be reached", func(r *rig) { r.ca.Close() }, "check server, caBundle and the network"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			row.spoil(r)
			defer r.run()()
			r.eventually("the owner is told", func() bool { return r.said(ReasonInvalidIssuer, row.says) })
			if got := r.secret(key(home + "/le")).Annotations[AnnotationStatus]; got != StatusInvalid {
				t.Errorf("status %q", got)
			}
		})
	}
}

func TestHowLongARegistrationWaitsThatHasFailed(t *testing.T) {
	for name, row := range map[string]struct {
		failure acmeclient.Error
		waits   time.Duration
	}{
		"nobody answers":                       {acmeclient.Error{Down: true}, 0},
		"a gateway answers":                    {acmeclient.Error{Status: 502, Reached: true, Down: true}, 0},
		"the CA is out of order":               {acmeclient.Error{Status: 500, Type: "serverInternal", Reached: true, Down: true}, 0},
		"it is, and says how long":             {acmeclient.Error{Status: 503, Reached: true, Down: true, RetryAfter: time.Hour}, time.Hour},
		"it is busy, and says how long":        {acmeclient.Error{Status: 429, Type: "rateLimited", Reached: true, RetryAfter: time.Hour}, time.Hour},
		"it refuses":                           {acmeclient.Error{Status: 400, Type: "invalidContact", Reached: true}, 10 * time.Minute},
		"it refuses, with the wrong status":    {acmeclient.Error{Status: 500, Type: "malformed", Reached: true, Down: true}, 10 * time.Minute},
		"it would, by what its directory says": {acmeclient.Error{Type: "externalAccountRequired"}, 10 * time.Minute},
	} {
		if got := registrationPause(fmt.Errorf("register: %w", &row.failure)); got != row.waits {
			t.Errorf("%s: %s, want %s", name, got, row.waits)
		}
	}
}

func TestACAThatIsOutOfOrderHasRefusedNoAccount(t *testing.T) {
	r := newRig(t)
	r.ca.Answer(acmetest.StepNewAccount, acmetest.Problem{Status: 500, Type: "serverInternal", Detail: "no database"})
	defer r.run()()
	r.eventually("the owner is told", func() bool {
		return r.said(ReasonInvalidIssuer, "not registered yet: register account: serverInternal: no database")
	})
	if r.said(ReasonInvalidIssuer, "refused") {
		t.Errorf("Events %q", r.events)
	}
	r.ca.Allow()
	r.registered() // in seconds
}

func TestACAThatIsOutOfOrderIsNotAskedForAnAccountBeforeItsTime(t *testing.T) {
	r := newRig(t)
	r.ca.Answer(acmetest.StepNewAccount, acmetest.Problem{Status: 503, Type: "serverInternal", RetryAfter: time.Hour})
	stop := r.run()
	r.eventually("the owner is told", func() bool { return r.said(ReasonInvalidIssuer, "not registered yet") })
	stop()
	at, err := time.Parse(time.RFC3339, string(r.secret(accountName(le)).Data[accountNext]))
	if err != nil || time.Until(at) < 50*time.Minute {
		t.Errorf("the next attempt is at %s, %v", at, err)
	}
}

func TestADeactivatedAccountIsToldWithItsRemedyWhichHelps(t *testing.T) {
	r := newRig(t)
	defer r.run()()
	account := r.registered()
	if err := r.ca.Deactivate(account); err != nil {
		t.Fatal(err)
	}
	r.add(wiki.DeepCopy())
	r.eventually("the asker is told", func() bool { return r.said(ReasonOrderFailed, "delete Secret "+home+"/le.account") })
	if err := r.kube.CoreV1().Secrets(home).Delete(t.Context(), "le.account", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	r.eventually("there is another account", func() bool {
		now := r.secret(le).Annotations[AnnotationAccount]
		return now != "" && now != account
	})
}

func TestADeactivatedAccountThatIsRegisteredAgainIsToldWithItsRemedy(t *testing.T) {
	r := newRig(t)
	stop := r.run()
	url := r.registered()
	stop()
	if err := r.ca.Deactivate(url); err != nil {
		t.Fatal(err)
	}
	r.change(accountName(le), func(s *corev1.Secret) { delete(s.Data, accountURL) })
	defer r.run()()
	r.eventually("the owner is told", func() bool { return r.said(ReasonInvalidIssuer, "delete Secret "+home+"/le.account") })
}

// moveTo makes another CA the issuer's.
func (r *rig) moveTo(o acmetest.CAOptions) {
	r.t.Helper()
	ca, err := acmetest.StartCA(o)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(ca.Close)
	r.ca = ca
	r.change(key(home+"/le"), func(s *corev1.Secret) { s.Data["server"], s.Data["caBundle"] = []byte(ca.Directory()), ca.CABundle() })
}

// What is written about a refusal causes events, and its text may change each time; neither must make the CA hear of it
// again, nor must a restart.
func TestARefusedRegistrationIsNotTriedAgainAtOnce(t *testing.T) {
	r := newRig(t)
	r.ca.Answer(acmetest.StepNewAccount, acmetest.Problem{Status: 400, Type: "rejectedIdentifier", Detail: "not you"})
	var asked atomic.Int64
	r.ca.Before(func(step string) {
		if step == acmetest.StepNewAccount {
			asked.Add(1)
		}
	})
	r.add(wiki.DeepCopy())
	for _, last := range words("one two") {
		stop := r.run()
		r.eventually("the CA's text is told", func() bool { return r.said(ReasonInvalidIssuer, "not you") })
		r.eventually("the fault is noted", func() bool { return r.secret(key(home + "/le")).Annotations[AnnotationStatus] == StatusInvalid })
		r.change(key(home+"/le"), func(s *corev1.Secret) { s.Labels = map[string]string{"touched": rand.Text()} })
		r.add(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: last}, Type: TypeIssuer})
		r.eventually("what came later is looked at", func() bool { return r.secret(key(home + "/" + last)).Annotations[AnnotationStatus] != "" })
		stop()
	}
	if got := asked.Load(); got != 1 {
		t.Errorf("the CA was asked %d times", got)
	}
	r.change(key(home+"/le"), func(s *corev1.Secret) { s.Data["email"] = []byte("admin@a.test") })
	r.ca.Allow()
	defer r.run()()
	r.eventually("a repaired issuer is registered at once", func() bool { return r.holdsCertificate(shared, "*.a.test") })
}

func TestTheCAsTimeIsKeptAcrossARestart(t *testing.T) {
	r := newRig(t)
	r.ca.Answer429(time.Hour)
	r.add(wiki)
	stop := r.run()
	r.eventually("the owner is told", func() bool { return r.said(ReasonRateLimited, "next attempt") })
	stop()
	r.ca.Allow()
	kept := recordOf(r.secret(record))
	if !kept.Limited || time.Until(kept.Next) < 59*time.Minute {
		t.Errorf("the record says %+v", kept)
	}
	stop = r.run()
	r.add(ingress("infra/second", "second-tls", "x.b.test", by("nobody")))
	r.eventually("the second Ingress is looked at", func() bool { return r.said(ReasonIssuerNotFound, "nobody") })
	stop()
	if r.ca.OrderCount() > 0 {
		t.Errorf("the CA saw %d orders", r.ca.OrderCount())
	}
}
