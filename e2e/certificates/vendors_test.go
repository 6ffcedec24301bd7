package certificates_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/wildcast/wildcast/acmeclient/acmetest"
	"github.com/wildcast/wildcast/e2e/stage"
	"github.com/wildcast/wildcast/e2e/vendors"
)

// solve makes a solver for a zone out of an account's settings.
func (s *scene) solve(zone string, account map[string]string) {
	s.t.Helper()
	account["zones"] = zone
	s.must(s.Solver(s.ctx, stage.Home, "account-of-"+zone, account))
}

func (s *scene) httpreq() *vendors.HTTPReq {
	h := vendors.StartHTTPReq(s.DNS)
	s.t.Cleanup(h.Close)
	return h
}

func (s *scene) cloudflare() *vendors.Cloudflare {
	c := vendors.StartCloudflare(s.DNS)
	s.t.Cleanup(c.Close)
	return c
}

func TestSeveralVendorsAndSeveralAccountsOfOneServeOneCertificate(t *testing.T) {
	s := openBare(t, "vendors", stage.Options{Zones: []string{"vendors-b.test", "vendors-c.test", "vendors-d.test", "vendors-e.test"}})
	s.must(s.Issuer(s.ctx, stage.Home, s.Name, map[string]string{"sync": "stage=" + s.Name}))
	web, cloud := s.httpreq(), s.cloudflare()
	s.solve("vendors.test", web.Account("vendors.test"))
	s.solve("vendors-b.test", web.Account("vendors-b.test"))
	s.solve("vendors-c.test", cloud.Account("vendors-c.test"))
	s.solve("vendors-d.test", cloud.Account("vendors-d.test"))
	s.solve("vendors-e.test", s.DNS.Account("vendors-e.test"))
	infra := s.namespace("infra", nil)
	s.run()
	s.ingress(infra, "site", []string{"www.vendors.test", "www.vendors-b.test", "www.vendors-c.test", "www.vendors-d.test", "www.vendors-e.test"}, nil)
	s.served(infra, "site-tls", "*.vendors.test", "*.vendors-b.test", "*.vendors-c.test", "*.vendors-d.test", "*.vendors-e.test")
	s.ordered("*.vendors-b.test *.vendors-c.test *.vendors-d.test *.vendors-e.test *.vendors.test")
	s.noTXT()
	if strayed := slices.Concat(web.Strayed(), cloud.Strayed()); len(strayed) > 0 {
		t.Errorf("credentials of one account were used for another's zone: %q", strayed)
	}
}

func TestCloudflareKeepsTheOtherValuesAtANameAndLosesExactlyThoseThatWereMade(t *testing.T) {
	s := openBare(t, "cloud", stage.Options{})
	s.must(s.Issuer(s.ctx, stage.Home, s.Name, map[string]string{"sync": "stage=" + s.Name}))
	s.solve(s.zone(), s.cloudflare().Account(s.zone()))
	others := []acmetest.Record{
		{FQDN: "_acme-challenge.cloud.test.", Value: "of-another-client"},
		{FQDN: "_acme-challenge.cloud.test.", Value: "of-a-third-one"},
	}
	slices.SortFunc(others, func(a, b acmetest.Record) int { return len(a.Value) - len(b.Value) })
	for _, r := range others {
		s.DNS.AddTXT(r.FQDN, r.Value)
	}
	infra := s.namespace("infra", nil)
	held, release := s.holdAt(acmetest.StepFinalize)
	s.run()
	s.ingress(infra, "site", []string{s.zone(), s.host("www")}, nil) // two values of ours at the one name
	s.wait("the CA has looked", held)
	release()
	s.served(infra, "site-tls", s.zone(), "*."+s.zone())
	s.ordered("*." + s.zone() + " " + s.zone())
	s.until("the others' values are left, and no more", func() error {
		if left := s.DNS.Records(); !slices.Equal(left, others) {
			return fmt.Errorf("there are %v", left)
		}
		return nil
	})
}

func TestAVendorsErrorThatHoldsItsCredentialsIsToldEverywhereWithoutThem(t *testing.T) {
	s := openBare(t, "leaking", stage.Options{Zones: []string{"leaking-b.test"}})
	s.must(s.Issuer(s.ctx, stage.Home, s.Name, map[string]string{"sync": "stage=" + s.Name}))
	web, cloud := s.httpreq(), s.cloudflare()
	one, two := cloud.Account(s.zone()), web.Account("leaking-b.test")
	s.solve(s.zone(), one)
	s.solve("leaking-b.test", two)
	cloud.Refuse(true)
	web.Refuse(true)
	infra := s.namespace("infra", nil)
	s.run()
	s.ingress(infra, "one", []string{s.host("www")}, nil)
	s.ingress(infra, "two", []string{"www.leaking-b.test"}, nil)
	s.event(infra, "one", "OrderFailed", "9109: Invalid access token [redacted] in Bearer [redacted]")
	s.event(infra, "two", "OrderFailed", "trouble</h1> [redacted] sent Basic [redacted]")
	cloud.Refuse(false)
	web.Refuse(false)
	s.served(infra, "one-tls", "*."+s.zone())
	s.served(infra, "two-tls", "*.leaking-b.test")
	s.noTXT()
	s.neverTold(infra, one["CF_DNS_API_TOKEN"], two["HTTPREQ_PASSWORD"], basic("lodger", two["HTTPREQ_PASSWORD"]))
}

func TestARecordThatAKilledProcessLeftAtAVendorThatMakesNoneTwiceServesTheResumedOrder(t *testing.T) {
	s := openBare(t, "twice", stage.Options{})
	s.must(s.Issuer(s.ctx, stage.Home, s.Name, map[string]string{"sync": "stage=" + s.Name}))
	cloud := s.cloudflare()
	s.solve(s.zone(), cloud.Account(s.zone()))
	infra := s.namespace("infra", nil)
	s.DNS.Hide()
	s.run()
	s.ingress(infra, "wiki", []string{s.host("wiki")}, nil)
	s.until("the record is made", func() error {
		if len(s.DNS.Records()) == 0 {
			return fmt.Errorf("there is none")
		}
		return nil
	})
	cloud.Refuse(true) // the node has died, and the DNS child with it: nothing takes the record away
	s.w.Kill()
	s.until("the child has given up", func() error {
		if cloud.Refused() == 0 {
			return fmt.Errorf("it has not tried")
		}
		return nil
	})
	cloud.Refuse(false)
	s.DNS.Show()
	s.must(s.w.Restart(s.ctx))
	s.served(infra, "wiki-tls", "*."+s.zone())
	s.ordered("*." + s.zone())
}
