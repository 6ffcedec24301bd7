package acmeclient_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/wildcast/wildcast/acmeclient"
	"github.com/wildcast/wildcast/acmeclient/acmetest"
	"github.com/wildcast/wildcast/acmeclient/acmetest/testchild"
	"github.com/wildcast/wildcast/acmeclient/dns01"
)

// persistent is the solver of a zone whose record an administrator makes.
func (w *world) persistent(zones ...string) dns01.Settings {
	return dns01.Settings{Name: "persistent", Provider: "persist", Zones: zones, Nameservers: w.dns.Addrs()}
}

// recorded makes the record that proves a domain and its wildcard.
func (w *world) recorded(domain string) {
	w.dns.AddTXT(dns01.PersistentFQDN(domain), dns01.PersistentValue(acmetest.Identity, w.account.URL, true))
}

func TestAPersistentRecordProvesADomainAndItsWildcardAgainAndAgainAndDNSIsNotWritten(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{})
	w.recorded("a.test")
	req := w.request("*.a.test", "a.test")
	req.Solver = w.pool.Solver([]dns01.Settings{w.persistent()}, nil)
	for range 2 {
		req.Key = newKey(t)
		chain, err := w.order(req)
		w.must(err)
		w.issued(chain, req)
	}
	if n := w.dns.Updates(); n > 0 {
		t.Errorf("DNS was updated %d times", n)
	}
	if left := w.dns.Records(); len(left) != 1 {
		t.Errorf("records are %v, want the one", left)
	}
}

func TestEachNameIsProvedByTheChallengeOfItsOwnSolver(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{})
	w.recorded("a.test")
	update := dns01.Settings{Name: "update", Provider: "rfc2136", Zones: []string{"b.test"}, Env: w.dns.SolverEnv(), Nameservers: w.dns.Addrs()}
	req := w.request("*.a.test", "*.b.test", "b.test")
	req.Solver = w.pool.Solver([]dns01.Settings{update, w.persistent("a.test")}, nil)
	chain, err := w.order(req)
	w.must(err)
	w.issued(chain, req)
	if left := w.dns.Records(); len(left) != 1 || left[0].FQDN != "_validation-persist.a.test." {
		t.Errorf("records are %v, want the persistent one alone", left)
	}
}

func TestAPersistentRecordThatIsMissingCostsNothingAtTheCAAndTheSameOrderGoesOnWithIt(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{})
	pool := dns01.NewPool(dns01.Config{Command: testchild.Command(), Waiting: 50 * time.Millisecond})
	t.Cleanup(pool.Close)
	told := make(chan dns01.Missing, 10)
	req, url := w.request("*.a.test", "a.test"), ""
	req.Solver = pool.Solver([]dns01.Settings{w.persistent()}, func(m dns01.Missing) { told <- m })
	req.Begun = func(_ context.Context, orderURL string) error { url = orderURL; return nil }
	w.ca.Before(func(step string) {
		if step == acmetest.StepChallenge {
			t.Error("the CA was told to look")
		}
	})
	_, err := w.order(req)
	e := errorOf(t, err)
	if e.Reached {
		t.Error("the failure counts at the CA")
	}
	want := dns01.PersistentValue(acmetest.Identity, w.account.URL, true)
	says(t, err, "_validation-persist.a.test.", want, "ns1.a.test.", "has no such record")
	if m := <-told; m.FQDN != "_validation-persist.a.test." || m.Create != want {
		t.Errorf("told %+v", m)
	}
	w.ca.Before(nil)
	w.recorded("a.test")
	req.URL, req.Begun = url, nil
	chain, err := w.order(req)
	w.must(err)
	w.issued(chain, req)
	if n := w.ca.OrderCount(); n != 1 {
		t.Errorf("there were %d orders, want one", n)
	}
}

func TestWhatOurLookAtAPersistentRecordRefusesTheCARefusesTooAndTheOtherWayRound(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{RejectNonces: acmetest.NoRejects})
	pool := dns01.NewPool(dns01.Config{Command: testchild.Command(), Waiting: time.Millisecond})
	t.Cleanup(pool.Close)
	mine := "ca.test; accounturi=" + w.account.URL
	for i, row := range []struct {
		txt   string
		right bool
	}{
		{mine + "; policy=wildcard", true},
		{" ca.test ;ACCOUNTURI = " + w.account.URL + ";Policy=WildCard;persistUntil=4102444800;other=", true},
		{mine, false},
		{mine + ";policy=none", false},
		{mine + ";policy=wildcard;", false},
		{mine + ";policy=wildcard;policy=wildcard", false},
		{mine + ";policy=wildcard;note=a b", false},
		{mine + ";policy=wildcard;word", false},
		{mine + ";policy=wildcard;persistUntil=1", false},
		{mine + ";policy=wildcard;persistUntil=soon", false},
		{mine + ";policy=wildcard;persistUntil=", false},
		{"ca.test;policy=wildcard", false},
		{"ca.test;policy=wildcard;accounturi=" + w.account.URL + "0", false},
		{"CA.test;policy=wildcard;accounturi=" + w.account.URL, false},
		{";policy=wildcard;accounturi=" + w.account.URL, false},
		{"", false},
	} {
		for _, proceed := range []bool{false, true} { // true: the CA is told to look whatever we see
			domain := fmt.Sprintf("%d-%t.a.test", i, proceed) // each its own, as Pebble may find one valid that was
			w.dns.AddTXT("_validation-persist."+domain, row.txt)
			s := w.persistent()
			s.Proceed = proceed
			req := w.request("*." + domain)
			req.Solver = pool.Solver([]dns01.Settings{s}, nil)
			if _, err := w.order(req); (err == nil) != row.right {
				t.Errorf("record %q, the CA's own look %v: %v, want right: %v", row.txt, proceed, err, row.right)
			}
		}
	}
}

func TestAFaultyPersistentRecordIsToldWithItsFault(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{})
	pool := dns01.NewPool(dns01.Config{Command: testchild.Command(), Waiting: time.Millisecond})
	t.Cleanup(pool.Close)
	w.dns.AddTXT("_validation-persist.a.test", "other.test; accounturi=https://other.test/1")
	w.dns.AddTXT("_validation-persist.a.test", dns01.PersistentValue(acmetest.Identity, w.account.URL, false))
	req := w.request("*.a.test")
	req.Solver = pool.Solver([]dns01.Settings{w.persistent()}, nil)
	_, err := w.order(req)
	says(t, err, "its record for ca.test lacks policy=wildcard")
	req = w.request("a.test")
	req.Solver = pool.Solver([]dns01.Settings{w.persistent()}, nil)
	_, err = w.order(req)
	w.must(err)
}

func TestACAThatDoesNotOfferTheSolversChallengeIsToldWithThoseThatItOffers(t *testing.T) {
	w := newWorld(t, acmetest.CAOptions{Challenges: []string{acmeclient.DNS01, acmeclient.HTTP01}})
	w.recorded("a.test")
	req := w.request("a.test")
	req.Solver = w.pool.Solver([]dns01.Settings{w.persistent()}, nil)
	_, err := w.order(req)
	says(t, err, "the CA does not offer dns-persist-01, but ", "dns-01", "use a solver for one of these")
}
