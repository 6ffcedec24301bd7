package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/wildcast/wildcast/acmeclient"
)

func spare() *Issuer {
	return &Issuer{Name: key(home + "/spare"), Namespaces: labels.Everything(), Kind: KindACME, Traits: Traits{Profile: "its own", KeyType: RSA4096}}
}

// viewOf is of the wildcard of a.test, wanted from issuer le whose fallback is spare.
func viewOf(t *testing.T, secret *corev1.Secret, record *Record) *view {
	t.Helper()
	v := &view{name: shared, first: wanted("*.a.test"), secret: secret, record: record, now: now}
	v.first.Issuer.Fallback = "spare"
	v.standIn = v.first.from(spare())
	v.turnTo(v.first)
	return v
}

func TestWhenTheFallbackIsAskedInTheIssuersPlace(t *testing.T) {
	const le, other = home + "/le", home + "/spare"
	valid, expired := held(t, "*.a.test", 60*day), held(t, "*.a.test", 91*day)
	limited := func(d time.Duration) *Record { return &Record{Issuer: le, Limited: true, Next: now.Add(d)} }
	down := func(d, ago time.Duration) *Record {
		return &Record{Issuer: le, Down: outage{now.Add(-ago - d), now.Add(-ago)}}
	}
	probe := viewOf(t, nil, &Record{})
	ours, theirs := probe.inputs, probe.standIn.inputs("", "")
	begun := recorded(t, "*.a.test", 0)
	begun.Issuer, begun.InsteadOf, begun.Inputs, begun.Chain = other, le, theirs, nil
	failed := *begun
	failed.LastError = "no"
	failedWhileLimited := failed
	failedWhileLimited.Other = limited(time.Hour).backoff()
	done := *begun
	done.Chain = []byte("chain")
	for _, row := range []struct {
		name   string
		secret *corev1.Secret
		record *Record
		spent  time.Duration
		asked  bool
	}{
		{"nothing is known against the issuer", nil, &Record{}, 0, false},
		{"the CA asks to wait for long", nil, limited(time.Hour), 0, true},
		{"the CA asks to wait for a while", nil, limited(10 * time.Minute), 0, false},
		{"the CA asked to wait, and the time has come", nil, limited(-time.Second), 0, false},
		{"the CA asks to wait for a time that a wrong clock made", nil, limited(365 * day), 0, false},
		{"the CA asks to wait for an hour, and a certificate serves for a month", valid, limited(time.Hour), 0, false},
		{"the CA asks to wait for two days, and a certificate serves for a month", valid, limited(2 * day), 0, true},
		{"the CA asks to wait for an hour, and the certificate has expired", expired, limited(time.Hour), 0, true},
		{"another CA asks to wait", nil, &Record{Issuer: other, Limited: true, Next: now.Add(time.Hour)}, 0, false},
		{"the CA asked to wait before its fallback was asked", nil, &failedWhileLimited, 0, true},
		{"the CA has paused a name", nil, &Record{Issuer: le, Inputs: ours, Paused: true, Next: now.Add(day)}, 0, true},
		{"the CA had paused a name before a change", nil, &Record{Issuer: le, Inputs: "x", Paused: true, Next: now.Add(day)}, 0, false},
		{"the CA refuses the order", nil, &Record{Issuer: le, Inputs: ours, Failures: 4, Next: now.Add(day)}, 0, false},
		{"the ledger leaves no room for a day", nil, &Record{}, day, true},
		{"the ledger leaves no room for a minute", nil, &Record{}, time.Minute, false},
		{"the CA is down", nil, down(time.Minute, 0), 0, false},
		{"the CA has been down for ten minutes", nil, down(10*time.Minute, 0), 0, true},
		{"the CA was down for ten minutes, long ago", nil, down(10*time.Minute, 2*time.Hour), 0, false},
		{"the CA has been down for an hour, and a certificate serves for a month", valid, down(time.Hour, 0), 0, false},
		{"the CA has been down for a day, and a certificate serves for a month", valid, down(day, 0), 0, true},
		{"an order at the fallback has begun", nil, begun, 0, true},
		{"an order at the fallback has failed, and the issuer may be asked again", nil, &failed, 0, false},
		{"an order at the fallback is done", nil, &done, 0, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			v := viewOf(t, row.secret, row.record)
			spent := Spent{}
			if row.spent > 0 {
				spent = Spent{"the limit", now.Add(row.spent)}
			}
			if why := v.first.avoids(v, spent); why != "" != row.asked {
				t.Errorf("got %q", why)
			}
		})
	}
}

func TestAnIssuerIsWaitedForAsLongAsTheCertificateAllows(t *testing.T) {
	for _, row := range []struct {
		left, want time.Duration
	}{{0, leastPatience}, {time.Minute, leastPatience}, {time.Hour, leastPatience}, {80 * time.Hour, 8 * time.Hour}, {30 * day, day}} {
		if got := wanted("*.a.test").patience(haveOf(held(t, "*.a.test", 90*day-row.left)), now); got != row.want {
			t.Errorf("with %s left it is %s, want %s", row.left, got, row.want)
		}
	}
	if got := wanted("*.b.test").patience(haveOf(held(t, "*.a.test", 0)), now); got != leastPatience {
		t.Errorf("for a name that nothing serves it is %s", got)
	}
}

func TestAnOutageIsARowOfAttemptsWithoutAnAnswer(t *testing.T) {
	gone := &acmeclient.Error{Op: "read directory", Down: true}
	running := outage{now.Add(-time.Hour), now.Add(-5 * time.Minute)}
	for _, row := range []struct {
		name  string
		r     Record
		cause error
		want  outage
	}{
		{"the first failure", Record{}, gone, outage{now, now}},
		{"one more", Record{Down: running}, gone, outage{running.From, now}},
		{"one more, in another error's clothes", Record{Down: running}, fmt.Errorf("order: %w", gone), outage{running.From, now}},
		{"one after a long time without an attempt", Record{Down: outage{now.Add(-day), now.Add(-2 * time.Hour)}}, gone, outage{now, now}},
		{"one after a back-off", Record{Down: outage{now.Add(-day), now.Add(-2 * time.Hour)}, Next: now.Add(-time.Minute)}, gone, outage{now.Add(-day), now}},
		{"an answer", Record{Down: running}, &acmeclient.Error{Status: 403, Reached: true}, outage{}},
		{"a DNS vendor that is down", Record{Down: running}, &acmeclient.Error{Op: "present challenge", Err: errors.New("no")}, outage{}},
		{"our own end", Record{Down: running}, &acmeclient.Error{Err: context.Canceled}, running},
		{"a record that was not written", Record{Down: running}, fmt.Errorf("%w: conflict", errNotRecorded), running},
	} {
		if got := row.r.outageAfter(row.cause, now); !got.From.Equal(row.want.From) || !got.To.Equal(row.want.To) {
			t.Errorf("%s: got %v, want %v", row.name, got, row.want)
		}
	}
}

func TestTheFallbackMustBeAllowedToMakeTheCertificateForAllWhoAsk(t *testing.T) {
	teams := func(namespace string) labels.Set { return labels.Set{"team": namespace} }
	of := func(change func(*Issuer)) *Issuer {
		issuer := spare()
		change(issuer)
		return issuer
	}
	want := wanted("*.a.test b.test")
	want.Asks = []Ask{asked("web/a", home+"/le", "*.a.test", 2), asked("shop/b", home+"/le", "b.test", 1)}
	standing := wanted("*.a.test")
	standing.Asks = []Ask{{By: Asker{Kind: AskerStanding, NamespacedName: key(home + "/gateway")}}}
	onlyWeb := of(func(i *Issuer) { i.Namespaces = labels.SelectorFromSet(labels.Set{"team": "web"}) })
	for _, row := range []struct {
		name   string
		want   *Want
		issuer *Issuer
		says   string
	}{
		{"it may", want, spare(), ""},
		{"it has no wildcards", want, of(func(i *Issuer) { i.HTTP01 = true }), "there are no wildcards"},
		{"a zone is not its own", want, of(func(i *Issuer) { i.Zones = words("a.test") }), "may not certify b.test"},
		{"it does not serve a namespace", want, onlyWeb, "does not serve namespace shop"},
		{"its owner's own certificate", standing, onlyWeb, ""},
	} {
		if got := row.want.unfit(row.issuer, teams, home); !strings.Contains(got, row.says) || (row.says == "") != (got == "") {
			t.Errorf("%s: got %q", row.name, got)
		}
	}
}

func TestWhatIsWantedFromAFallbackIsTheSameButForThingsOfTheCA(t *testing.T) {
	first := wanted("*.a.test")
	first.Profile, first.PreferredChain, first.Sync = "shortlived", "Root X1", "team=web"
	second := first.from(spare())
	if second.Name != first.Name || second.Sync != first.Sync || second.KeyType != EC256 || second.Profile != "its own" || second.PreferredChain != "" {
		t.Errorf("got %+v", second)
	}
	if first.Profile != "shortlived" || first.Issuer.Name == second.Issuer.Name || second.first() != home+"/le" || first.first() != home+"/le" {
		t.Errorf("the first is now %+v", first)
	}
}

func TestACertificateFromTheFallbackIsRightAndSaysWhoMadeIt(t *testing.T) {
	for name, row := range map[string]struct {
		instead string
		do      Action
	}{"of the issuer's fallback": {home + "/le", Keep}, "of another issuer's fallback": {home + "/another", Issue}, "of a stranger": {"", Issue}} {
		s := held(t, "*.a.test", day)
		s.Annotations[AnnotationCertificateIssuer] = home + "/spare"
		set(s.Annotations, AnnotationInsteadOf, row.instead, row.instead != "")
		want := wanted("*.a.test")
		if plan := planFor(want, haveOf(s), &Record{}, "in", now); plan.Do != row.do {
			t.Errorf("%s: %+v", name, plan)
		}
		if row.do != Keep {
			continue
		}
		dress(s, want, haveOf(s), 4)
		if got := s.Annotations; got[AnnotationCertificateIssuer] != home+"/spare" || got[AnnotationInsteadOf] != home+"/le" {
			t.Errorf("%s: dressed as %v", name, got)
		}
		want.Issuer = spare() // asked for by its own name now
		dress(s, want, haveOf(s), 4)
		if got, there := s.Annotations[AnnotationInsteadOf]; there {
			t.Errorf("it still stands in for %s", got)
		}
	}
}

func TestNoIssuerStandsInForItself(t *testing.T) {
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: "le"}, Data: map[string][]byte{"server": []byte("letsencrypt")}}
	for value, says := range map[string]string{"le": "cannot stand in for itself", "A B": "cannot be the name", "spare": ""} {
		s.Data["fallback"] = []byte(value)
		issuer, err := ParseIssuer(s)
		if says == "" && (err != nil || issuer.Fallback != value) || says != "" && (err == nil || !strings.Contains(err.Error(), "fallback: ") || !strings.Contains(err.Error(), says)) {
			t.Errorf("%q: got %v", value, err)
		}
	}
}

// inBubbleWithSpare is inBubble with an issuer spare, the fallback of le, at a CA of its own.
func inBubbleWithSpare(t *testing.T, story func(l *life, spare *paperCA)) {
	t.Helper()
	inBubble(t, 90*day, map[string]string{"fallback": "spare"}, func(l *life) {
		l.spare = &paperCA{key: l.ca.key, lifetime: 90 * day, leaves: l.ca.leaves}
		data := map[string][]byte{"server": []byte("https://spare.test/dir"), "fallback": []byte("le")}
		l.add(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: "spare"}, Type: TypeIssuer, Data: data})
		text, err := marshalKey(l.ca.key)
		if err != nil {
			t.Fatal(err)
		}
		l.add(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: "spare.account"}, Type: TypeAccount, Data: map[string][]byte{
			accountKey: text, accountServer: data["server"], accountURL: []byte("https://spare.test/account/1")}})
		l.restart()
		story(l, l.spare)
	})
}

func tooMany(wait time.Duration) func(int) error {
	return func(int) error {
		return &acmeclient.Error{Op: "create order", Type: "rateLimited", Status: 429, Reached: true, RetryAfter: wait}
	}
}

func TestALongLimitSendsAnOrderToTheFallbackAndTheRenewalBackToTheIssuer(t *testing.T) {
	inBubbleWithSpare(t, func(l *life, spare *paperCA) {
		l.ca.refuse = tooMany(2 * time.Hour)
		l.pass(time.Second)
		first := l.have()
		if len(l.ca.orders) != 1 || len(spare.orders) != 1 || first.Issuer != home+"/spare" || first.InsteadOf != home+"/le" {
			t.Fatalf("%d and %d orders, and %+v", len(l.ca.orders), len(spare.orders), first)
		}
		if !l.said(ReasonRateLimited, "Its fallback, issuer cert-manager/spare, is asked now.") ||
			!l.said(ReasonRequested, "It is the fallback of issuer cert-manager/le, whose CA asks to wait until ") {
			t.Errorf("told %q", l.events)
		}
		l.ca.refuse = nil
		l.kube.ClearActions()
		l.pass(27 * day)
		l.restart()
		l.pass(27 * day)
		if n := l.writes(); n > 0 || len(l.ca.orders)+len(spare.orders) != 2 {
			t.Errorf("%d writes and %d orders while it is valid", n, len(l.ca.orders)+len(spare.orders))
		}
		l.pass(7 * day)
		if got := l.have(); got.Issuer != home+"/le" || got.InsteadOf != "" || len(l.ca.orders) != 2 || len(spare.orders) != 1 {
			t.Errorf("after %d and %d orders the renewal is from %s", len(l.ca.orders), len(spare.orders), got.Issuer)
		}
		if got := l.ca.orders[1].replaces; got != "" {
			t.Errorf("the issuer is told that this replaces %s, which it does not know", got)
		}
	})
}

func TestALimitThatTheLedgerKnowsSendsAnOrderToTheFallbackWithoutAskingTheIssuer(t *testing.T) {
	inBubbleWithSpare(t, func(l *life, spare *paperCA) {
		many := rate{100, week}
		l.limits = limits{orders: many, domain: many, set: rate{1, week}, failures: many}
		l.restart()
		l.pass(time.Minute)
		l.annotate(AnnotationRenew, "now")
		l.pass(time.Minute)
		if got := l.have(); len(l.ca.orders) != 1 || len(spare.orders) != 1 || got.Issuer != home+"/spare" || got.Revision != 2 {
			t.Errorf("%d and %d orders, and %+v", len(l.ca.orders), len(spare.orders), got)
		}
		if !l.said(ReasonRequested, "It is the fallback of issuer cert-manager/le, since the CA allows 1 certificates for exactly *.a.test in 168h0m0s") {
			t.Errorf("told %q", l.events)
		}
		l.pass(8 * day)
		l.annotate(AnnotationRenew, "again")
		l.pass(time.Minute)
		if got := l.have(); len(l.ca.orders) != 2 || len(spare.orders) != 1 || got.Issuer != home+"/le" {
			t.Errorf("a week later %d and %d orders, and %+v", len(l.ca.orders), len(spare.orders), got)
		}
	})
}

func TestTwoCAsThatAskToWaitAreBothWaitedFor(t *testing.T) {
	inBubbleWithSpare(t, func(l *life, spare *paperCA) {
		l.ca.refuse, spare.refuse = tooMany(time.Hour), tooMany(5*time.Hour)
		for range 24 {
			l.pass(time.Hour)
			l.restart()
		}
		for name, row := range map[string]struct {
			ca   *paperCA
			wait time.Duration
		}{"the issuer": {l.ca, time.Hour}, "its fallback": {spare, 5 * time.Hour}} {
			for i, o := range row.ca.orders[1:] {
				if gap := o.at.Sub(row.ca.orders[i].at); gap < row.wait {
					t.Errorf("%s was asked again after %s", name, gap)
				}
			}
		}
		if len(l.ca.orders) < 20 || len(spare.orders) < 4 {
			t.Errorf("%d and %d orders in a day", len(l.ca.orders), len(spare.orders))
		}
	})
}

func TestAFallbackThatRefusesIsBackedOffFromAndTheIssuerIsAskedInItsTime(t *testing.T) {
	inBubbleWithSpare(t, func(l *life, spare *paperCA) {
		l.ca.refuse = tooMany(3 * time.Hour)
		spare.refuse = func(int) error { return &acmeclient.Error{Op: "validate", Status: 403, Reached: true} }
		l.pass(10 * day)
		if n := len(spare.orders); n < 4 || n > 14 {
			t.Errorf("the fallback was asked %d times in ten days", n)
		}
		if n := len(l.ca.orders); n > 80 {
			t.Errorf("the issuer was asked %d times in ten days, though it wants three hours", n)
		}
	})
}

func TestAShortOutageWaitsAndALongOneSendsTheOrderToTheFallback(t *testing.T) {
	for name, restarts := range map[string]bool{"one process": false, "one process after the other": true} {
		t.Run(name, func(t *testing.T) {
			inBubbleWithSpare(t, func(l *life, spare *paperCA) {
				l.ca.down = true
				for range 9 {
					l.pass(time.Minute)
					if restarts {
						l.restart()
					}
				}
				if len(spare.orders) != 0 {
					t.Errorf("%d orders at the fallback after nine minutes", len(spare.orders))
				}
				l.pass(10 * time.Minute)
				if got := l.have(); len(spare.orders) != 1 || got.Issuer != home+"/spare" {
					t.Errorf("%d orders at the fallback after 19 minutes", len(spare.orders))
				}
				if !l.said(ReasonRequested, "whose CA has been out of reach since ") {
					t.Errorf("told %q", l.events)
				}
			})
		})
	}
}

func TestAnOutageWhileACertificateServesWaitsForADay(t *testing.T) {
	inBubbleWithSpare(t, func(l *life, spare *paperCA) {
		l.pass(time.Minute)
		due := l.have().renewAt(0)
		l.ca.down = true
		l.pass(time.Until(due) + 23*time.Hour)
		if len(spare.orders) != 0 {
			t.Errorf("%d orders at the fallback within a day", len(spare.orders))
		}
		l.pass(2 * time.Hour)
		if len(spare.orders) != 1 {
			t.Errorf("%d orders at the fallback after a day", len(spare.orders))
		}
	})
}

func TestAnOrderThatHasBegunAtTheFallbackIsCarriedOnWithThere(t *testing.T) {
	inBubbleWithSpare(t, func(l *life, spare *paperCA) {
		l.ca.refuse = tooMany(time.Hour)
		died := errors.New("killed")
		spare.killed = died
		l.pass(time.Second / 2)
		if r := recordOf(l.secret(record)); r.Issuer != home+"/spare" || r.InsteadOf != home+"/le" || r.URL == "" {
			t.Errorf("the record is of %q instead of %q, with URL %q", r.Issuer, r.InsteadOf, r.URL)
		}
		l.change(record, func(s *corev1.Secret) { delete(s.Data, orderLastError) }) // as a process leaves it that has no time to note an error
		time.Sleep(2 * time.Hour)                                                   // the issuer could be asked again by now
		l.ca.refuse, spare.killed = nil, nil
		l.restart()
		l.pass(time.Second)
		if got := l.have(); len(l.ca.orders) != 1 || len(spare.orders) != 2 || got.Issuer != home+"/spare" || !slices.Contains(spare.resumed, "https://ca.test/order/1") {
			t.Errorf("%d and %d orders, resumed %q", len(l.ca.orders), len(spare.orders), spare.resumed)
		}
	})
}

func TestNoOrderIsMadeForANameWithoutASolverAndOneOnceThereIs(t *testing.T) {
	inBubble(t, 90*day, nil, func(l *life) {
		l.change(key(home+"/dns"), func(s *corev1.Secret) { s.Data["zones"] = []byte("b.test") })
		l.kube.ClearActions()
		l.pass(day)
		if n := l.writes(); n != 0 || len(l.ca.orders) != 0 {
			t.Errorf("%d writes and %d orders", n, len(l.ca.orders))
		}
		if !l.said(ReasonIssuerNotReady, "no valid solver for *.a.test") || !l.said(ReasonIssuerNotReady, "--from-literal=zones=a.test") || len(l.events) != 1 {
			t.Errorf("told %q", l.events)
		}
		l.change(key(home+"/dns"), func(s *corev1.Secret) { s.Data["zones"] = []byte("a.test, b.test") })
		l.pass(time.Second)
		if l.have() == nil || len(l.ca.orders) != 1 {
			t.Errorf("%d orders once there is a solver", len(l.ca.orders))
		}
	})
}

func TestAFaultOfTheFallbackIsToldOnTheIssuerWhichWorksOn(t *testing.T) {
	r := newRig(t)
	le, fallback := key(home+"/le"), key(home+"/spare")
	r.change(le, func(s *corev1.Secret) { s.Data["fallback"] = []byte(fallback.Name) })
	defer r.run()()
	says := func(text string) func() bool {
		return func() bool {
			got := r.secret(le).Annotations
			return got[AnnotationStatus] == StatusReady && strings.Contains(got[AnnotationMessage], text)
		}
	}
	r.eventually("it is told that there is none", says("fallback: there is no Secret spare of type wildcast.dev/issuer in namespace cert-manager; create it"))
	r.eventually("its owner is told", func() bool { return r.said(ReasonInvalidIssuer, "fallback: there is no Secret spare") })
	other := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: fallback.Name}, Type: TypeIssuer, Data: map[string][]byte{"kind": []byte("selfsigned")}}
	r.add(other)
	r.eventually("it is told that it is none of a CA's", says("is of kind selfsigned; name one of kind acme"))
	r.change(fallback, func(s *corev1.Secret) {
		s.Data = r.secret(le).DeepCopy().Data
		s.Data["fallback"] = []byte(le.Name) // each the other's
	})
	r.eventually("nothing is wrong", func() bool { return r.secret(le).Annotations[AnnotationMessage] == "The account is registered." })
}

func TestWhyAFallbackIsNotAskedIsTold(t *testing.T) {
	inBubbleWithSpare(t, func(l *life, spare *paperCA) {
		l.change(key(home+"/spare"), func(s *corev1.Secret) { s.Data["zones"] = []byte("b.test") })
		l.ca.refuse = tooMany(time.Hour)
		l.pass(time.Minute)
		if len(spare.orders) != 0 || !l.said(ReasonRateLimited, "Its fallback, issuer spare, cannot stand in: Issuer cert-manager/spare may not certify *.a.test: its zones are b.test.") {
			t.Errorf("%d orders, told %q", len(spare.orders), l.events)
		}
	})
}
