package dns01_test

import (
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wildcast/wildcast/acmeclient"
	"github.com/wildcast/wildcast/acmeclient/acmetest"
	"github.com/wildcast/wildcast/acmeclient/dns01"
)

func itoa(n int) string { return strconv.Itoa(n) }

func TestARecordThatNeverShowsIsRemovedAndTheServerNamed(t *testing.T) {
	w := newWorld(t, dns01.Config{Timeout: 200 * time.Millisecond}) // which is shorter than the default of Waiting
	w.dns.Hide()
	var h heard
	_, err := w.pool.Solver([]dns01.Settings{w.settings()}, h.waiting).Present(t.Context(), challenge("a.test"))
	e := errorAs[*dns01.NotVisibleError](t, err)
	if e.FQDN != "_acme-challenge.a.test." || len(e.Servers) != 1 {
		t.Errorf("error is %+v", e)
	}
	says(t, err, "ns1.a.test.", w.dns.Addr(), "has no such record")
	if lines := h.all(); len(lines) != 1 || !strings.Contains(lines[0], "ns1.a.test.") {
		t.Errorf("heard %q, want one line that names the server", lines)
	}
	w.clean()
}

func TestARecordIsReportedMissingAlsoWhereOneCheckTakesAllTheTime(t *testing.T) {
	w := newWorld(t, dns01.Config{Timeout: time.Nanosecond})
	w.dns.Hide()
	var h heard
	_, err := w.pool.Solver([]dns01.Settings{w.settings()}, h.waiting).Present(t.Context(), challenge("a.test"))
	errorAs[*dns01.NotVisibleError](t, err)
	if lines := h.all(); len(lines) != 1 || !strings.Contains(lines[0], "ns1.a.test.") {
		t.Errorf("heard %q, want one line that names the server", lines)
	}
	w.clean()
}

func TestARecordThatNeverShowsEverywhereServesAllTheSameWhenToldSo(t *testing.T) {
	w := newWorld(t, dns01.Config{Timeout: 200 * time.Millisecond})
	second, err := w.dns.AddServer()
	must(t, err)
	second.Hide()
	var h heard
	s := w.settings()
	s.Proceed = true
	remove, err := w.pool.Solver([]dns01.Settings{s}, h.waiting).Present(t.Context(), challenge("a.test"))
	must(t, err)
	if got := w.dns.TXT("_acme-challenge.a.test"); len(got) != 1 {
		t.Errorf("records are %v, want one", got)
	}
	if lines := h.all(); len(lines) != 1 || !strings.Contains(lines[0], "ns2.a.test.") {
		t.Errorf("heard %q, want one line that names the server", lines)
	}
	must(t, remove(t.Context()))
	w.clean()
}

func TestOneServerThatLagsIsWaitedForAndNamed(t *testing.T) {
	w := newWorld(t, dns01.Config{Waiting: 20 * time.Millisecond})
	second, err := w.dns.AddServer()
	must(t, err)
	second.Hide()
	var h heard
	s := w.settings()
	show := func(m dns01.Missing) {
		h.waiting(m)
		second.Show()
	}
	remove, err := w.pool.Solver([]dns01.Settings{s}, show).Present(t.Context(), challenge("a.test"))
	must(t, err)
	must(t, remove(t.Context()))
	lines := h.all()
	if len(lines) != 1 || !strings.Contains(lines[0], "ns2.a.test.") || strings.Contains(lines[0], "ns1.a.test.") {
		t.Errorf("heard %q, want the lagging server alone", lines)
	}
}

func TestAnAliasIsFollowed(t *testing.T) {
	w := newWorld(t, dns01.Config{})
	w.dns.SetCNAME("_acme-challenge.a.test", "a.answers.b.test")
	remove, err := w.pool.Solver([]dns01.Settings{w.settings()}, nil).Present(t.Context(), challenge("a.test"))
	must(t, err)
	if got := w.dns.TXT("a.answers.b.test"); len(got) != 1 {
		t.Errorf("records at the alias's target are %v, want one", got)
	}
	must(t, remove(t.Context()))
	w.clean()
}

func TestAnAliasIntoAnotherSolversZoneIsAnsweredByThatSolver(t *testing.T) {
	w := newWorld(t, dns01.Config{})
	a, b := w.settings(), w.settings()
	a.Name, a.Zones, a.Env = "a", []string{"a.test"}, w.dns.Account("a.test")
	b.Name, b.Zones, b.Env = "b", []string{"b.test"}, w.dns.Account("b.test")
	w.dns.SetCNAME("_acme-challenge.x.a.test", "x.answers.b.test")
	solver := w.pool.Solver([]dns01.Settings{a, b}, nil)
	for domain, fqdn := range map[string]string{"x.a.test": "x.answers.b.test", "a.test": "_acme-challenge.a.test"} {
		remove, err := solver.Present(t.Context(), challenge(domain))
		must(t, err)
		if got := w.dns.TXT(fqdn); len(got) != 1 {
			t.Errorf("records at %s are %v, want one", fqdn, got)
		}
		must(t, remove(t.Context()))
	}
	w.clean()
	a.Zones, b.Zones = nil, []string{"c.test"} // nobody names the target's zone: the name's own solver answers
	_, err := w.pool.Solver([]dns01.Settings{a, b}, nil).Present(t.Context(), challenge("x.a.test"))
	says(t, err, "solver a)", "REFUSED")
}

func TestAnAliasIsNotFollowedWhenToldSo(t *testing.T) {
	w := newWorld(t, dns01.Config{Timeout: 100 * time.Millisecond})
	s := w.settings()
	s.FollowCNAME = false
	remove, err := w.pool.Solver([]dns01.Settings{s}, nil).Present(t.Context(), challenge("a.test"))
	must(t, err)
	w.dns.SetCNAME("_acme-challenge.a.test", "a.answers.b.test")
	if got := w.dns.TXT("_acme-challenge.a.test"); len(got) != 1 {
		t.Errorf("records at the name itself are %v, want one", got)
	}
	must(t, remove(t.Context()))
	w.clean()
}

func TestALoopOfAliasesIsReported(t *testing.T) {
	w := newWorld(t, dns01.Config{})
	w.dns.SetCNAME("_acme-challenge.a.test", "_acme-challenge.b.test")
	w.dns.SetCNAME("_acme-challenge.b.test", "_acme-challenge.a.test")
	_, err := w.pool.Solver([]dns01.Settings{w.settings()}, nil).Present(t.Context(), challenge("a.test"))
	says(t, err, "CNAMEs")
}

func TestResolversAloneAreAskedWhenToldSo(t *testing.T) {
	w := newWorld(t, dns01.Config{})
	lame, err := w.dns.AddServer() // the zone names it, and it never shows anything
	must(t, err)
	lame.Hide()
	s := w.settings()
	s.RecursiveOnly, s.Nameservers = true, []string{w.dns.Addr()}
	remove, err := w.pool.Solver([]dns01.Settings{s}, nil).Present(t.Context(), challenge("a.test"))
	must(t, err)
	must(t, remove(t.Context()))
}

func TestADomainWithoutAZoneIsReportedBeforeAnythingIsWritten(t *testing.T) {
	w := newWorld(t, dns01.Config{})
	_, err := w.pool.Solver([]dns01.Settings{w.settings()}, nil).Present(t.Context(), challenge("other.example"))
	says(t, err, "other.example", "REFUSED", w.dns.Addr())
	if n := w.dns.Updates(); n != 0 {
		t.Errorf("%d updates, want none", n)
	}
}

// Two orders for one name, of two issuers or for apex and wildcard, use one TXT name, and rfc2136 replaces what is there.
func TestChallengesForOneNameTakeTurnsWithAProviderThatReplaces(t *testing.T) {
	w := newWorld(t, dns01.Config{})
	solver := w.pool.Solver([]dns01.Settings{w.settings()}, nil)
	var all sync.WaitGroup
	for i := range 4 {
		ch := acmeclient.Challenge{Type: acmeclient.DNS01, Domain: "a.test", Token: token + itoa(i), KeyAuthorization: keyAuthorization + itoa(i)}
		all.Go(func() {
			remove, err := solver.Present(t.Context(), ch)
			if err != nil {
				t.Error(err)
				return
			}
			if got := w.dns.TXT("_acme-challenge.a.test"); len(got) != 1 {
				t.Errorf("records are %v during a turn, want one", got)
			}
			if err := remove(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	w.clean()
}

func TestAReplacedRecordIsLeftToDieInTheCachesFirst(t *testing.T) {
	w := newWorld(t, dns01.Config{})
	s := w.settings()
	s.Env["DNSUPDATE_TTL"] = "1"
	solver := w.pool.Solver([]dns01.Settings{s}, nil)
	remove, err := solver.Present(t.Context(), challenge("a.test"))
	must(t, err)
	must(t, remove(t.Context()))
	start := time.Now()
	remove, err = solver.Present(t.Context(), challenge("a.test"))
	must(t, err)
	if d := time.Since(start); d < 900*time.Millisecond {
		t.Errorf("the next record came after %s, within the last one's TTL of 1 s", d)
	}
	must(t, remove(t.Context()))
}

func TestTheDNSAnswersLikeAZone(t *testing.T) {
	if _, err := acmetest.StartDNS(); err == nil {
		t.Error("a server without zones was started")
	}
}
