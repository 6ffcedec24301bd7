package controllers

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/wildcast/wildcast/acmeclient"
)

const day = 24 * time.Hour

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// chainFor makes a self-signed certificate, which is all that this package looks at.
func chainFor(t *testing.T, kt KeyType, names string, from, to time.Time) (chain, keyPEM []byte) {
	t.Helper()
	key, err := kt.generate()
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(from.UnixNano()), Subject: pkix.Name{}, DNSNames: words(names), NotBefore: from, NotAfter: to,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if keyPEM, err = marshalKey(key); err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), keyPEM
}

// held is a Secret with a certificate for the names, made so many days ago for 90 days.
func held(t *testing.T, names string, age time.Duration) *corev1.Secret {
	t.Helper()
	chain, keyPEM := chainFor(t, EC256, names, now.Add(-age), now.Add(90*day-age))
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: "wildcard.a.test", Labels: map[string]string{LabelManaged: "true"},
			Annotations: map[string]string{AnnotationCertificateIssuer: home + "/le", AnnotationRevision: "3"}},
		Type: corev1.SecretTypeTLS,
		Data: map[string][]byte{corev1.TLSCertKey: chain, corev1.TLSPrivateKeyKey: keyPEM},
	}
}

// recorded is the record of an order that was issued.
func recorded(t *testing.T, names string, age time.Duration) *Record {
	t.Helper()
	s := held(t, names, age)
	return recordOf(&corev1.Secret{Data: map[string][]byte{
		orderChain: s.Data[corev1.TLSCertKey], orderKey: s.Data[corev1.TLSPrivateKeyKey], orderIssuer: []byte(home + "/le"),
	}})
}

func wanted(names string) *Want {
	issuer, _ := testRules(nil).issuer(key(home + "/le"))
	return &Want{Name: key(home + "/wildcard.a.test"), Issuer: issuer, Names: words(names), Traits: Traits{KeyType: EC256}}
}

// begunAfter is the record of an order that was begun after that one and has failed once.
func begunAfter(r *Record) *Record {
	return &Record{Inputs: "in", Failures: 1, Next: now.Add(time.Minute), Last: r.brought(), secret: r.secret}
}

// orphan is the record of an order that began so long ago and never came to a certificate.
func orphan(age time.Duration, attempts ...attempt) *Record {
	return &Record{Attempts: attempts, secret: &corev1.Secret{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: metav1.NewTime(now.Add(-age))}}}
}

func TestPlan(t *testing.T) {
	foreign := held(t, "*.a.test", day)
	foreign.Labels = nil
	adopted := foreign.DeepCopy()
	adopted.Annotations = map[string]string{AnnotationAdopt: "true"}
	elsewhere := held(t, "*.a.test", day)
	elsewhere.Annotations[AnnotationCertificateIssuer] = home + "/other"
	broken := held(t, "*.a.test", day)
	broken.Data[corev1.TLSPrivateKeyKey] = held(t, "*.a.test", day).Data[corev1.TLSPrivateKeyKey]
	partly := wanted("*.a.test b.test")
	partly.Held = []Ask{{Issuer: key(home + "/other"), Names: words("*.a.test")}}
	overdue := held(t, "*.a.test", 61*day)
	overdue.Annotations[AnnotationCertificateIssuer] = home + "/other"
	empty := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{LabelManaged: "true"}}}
	rsa := wanted("*.a.test")
	rsa.KeyType = RSA2048
	later := now.Add(time.Hour)
	renew := held(t, "*.a.test", day)
	renew.Annotations[AnnotationRenew] = "now"
	renewed := held(t, "*.a.test", day)
	renewed.Annotations[AnnotationRenew], renewed.Annotations[AnnotationRenewed] = "now", "now"
	forText := recorded(t, "*.a.test", 0)
	forText.Renew = "now"
	dying := held(t, "*.a.test", 89*day)
	old := held(t, "*.a.test", 91*day)
	oldRecord := recordOf(&corev1.Secret{Data: map[string][]byte{orderChain: old.Data[corev1.TLSCertKey], orderKey: old.Data[corev1.TLSPrivateKeyKey]}})

	for _, row := range []struct {
		name   string
		want   *Want
		secret *corev1.Secret
		record *Record
		do     Action
		again  bool
	}{
		{"nothing asked, nothing there", nil, nil, nil, Keep, false},
		{"nothing asked, somebody's Secret", nil, foreign, nil, Keep, false},
		{"nothing asked, ours and valid", nil, held(t, "*.a.test", day), nil, Release, true},
		{"nothing asked, ours and expired", nil, old, oldRecord, Remove, false},
		{"nothing asked, somebody's clone of ours, expired", nil, old, nil, Keep, false},
		{"nothing asked, another certificate than the record's, expired", nil, old, recorded(t, "*.a.test", 92*day), Keep, false},
		{"nothing asked, ours and expired, and its renewals failed", nil, old, begunAfter(oldRecord), Remove, false},
		{"nothing asked, ours by its label only", nil, empty, nil, Keep, false},
		{"nothing asked, its order never came to an end and is young", nil, nil, orphan(8*day - time.Second), Keep, true},
		{"nothing asked, its order never came to an end and is old", nil, nil, orphan(8 * day), Forget, false},
		{"nothing asked, an old order beside somebody's Secret", nil, foreign, orphan(8 * day), Forget, false},
		{"nothing asked, an old order that was tried again yesterday", nil, nil, orphan(100*day, attempt{At: now.Add(-day)}), Keep, true},
		{"nothing asked, deleted by hand, and the record holds it", nil, nil, recorded(t, "*.a.test", 89*day), Keep, true},
		{"nothing asked, deleted by hand, and the record's has expired", nil, nil, recorded(t, "*.a.test", 91*day), Forget, false},
		{"the issuer is gone", &Want{}, held(t, "*.a.test", 89*day), nil, Keep, false},
		{"somebody's Secret stands there", wanted("*.a.test"), foreign, nil, Refuse, false},
		{"it was handed over and is right", wanted("*.a.test"), adopted, nil, Keep, true},
		{"it was handed over and lacks a name", wanted("*.a.test a.test"), adopted, nil, Issue, false},
		{"it is right", wanted("*.a.test"), held(t, "*.a.test", day), nil, Keep, true},
		{"it covers more than is asked", wanted("*.a.test"), held(t, "*.a.test a.test", day), nil, Keep, true},
		{"it covers the host by its wildcard", wanted("x.a.test"), held(t, "*.a.test", day), nil, Keep, true},
		{"it lacks a name", wanted("*.a.test a.test"), held(t, "*.a.test", day), nil, Issue, false},
		{"another key type is asked", rsa, held(t, "*.a.test", day), nil, Issue, false},
		{"another issuer is asked", wanted("*.a.test"), elsewhere, nil, Issue, false},
		{"its key does not belong to it", wanted("*.a.test"), broken, nil, Issue, false},
		{"it is due", wanted("*.a.test"), held(t, "*.a.test", 61*day), nil, Issue, false},
		{"it has expired", wanted("*.a.test"), held(t, "*.a.test", 91*day), nil, Issue, false},
		{"it is gone and the record holds it", wanted("*.a.test"), nil, recorded(t, "*.a.test", day), Install, false},
		{"it is due and the record holds a fresh one", wanted("*.a.test"), held(t, "*.a.test", 61*day), recorded(t, "*.a.test", 0), Install, false},
		{"it is due and so is the record's", wanted("*.a.test"), held(t, "*.a.test", 61*day), recorded(t, "*.a.test", 61*day), Issue, false},
		{"it is gone and the record's lacks a name", wanted("*.a.test a.test"), nil, recorded(t, "*.a.test", day), Issue, false},
		{"it is gone and the record's is due", wanted("*.a.test"), nil, recorded(t, "*.a.test", 61*day), Install, false},
		{"it is gone and the record's has expired", wanted("*.a.test"), nil, recorded(t, "*.a.test", 91*day), Issue, false},
		{"it is empty and the record's is due", wanted("*.a.test"), empty, recorded(t, "*.a.test", 61*day), Install, false},
		{"it has expired and the record's is due", wanted("*.a.test"), held(t, "*.a.test", 91*day), recorded(t, "*.a.test", 61*day), Install, false},
		{"it is gone and another order has failed since", wanted("*.a.test"), nil, begunAfter(recorded(t, "*.a.test", day)), Install, false},
		{"it is gone and its renewal has failed", wanted("*.a.test"), nil, begunAfter(recorded(t, "*.a.test", 61*day)), Install, false},
		{"it is gone and an order for another name has failed", wanted("*.a.test a.test"), nil, begunAfter(recorded(t, "*.a.test", day)), Wait, true},
		{"it is due and its renewal has failed", wanted("*.a.test"), held(t, "*.a.test", 61*day), begunAfter(recorded(t, "*.a.test", 61*day)), Wait, true},
		{"the same order failed", wanted("*.a.test"), nil, &Record{Inputs: "in", Next: later}, Wait, true},
		{"the same order failed, and its time has come", wanted("*.a.test"), nil, &Record{Inputs: "in", Next: now}, Issue, false},
		{"another order failed", wanted("*.a.test"), nil, &Record{Inputs: "before the change", Next: later}, Issue, false},
		{"the CA asked to wait, whatever changes", wanted("*.a.test"), nil, &Record{Inputs: "before the change", Issuer: home + "/le", Next: later, Limited: true}, Wait, true},
		{"the CA of another issuer asked to wait", wanted("*.a.test"), nil, &Record{Inputs: "before the change", Issuer: home + "/other", Next: later, Limited: true}, Issue, false},
		{"the CA of the issuer that was asked before this one asked to wait", wanted("*.a.test"), nil, &Record{Inputs: "of its fallback", Other: backoff{Issuer: home + "/le", Next: later, Limited: true}}, Wait, true},
		{"its issuer is being repaired, and a younger Ingress names another", partly, elsewhere, nil, Hold, true},
		{"it does not serve what is held", partly, held(t, "*.b.test", day), nil, Issue, false},
		{"its issuer was not repaired until it was due", partly, overdue, nil, Issue, false},
		{"a wrong clock put it off for a year", wanted("*.a.test"), nil, &Record{Inputs: "in", Next: now.Add(365 * day)}, Issue, false},
		{"its renewal is asked for", wanted("*.a.test"), renew, nil, Issue, false},
		{"its renewal was asked for and done", wanted("*.a.test"), renewed, nil, Keep, true},
		{"the record holds the renewal that is asked for", wanted("*.a.test"), renew, forText, Install, false},
		{"the record holds a renewal for another reason", wanted("*.a.test"), renew, recorded(t, "*.a.test", 0), Issue, false},
		{"it is about to expire, and an attempt failed an hour ago", wanted("*.a.test"), dying, &Record{Inputs: "in", Failures: 4, Next: now.Add(23 * time.Hour)}, Issue, false},
		{"it is about to expire, and an attempt failed just now", wanted("*.a.test"), dying, &Record{Inputs: "in", Failures: 4, Next: now.Add(24 * time.Hour)}, Wait, true},
		{"it is about to expire, and the CA asks to wait", wanted("*.a.test"), dying, &Record{Issuer: home + "/le", Limited: true, Failures: 4, Next: now.Add(23 * time.Hour)}, Wait, true},
		{"it has expired, and an attempt failed an hour ago", wanted("*.a.test"), held(t, "*.a.test", 91*day), &Record{Inputs: "in", Failures: 4, Next: now.Add(23 * time.Hour)}, Wait, true},
		{"nothing there", wanted("*.a.test"), nil, nil, Issue, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			record := row.record
			if record == nil {
				record = &Record{}
			}
			plan := planFor(row.want, haveOf(row.secret), record, "in", now)
			if plan.Do != row.do || !plan.At.IsZero() != row.again {
				t.Errorf("got %+v, want %s", plan, row.do)
			}
		})
	}
}

func TestRenewalIsDueWhenAThirdIsLeftAndHalfOfAShortLife(t *testing.T) {
	for lifetime, left := range map[time.Duration]time.Duration{
		90 * day: 30 * day, 45 * day: 15 * day, 10 * day: 10 * day / 3, 160 * time.Hour: 80 * time.Hour, time.Hour: 30 * time.Minute,
	} {
		have := &Have{NotBefore: now, NotAfter: now.Add(lifetime), Serial: "1"}
		at := have.renewAt(0)
		earliest, latest := have.NotAfter.Add(-left-lifetime/20-time.Second), have.NotAfter.Add(-left)
		if at.Before(earliest) || at.After(latest) || !at.After(now) {
			t.Errorf("a life of %s is renewed at %s, want %s to %s", lifetime, at, earliest, latest)
		}
	}
}

func TestRenewBeforeOverridesTheRuleUnlessItWouldRenewAtOnce(t *testing.T) {
	have := &Have{NotBefore: now, NotAfter: now.Add(90 * day), Serial: "1"}
	if at := have.renewAt(10 * day); at.Before(now.Add(75*day)) || at.After(now.Add(80*day)) {
		t.Errorf("got %s", at)
	}
	if got, want := have.renewAt(90*day), have.renewAt(0); got != want {
		t.Errorf("got %s, want the rule's %s", got, want)
	}
}

func TestCertificatesMadeTogetherAreRenewedApart(t *testing.T) {
	seen := map[time.Time]int{}
	var first, last time.Time
	for i := range 1000 {
		at := (&Have{NotBefore: now, NotAfter: now.Add(90 * day), Serial: fmt.Sprintf("%x", i)}).renewAt(0)
		seen[at]++
		if first.IsZero() || at.Before(first) {
			first = at
		}
		if at.After(last) {
			last = at
		}
	}
	if len(seen) < 950 || last.Sub(first) < 4*day {
		t.Errorf("%d instants within %s", len(seen), last.Sub(first))
	}
}

func TestFailuresTheCASawWaitLongerEachTime(t *testing.T) {
	refused := &acmeclient.Error{Op: "validate", Type: "unauthorized", Status: 403, Reached: true}
	r := &Record{URL: "u"}
	for i, want := range []time.Duration{time.Minute, 10 * time.Minute, 100 * time.Minute, day, day} {
		if !r.fail(fmt.Errorf("order: %w", refused), false, now) || r.Next.Sub(now) != want || r.Failures != i+1 || r.URL != "" || r.Limited {
			t.Errorf("failure %d: got %+v", i+1, r)
		}
	}
}

func TestAnOrderOutlivesThreeBreakdownsOfTheCA(t *testing.T) {
	broken := &acmeclient.Error{Op: "fetch certificate", Type: "serverInternal", Status: 500, Reached: true, Down: true}
	r := &Record{URL: "u", Replaces: "x.y"}
	for i, row := range []struct {
		wait          time.Duration
		url, replaces string
	}{{time.Minute, "u", "x.y"}, {10 * time.Minute, "u", "x.y"}, {100 * time.Minute, "u", "x.y"}, {day, "", ""}} {
		if !r.fail(fmt.Errorf("order: %w", broken), i > 0, now) || r.Next.Sub(now) != row.wait || r.Failures != i+1 || r.Limited {
			t.Errorf("breakdown %d: got %+v", i+1, r)
		}
		if r.URL != row.url || r.Replaces != row.replaces {
			t.Errorf("after breakdown %d it is order %q, which replaces %q", i+1, r.URL, r.Replaces)
		}
	}
}

func TestWhatNeverReachedTheCAChangesNothing(t *testing.T) {
	for _, cause := range []error{errors.New("no child"), &acmeclient.Error{Op: "connect"}, &acmeclient.Error{Op: "read order", Down: true},
		&acmeclient.Error{Op: "record order", Reached: true, Err: fmt.Errorf("%w: conflict", errNotRecorded)}} {
		r := &Record{URL: "u", Failures: 2}
		if r.fail(cause, true, now) || r.URL != "u" || r.Failures != 2 || !r.Next.IsZero() {
			t.Errorf("%v: got %+v", cause, r)
		}
	}
}

func TestTheCAsTimeWinsAndIsNotCounted(t *testing.T) {
	for _, row := range []struct {
		err  *acmeclient.Error
		want time.Duration
	}{
		{&acmeclient.Error{Type: "rateLimited", Status: 429, Reached: true, RetryAfter: 3600 * time.Second}, time.Hour},
		{&acmeclient.Error{Status: 503, Reached: true, RetryAfter: time.Minute}, time.Minute},
		{&acmeclient.Error{Type: "rateLimited", Reached: true}, unnamedLimit},
		{&acmeclient.Error{Status: 429, Reached: true}, unnamedLimit},
	} {
		r := &Record{Failures: 1}
		if !r.fail(row.err, false, now) || r.Next.Sub(now) != row.want || !r.Limited || r.Failures != 1 {
			t.Errorf("%v: got %+v", row.err, r)
		}
	}
}

func TestAnOrderThatIsGoneIsBegunAnewOnce(t *testing.T) {
	gone := &acmeclient.Error{Op: "get order", Status: 404, Reached: true, Err: acmeclient.ErrGone}
	r := &Record{URL: "u", Next: now.Add(time.Hour)}
	if !r.fail(gone, true, now) || r.URL != "" || !r.Next.IsZero() || r.Failures != 0 {
		t.Errorf("resumed: got %+v", r)
	}
	r = &Record{URL: "u"}
	if !r.fail(gone, false, now) || r.Failures != 1 || r.Next.Sub(now) != time.Minute {
		t.Errorf("an order that was just made: got %+v", r)
	}
}

func TestALostAccountIsGivenTimeToRegister(t *testing.T) {
	r := &Record{URL: "u"}
	lost := &acmeclient.Error{Op: "create order", Status: 400, Reached: true, Err: acmeclient.ErrAccountGone}
	if !r.fail(lost, false, now) || r.Next.Sub(now) != reregistration || r.Failures != 0 {
		t.Errorf("got %+v", r)
	}
}

func TestAKeyIsReadBehindItsParameters(t *testing.T) {
	made, err := EC256.generate()
	if err != nil {
		t.Fatal(err)
	}
	text, err := marshalKey(made)
	if err != nil {
		t.Fatal(err)
	}
	behind := append(pem.EncodeToMemory(&pem.Block{Type: "EC PARAMETERS", Bytes: []byte{6, 8}}), text...)
	if _, err := parseKey(behind); err != nil {
		t.Error(err)
	}
}

func TestARecordSurvivesTheCluster(t *testing.T) {
	key, err := RSA2048.generate()
	if err != nil {
		t.Fatal(err)
	}
	before := &Record{Inputs: "i", Issuer: "n/le", Names: words("*.a.test a.test"), Key: key, URL: "https://ca/order/1", Chain: []byte("chain"),
		Failures: 3, Next: now, Limited: true, LastError: "no", Account: "https://ca/account/1", Replaces: "x.y", Renew: "now",
		Suggestion: Suggestion{"1f", Window{now.Add(day), now.Add(2 * day)}, 8 * time.Hour}, InsteadOf: "n/first", Paused: true,
		Down: outage{now.Add(-time.Hour), now}, Other: backoff{"n/first", "j", 2, now.Add(day), true, true, outage{now.Add(-day), now}},
		Last: issuance{[]byte("last key"), []byte("last chain"), []byte("root"), "n/last", "n/its-first", "https://ca/account/0", "before"}}
	s, err := before.object(parseName("ns/wildcard.a.test"))
	if err != nil {
		t.Fatal(err)
	}
	if s.Name != "wildcard.a.test.order" || s.Type != TypeOrder || certificateOf(nameOf(s)) != parseName("ns/wildcard.a.test") {
		t.Errorf("got %s of type %s", s.Name, s.Type)
	}
	after := recordOf(s)
	if !after.Key.Public().(*rsa.PublicKey).Equal(key.Public()) {
		t.Error("the key is another")
	}
	after.secret, after.Key = nil, key
	if fmt.Sprintf("%+v", *after) != fmt.Sprintf("%+v", *before) {
		t.Errorf("got  %+v\nwant %+v", *after, *before)
	}
}

func TestACertificateThatIsDueAsSoonAsItIsMadeIsWaitedWithLikeAFailure(t *testing.T) {
	want := wanted("*.a.test")
	r := &Record{Inputs: "in", URL: "u", Failures: 1, LastError: "text"}
	for i, wait := range []time.Duration{10 * time.Minute, 100 * time.Minute} {
		old := recorded(t, "*.a.test", 80*day)
		r.Key = old.Key
		if !r.succeed(old.Chain, 0, now) || r.Failures != i+2 || r.Next.Sub(now) != wait || r.URL != "" || r.LastError != "" {
			t.Errorf("early: got %+v", r)
		}
		if plan := planFor(want, haveOf(held(t, "*.a.test", 80*day)), r, "in", now); plan.Do != Wait || !plan.At.Equal(r.Next) {
			t.Errorf("early: planned %+v", plan)
		}
	}
	fresh := recorded(t, "*.a.test", 0)
	r.Key = fresh.Key
	if r.succeed(fresh.Chain, 0, now) || r.Failures != 0 || !r.Next.IsZero() {
		t.Errorf("fresh: got %+v", r)
	}
}
