package certificates_test

import (
	"strings"
	"testing"

	"github.com/wildcast/wildcast/acmeclient/acmetest"
	"github.com/wildcast/wildcast/e2e/stage"
)

// inside is a DNS server with another view of the scene's own zone, as inside a company: it has the zone, and never the
// records that are made outside.
func (s *scene) inside() *acmetest.DNS {
	s.t.Helper()
	d, err := acmetest.StartDNS(s.zone())
	s.must(err)
	s.t.Cleanup(d.Close)
	return d
}

// openSplit is open with a solver that updates the scene's DNS server and names no resolvers.
func openSplit(t *testing.T, name string) *scene {
	t.Helper()
	s := openBare(t, name, stage.Options{})
	s.must(s.Issuer(s.ctx, stage.Home, name, map[string]string{"sync": stage.Label + "=" + name}))
	s.must(s.Solver(s.ctx, stage.Home, name+"-dns", map[string]string{"nameservers": "", "DNSUPDATE_PROPAGATION_TIMEOUT": "2"}))
	return s
}

func TestWhereTheResolverShowsAnInternalViewTheEventNamesItsServerAndNameserversOfTheSolverHelp(t *testing.T) {
	s := openSplit(t, "split")
	inside := s.inside()
	infra := s.namespace("infra", nil)
	s.run("--dns01-nameservers=" + inside.Addr()) // in place of the pod's own resolver
	s.ingress(infra, "wiki", []string{s.host("wiki")}, nil)
	event := s.event(infra, "wiki", "WaitingForDNS", "_acme-challenge."+s.zone(), inside.Addr(), "has no such record")
	if strings.Contains(event.Note, s.DNS.Addr()) {
		t.Errorf("the Event %q names the server that has the record", event.Note)
	}
	s.event(infra, "wiki", "OrderFailed", "still not visible", inside.Addr())
	s.put(home(s.Name+"-dns"), "nameservers", s.DNS.Addr())
	s.served(infra, "wiki-tls", "*."+s.zone())
	s.ordered("*."+s.zone(), "*."+s.zone()) // a solver that was changed begins anew
	s.noTXT()
	if n := inside.Updates(); n > 0 {
		t.Errorf("the internal view was updated %d times", n)
	}
}

func TestAuthoritativeServersThatCannotBeReachedAreNotAskedWithRecursiveOnly(t *testing.T) {
	s := openSplit(t, "recursive")
	unreachable, err := s.DNS.AddServer()
	s.must(err)
	unreachable.Hide() // it would not show the record if it were asked
	s.put(home(s.Name+"-dns"), "nameservers", s.DNS.Addr())
	infra := s.namespace("infra", nil)
	s.run()
	s.ingress(infra, "wiki", []string{s.host("wiki")}, nil)
	event := s.event(infra, "wiki", "WaitingForDNS", "_acme-challenge."+s.zone(), "ns2."+s.zone())
	if strings.Contains(event.Note, "ns1."+s.zone()) {
		t.Errorf("the Event %q names the server that has the record", event.Note)
	}
	s.put(home(s.Name+"-dns"), "recursiveOnly", "true")
	s.served(infra, "wiki-tls", "*."+s.zone())
	s.ordered("*."+s.zone(), "*."+s.zone()) // a solver that was changed begins anew
	s.noTXT()
}
