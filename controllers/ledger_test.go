package controllers

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/wildcast/wildcast/acmeclient"
)

// small are limits of everything.
var small = limits{
	orders: rate{4, 3 * time.Hour}, domain: rate{3, week}, set: rate{2, week}, failures: rate{2, time.Hour},
}

const testCA = "https://ca.test/dir"

// anywhere has all records believed.
func anywhere(string) orderable { return func(string, []string) bool { return true } }

func tried(ago time.Duration, names string) attempt {
	return attempt{At: now.Add(-ago), CA: testCA, Account: "one", Names: words(names)}
}

func failed(ago time.Duration, names, name string) attempt {
	a := tried(ago, names)
	a.Ended, a.Failed = a.At, name
	return a
}

func TestTheLedgerStopsBeforeALimitAndSaysWhenItGoesOn(t *testing.T) {
	exempt, elsewhere, another := tried(time.Hour, "*.a.test"), tried(time.Hour, "*.a.test"), tried(time.Hour, "d.test")
	exempt.Exempt, elsewhere.CA, another.Account = true, "https://other.test/dir", "two"
	exemptNow := tried(0, "*.a.test")
	exemptNow.Exempt = true
	endless := failed(time.Minute, "*.a.test", "a.test")
	endless.Ended = now.Add(365 * 24 * time.Hour)
	for _, row := range []struct {
		name  string
		made  []attempt
		next  attempt
		until time.Duration // zero for at once
		says  string
	}{
		{"nothing was made", nil, tried(0, "a.test"), 0, ""},
		{"one less than a set allows", []attempt{tried(time.Hour, "*.a.test")}, tried(0, "*.a.test"), 0, ""},
		{"as many as a set allows", []attempt{tried(4*time.Hour, "*.a.test"), tried(5*time.Hour, "*.a.test")}, tried(0, "*.a.test"), week - 5*time.Hour, "2 certificates for exactly *.a.test"},
		{"the order of names is nothing", []attempt{tried(4*time.Hour, "a.test b.test"), tried(5*time.Hour, "b.test a.test")}, tried(0, "b.test a.test"), week - 5*time.Hour, "exactly a.test,b.test"},
		{"a week ago is long ago", []attempt{tried(4*time.Hour, "*.a.test"), tried(week, "*.a.test")}, tried(0, "*.a.test"), 0, ""},
		{"the CA asked for the renewals", []attempt{exempt, exempt, exempt, exempt}, tried(0, "*.a.test"), 0, ""},
		{"the CA asks for this renewal", []attempt{tried(time.Hour, "*.a.test"), tried(2*time.Hour, "*.a.test")}, exemptNow, 0, ""},
		{"another CA does not count them", []attempt{elsewhere, elsewhere}, tried(0, "*.a.test"), 0, ""},
		{"a CA without known limits", []attempt{elsewhere, elsewhere, elsewhere, elsewhere, elsewhere}, elsewhere, 0, ""},
		{"as many as a domain allows", []attempt{tried(4*time.Hour, "x.a.co.uk"), tried(5*time.Hour, "y.a.co.uk"), tried(6*time.Hour, "*.z.a.co.uk b.test")},
			tried(0, "w.a.co.uk"), week - 6*time.Hour, "3 certificates under a.co.uk"},
		{"another domain under the same suffix", []attempt{tried(4*time.Hour, "x.a.co.uk"), tried(5*time.Hour, "y.a.co.uk"), tried(6*time.Hour, "z.a.co.uk")},
			tried(0, "b.co.uk"), 0, ""},
		{"orders that failed bring no certificate", []attempt{failed(4*time.Hour, "x.a.test", ""), failed(5*time.Hour, "x.a.test", ""), failed(6*time.Hour, "x.a.test", "")}, tried(0, "x.a.test"), 0, ""},
		{"as many orders as an account may make", []attempt{failed(time.Hour, "a.test", ""), failed(time.Hour, "b.test", ""), failed(2*time.Hour, "c.test", ""), tried(time.Hour, "d.test")},
			tried(0, "e.test"), time.Hour, "4 orders of one account"},
		{"another account makes orders of its own", []attempt{failed(time.Hour, "a.test", ""), failed(time.Hour, "b.test", ""), failed(2*time.Hour, "c.test", ""), another},
			tried(0, "e.test"), 0, ""},
		{"as many failures as a name may have", []attempt{failed(10*time.Minute, "*.a.test b.test", "a.test"), failed(20*time.Minute, "a.test", "a.test")},
			tried(0, "*.a.test"), 40 * time.Minute, "2 failed validations of a.test"},
		{"failures of another name", []attempt{failed(10*time.Minute, "*.a.test b.test", "b.test"), failed(20*time.Minute, "a.test", "a.test")}, tried(0, "*.a.test"), 0, ""},
		{"the limit that lasts the longest decides", []attempt{tried(time.Hour, "*.a.test"), failed(time.Hour, "b.test", ""), failed(2*time.Hour, "c.test", ""), tried(time.Hour, "*.a.test")},
			tried(0, "*.a.test"), week - time.Hour, "exactly"},
		{"more than a limit allows", []attempt{tried(4*time.Hour, "*.a.test"), tried(5*time.Hour, "*.a.test"), tried(6*time.Hour, "*.a.test")}, tried(0, "*.a.test"), week - 5*time.Hour, "exactly"},
		{"attempts of next year count nothing", []attempt{tried(-365*24*time.Hour, "*.a.test"), tried(-366*24*time.Hour, "*.a.test")}, tried(0, "*.a.test"), 0, ""},
		{"nor do failures of next year", []attempt{endless, endless}, tried(0, "*.a.test"), 0, ""},
		{"a clock may be a little ahead", []attempt{tried(-time.Minute, "*.a.test"), tried(-time.Minute, "*.a.test")}, tried(0, "*.a.test"), week + time.Minute, "exactly"},
	} {
		t.Run(row.name, func(t *testing.T) {
			l := newLedger(anywhere)
			l.limits[testCA] = small
			for i, a := range row.made {
				l.note(key(fmt.Sprintf("infra/c%d", i)), []attempt{a})
			}
			spent := l.take(key("infra/next"), row.next, now)
			if row.until == 0 && spent != (Spent{}) || row.until != 0 && !spent.Until.Equal(now.Add(row.until)) || !strings.Contains(spent.What, row.says) {
				t.Errorf("got %+v, %s from now; want %s", spent, spent.Until.Sub(now), row.until)
			}
			if row.until == 0 {
				return
			}
			if again := l.take(key("infra/next"), row.next, now.Add(row.until)); again.Until.Sub(now) == row.until {
				t.Errorf("when that has passed: %+v", again)
			}
		})
	}
}

func TestOrdersThatAreAboutToBeMadeCountUntilTheyAreGivenUp(t *testing.T) {
	l := newLedger(anywhere)
	l.limits[testCA] = limits{orders: rate{2, time.Hour}, domain: small.domain, set: small.set, failures: small.failures}
	for _, name := range words("infra/one infra/two") {
		if s := l.take(key(name), tried(0, name+".test"), now); s != (Spent{}) {
			t.Fatalf("%s: %+v", name, s)
		}
	}
	if s := l.take(key("infra/three"), tried(0, "c.test"), now); s == (Spent{}) {
		t.Error("there is room for a third")
	}
	l.note(key("infra/one"), []attempt{tried(3*time.Hour, "a.test")}) // an old event does not end it
	if s := l.take(key("infra/three"), tried(0, "c.test"), now); s == (Spent{}) {
		t.Error("there is room for a third after an old event")
	}
	l.release(key("infra/one"))
	if s := l.take(key("infra/three"), tried(0, "c.test"), now); s != (Spent{}) {
		t.Errorf("there is no room when one is given up: %+v", s)
	}
}

func TestOrdersOfTheSameSecondAreSeveral(t *testing.T) {
	l := newLedger(anywhere)
	l.limits[testCA] = small
	l.note(key("infra/c"), []attempt{tried(0, "*.a.test"), tried(-time.Millisecond, "*.a.test")})
	if s := l.take(key("infra/c"), tried(-2*time.Millisecond, "*.a.test"), now); s == (Spent{}) {
		t.Error("there is room for a third")
	}
}

func TestLetsEncryptsLimitsAreKnownAndThoseOfItsStagingAreNot(t *testing.T) {
	production, _ := acmeclient.DirectoryURL("letsencrypt")
	staging, _ := acmeclient.DirectoryURL("letsencrypt-staging")
	l := newLedger(anywhere).limits
	if got := l[production]; got.set.most != 5 || got.domain.most != 50 || got.orders.most != 300 || got.failures.most != 5 {
		t.Errorf("got %+v", got)
	}
	if _, limited := l[staging]; limited || len(l) != 1 {
		t.Errorf("got %+v", l)
	}
}

func TestWhatIsLeftIsCountedWhereSomethingWasUsed(t *testing.T) {
	l := newLedger(anywhere)
	l.limits[testCA] = small
	l.note(key("infra/c"), []attempt{tried(time.Hour, "*.a.test"), failed(2*time.Minute, "b.test", "b.test")})
	var got []string
	l.left(now, func(ca, limit, of string, left, most int) {
		got = append(got, fmt.Sprint(limit, " ", of, " ", left, "/", most))
	})
	slices.Sort(got)
	want := []string{"certificates-of-domain a.test 2/3", "certificates-of-set *.a.test 1/2", "failures one b.test 1/2", "orders one 2/4"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestARecordIsBelievedAboutItsOwnNamespaceAndOtherwiseWhereThatMayOrder(t *testing.T) {
	permits := func(ca string) orderable {
		return func(namespace string, names []string) bool {
			return ca == testCA && namespace == "infra" && slices.Equal(names, words("*.a.test"))
		}
	}
	for _, row := range []struct {
		by, of string
		room   bool
	}{
		{"infra", home, false},
		{"tenant", home, true},
		{"tenant", "infra", true},
		{"tenant", "tenant", false},
	} {
		l := newLedger(permits)
		l.limits[testCA] = small
		l.note(key(row.by+"/forged"), []attempt{tried(time.Hour, "*.a.test"), tried(2*time.Hour, "*.a.test")})
		if s := l.take(key(row.of+"/next"), tried(0, "*.a.test"), now); (s == Spent{}) != row.room {
			t.Errorf("by what a record of %s says, namespace %s has %+v", row.by, row.of, s)
		}
	}
}

func TestWhoMayOrderIsAskedOfTheIssuersForTheWholeCluster(t *testing.T) {
	inBubble(t, 90*day, map[string]string{"zones": "a.test,b.test"}, func(l *life) {
		for _, row := range []struct {
			ca, namespace, names string
			may                  bool
		}{
			{"https://ca.test/dir", "tenant", "x.a.test y.b.test", true},
			{"https://ca.test/dir", "tenant", "*.a.test", false}, // it has no label
			{"https://ca.test/dir", "infra", "*.a.test", true},
			{"https://ca.test/dir", "infra", "*.a.test *.b.test", false}, // this certificate has another name, and so another label
			{"https://ca.test/dir", "infra", "x.c.test", false},
			{"https://ca.test/dir", "infra", "", false},
			{"https://other.test/dir", "infra", "x.a.test", false},
			{"https://ca.test/dir", home, "x.c.test", true},
		} {
			if got := l.c.mayOrder(row.ca)(row.namespace, words(row.names)); got != row.may {
				t.Errorf("%s of %s at %s: %t", row.names, row.namespace, row.ca, got)
			}
		}
	})
}

// forge adds a record that somebody has written by hand.
func (l *life) forge(name string, attempts ...attempt) {
	l.t.Helper()
	text, err := json.Marshal(attempts)
	if err != nil {
		l.t.Fatal(err)
	}
	at := key(name)
	l.add(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: at.Namespace, Name: at.Name}, Type: TypeOrder,
		Data: map[string][]byte{orderAttempts: text}})
}

func TestARecordThatATenantHasForgedHoldsUpNobodyElse(t *testing.T) {
	inBubble(t, 90*day, nil, func(l *life) {
		l.limits = small
		l.restart()
		var forged []attempt
		for i := range 50 {
			at := time.Now().Add(-time.Duration(i) * time.Second)
			forged = append(forged, attempt{At: at, CA: "https://ca.test/dir", Account: "https://ca.test/account/1", Names: words("*.a.test")})
			forged = append(forged, attempt{At: at.Add(10 * 365 * day), CA: "https://ca.test/dir", Account: "https://ca.test/account/1", Names: words("x.a.test")})
		}
		l.forge("tenant/x.order", forged...)
		l.pass(time.Minute)
		if n := len(l.ca.issued()); n != 1 || l.said(ReasonRateLimited, "") {
			t.Errorf("%d certificates, Events %q", n, l.events)
		}
	})
}

// again asks for a renewal that the CA did not ask for.
func (l *life) again(text string) {
	l.annotate(AnnotationRenew, text)
	l.pass(time.Minute)
}

func TestWildcastStopsBeforeTheLimitOfASetAndGoesOnWhenItMay(t *testing.T) {
	inBubble(t, 90*day, nil, func(l *life) {
		l.limits = small
		l.restart()
		began := time.Now()
		l.pass(time.Minute)
		l.again("one")
		l.again("two")
		if n := len(l.ca.orders); n != 2 || !l.said(ReasonRateLimited, "2 certificates for exactly *.a.test in 168h") {
			t.Errorf("%d orders, Events %q", n, l.events)
		}
		due := began.Add(week)
		if !l.said(ReasonRateLimited, "The order is made at "+due.UTC().Format(time.RFC3339)) {
			t.Errorf("no Event names %s: %q", due, l.events)
		}
		l.kube.ClearActions()
		l.restart()
		l.pass(6 * day)
		if n := len(l.ca.orders); n != 2 || l.writes() > 0 {
			t.Errorf("%d orders and %d writes after a restart", n, l.writes())
		}
		l.pass(day)
		if n := len(l.ca.orders); n != 3 || l.ca.orders[2].at.Before(due) {
			t.Errorf("orders %+v, want one more after a week", l.ca.orders)
		}
	})
}

func TestRenewalsThatTheCAAskedForAreNotCounted(t *testing.T) {
	inBubble(t, 90*day, nil, func(l *life) {
		l.limits = small
		l.restart()
		l.ca.suggest = func(leaf *x509.Certificate) (acmeclient.RenewalInfo, error) {
			return acmeclient.RenewalInfo{Start: leaf.NotBefore.Add(30 * day), End: leaf.NotBefore.Add(31 * day)}, nil
		}
		l.pass(time.Minute)
		l.again("one")
		began := time.Now()
		l.ca.suggest = func(leaf *x509.Certificate) (acmeclient.RenewalInfo, error) {
			if leaf.NotBefore.Before(began) {
				return acmeclient.RenewalInfo{Start: began.Add(-time.Hour), End: began.Add(day)}, nil
			}
			return acmeclient.RenewalInfo{Start: leaf.NotBefore.Add(30 * day), End: leaf.NotBefore.Add(31 * day)}, nil
		}
		l.pass(day)
		if n := len(l.ca.orders); n != 3 || l.said(ReasonRateLimited, "") {
			t.Errorf("%d orders, Events %q", n, l.events)
		}
		l.again("two")
		l.again("three")
		if n := len(l.ca.orders); n != 3 || !l.said(ReasonRateLimited, "exactly") {
			t.Errorf("%d orders, Events %q", n, l.events)
		}
	})
}

func TestFailedOrdersAreInTheLedgerAndSoIsTheNameThatFailed(t *testing.T) {
	inBubble(t, 90*day, nil, func(l *life) {
		l.limits = small
		l.restart()
		l.ca.refuse = func(int) error {
			return &acmeclient.Error{Op: "validate", Name: "*.a.test", Status: 403, Reached: true}
		}
		l.pass(time.Hour + 2*time.Minute) // attempts after 0, 1 and 11 min, of which the third is one too many
		if n := len(l.ca.orders); n != 3 || l.ca.orders[2].at.Sub(l.ca.orders[0].at) < time.Hour {
			t.Errorf("orders %+v, want the third when the first is an hour ago", l.ca.orders)
		}
		kept := recordOf(l.secret(record)).Attempts
		if len(kept) != 3 || kept[0].Failed != "a.test" || kept[0].Ended.IsZero() {
			t.Errorf("the record has %+v", kept)
		}
		if !l.said(ReasonRateLimited, "2 failed validations of a.test") {
			t.Errorf("Events %q", l.events)
		}
	})
}

func TestACAWithoutKnownLimitsLeavesNoTraceInTheRecord(t *testing.T) {
	inBubble(t, 90*day, nil, func(l *life) {
		l.pass(time.Minute)
		if got := l.secret(record).Data[orderAttempts]; got != nil {
			t.Errorf("the record has %s", got)
		}
	})
}

func TestAPausedNameIsToldWithItsLinkAndTriedAgainTomorrowOrWhenSomethingChanges(t *testing.T) {
	inBubble(t, 90*day, nil, func(l *life) {
		l.pass(time.Minute)
		const link = "https://portal.letsencrypt.org/sfe/v1/unpause?jwt=x.y.z"
		l.ca.refuse = func(int) error {
			return &acmeclient.Error{Op: "create order", Type: "rateLimited", Status: 429, Reached: true, Err: acmeclient.ErrPaused,
				Detail: "Your account is temporarily prevented from requesting certificates for a.test and possibly others. Please visit: " + link}
		}
		l.annotate(AnnotationRenew, "one")
		l.pass(23 * time.Hour)
		if n := len(l.ca.orders); n != 2 || !l.said(ReasonRateLimited, link) || !l.said(ReasonRateLimited, "unpause them") {
			t.Errorf("%d orders, Events %q", n, l.events)
		}
		l.ca.refuse = nil
		l.annotate(AnnotationRenew, "two")
		l.pass(time.Minute)
		if n := len(l.ca.issued()); n != 2 {
			t.Errorf("%d certificates after something changed", n)
		}
	})
}
