package dns01_test

import (
	"testing"
	"time"

	"github.com/wildcast/wildcast/acmeclient"
	"github.com/wildcast/wildcast/acmeclient/acmetest/testchild"
	"github.com/wildcast/wildcast/acmeclient/dns01"
)

const account = "https://ca.test/account/1"

// persistent is a challenge for a wildcard that a record with this value answers.
func persistent(domain string) (ch acmeclient.Challenge, value string) {
	return acmeclient.Challenge{Type: acmeclient.DNSPersist01, Domain: domain, Wildcard: true, Account: account, Issuers: []string{"ca.test", "old.ca.test"}},
		dns01.PersistentValue("ca.test", account, true)
}

func TestAPersistentRecordIsLookedForAtAllServersAndNothingIsWrittenOrStarted(t *testing.T) {
	w := newWorld(t, dns01.Config{Waiting: 50 * time.Millisecond})
	second, err := w.dns.AddServer()
	must(t, err)
	second.Hide()
	var h heard
	s := dns01.Settings{Name: "persistent", Provider: "persist", Nameservers: w.dns.Addrs()}
	solver := w.pool.Solver([]dns01.Settings{s}, h.waiting)
	ch, value := persistent("a.test")
	w.dns.AddTXT("_validation-persist.a.test", value)
	_, err = solver.Present(t.Context(), ch)
	says(t, err, "_validation-persist.a.test.", `create it with the value "`+value+`"`, "ns2.a.test. (", "has no such record")
	if lines := h.all(); len(lines) == 0 {
		t.Error("nobody was told")
	}
	second.Show()
	remove, err := solver.Present(t.Context(), ch)
	must(t, err)
	must(t, remove(t.Context()))
	must(t, solver.(acmeclient.Sweeper).Sweep(t.Context(), ch))
	if left := w.dns.TXT("_validation-persist.a.test"); len(left) != 1 || w.dns.Updates() != 0 || len(w.children()) != 0 {
		t.Errorf("left are %v, after %d updates by %d children", left, w.dns.Updates(), len(w.children()))
	}
}

func TestAPersistentRecordMayBeWhereACNAMELeadsAndNameTheCAByAnyOfItsDomains(t *testing.T) {
	w := newWorld(t, dns01.Config{})
	w.dns.SetCNAME("_validation-persist.a.test", "a.answers.b.test")
	w.dns.AddTXT("a.answers.b.test", dns01.PersistentValue("old.ca.test", account, true))
	s := dns01.Settings{Name: "persistent", Provider: "persist", Nameservers: w.dns.Addrs(), FollowCNAME: true}
	ch, _ := persistent("a.test")
	_, err := w.pool.Solver([]dns01.Settings{s}, nil).Present(t.Context(), ch)
	must(t, err)
}

func TestTheSolverOfANameDecidesAboutTheTypeOfItsChallenge(t *testing.T) {
	pool := dns01.NewPool(dns01.Config{Command: testchild.Command()})
	t.Cleanup(pool.Close)
	solver := pool.Solver([]dns01.Settings{{Provider: "persist", Zones: []string{"a.test"}}, {Provider: "rfc2136", Zones: []string{"sub.a.test", "b.test"}}}, nil)
	for domain, want := range map[string]string{
		"a.test": acmeclient.DNSPersist01, "x.a.test": acmeclient.DNSPersist01,
		"sub.a.test": acmeclient.DNS01, "b.test": acmeclient.DNS01, "nobodys.test": acmeclient.DNS01,
	} {
		if got := solver.Type(domain); got != want {
			t.Errorf("type for %s is %s, want %s", domain, got, want)
		}
	}
}
