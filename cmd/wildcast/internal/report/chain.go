package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/acmeclient"
	"github.com/wildcast/wildcast/acmeclient/dns01"
	"github.com/wildcast/wildcast/controllers"
)

// Chain is the way from one that asks to what it gets.
type Chain struct {
	Hosts          []string                   `json:"hosts,omitempty"`
	SecretName     string                     `json:"secretName,omitempty"` // that the asker names
	Certificate    Certificate                `json:"certificate"`
	Authorizations []acmeclient.Authorization `json:"authorizations,omitempty"` // of the order in flight, or the last one, as its record has them
	Challenges     []Challenge                `json:"challenges,omitempty"`     // by DNS
	Copy           *Target                    `json:"copy,omitempty"`
}

// Challenge is how a CA is shown by DNS that a domain is ours.
type Challenge struct {
	Domain string          `json:"domain"`
	Seen   *dns01.Sighting `json:"seen,omitempty"` // nil if nobody looked
	Fault  string          `json:"fault,omitempty"`
}

// chain is that of a certificate.
func (s Scene) chain(name types.NamespacedName) Chain {
	state := s.Certificates.Certificate(name, s.Now)
	return Chain{Certificate: s.certificate(state), Authorizations: state.Record.Authorizations}
}

// Domains are those whose records in DNS matter now: all of a certificate that is yet to come, and of one that is there
// those that are proved by a record that stays.
func (c Chain) Domains() (domains []string) {
	for _, name := range c.Certificate.Names {
		domain := domainOf(name)
		matters := c.Certificate.Pending() || c.Certificate.State == Ready && c.persists(domain)
		if matters && !slices.Contains(domains, domain) {
			domains = append(domains, domain)
		}
	}
	return domains
}

func (c Chain) persists(domain string) bool {
	return slices.ContainsFunc(c.of(domain), func(a acmeclient.Authorization) bool { return a.Challenge == acmeclient.DNSPersist01 })
}

// of are the authorizations of a domain and its wildcard that are known.
func (c Chain) of(domain string) (all []acmeclient.Authorization) {
	for _, a := range c.Authorizations {
		if domainOf(a.Name) == domain {
			all = append(all, a)
		}
	}
	return all
}

// Sought is what the CA is to find at a domain, for [dns01.Look]. Where no order is in flight no record is sought but one
// that stays.
func (c Chain) Sought(domain string) (ch acmeclient.Challenge, texts []string) {
	ch = acmeclient.Challenge{Domain: domain, Wildcard: slices.Contains(c.Certificate.Names, "*."+domain)}
	for _, a := range c.of(domain) {
		if a.Account != "" {
			ch.Account, ch.Issuers = a.Account, a.Issuers
		}
		if a.Status == "pending" && a.TXT != "" && c.Certificate.Order != "" {
			texts = append(texts, a.TXT)
		}
	}
	return ch, texts
}

func domainOf(name string) string { return strings.TrimPrefix(name, "*.") }

// problems are those that DNS shows of a certificate that is right or on its way. What is wrong with others is known.
func (c Chain) problems() (problems []Problem) {
	if c.Certificate.State.bad() {
		return nil
	}
	about := Object{"Secret", c.Certificate.Namespace, c.Certificate.Name}
	for _, challenge := range c.Challenges {
		if text := challenge.problem(c.Certificate); text != "" {
			problems = append(problems, Problem{about, controllers.ReasonWaitingForDNS, text})
		}
	}
	return problems
}

// problem says why the CA would not find what it is to find, and what to do.
func (c Challenge) problem(of Certificate) string {
	if c.Fault != "" {
		return sentence(fmt.Sprintf("The TXT record for %s cannot be looked for: %s", c.Domain, c.Fault))
	}
	lacking := c.Seen.Lacking()
	switch {
	case c.Seen.Sought == 0 || len(lacking) == 0:
		return ""
	case c.Seen.Create != "" && of.State == Ready:
		return sentence(fmt.Sprintf("Its renewal at %s needs a TXT record that is not there. Create it: name %s value %q. It was looked for at %s",
			of.Renews.Format(time.RFC3339), c.Seen.FQDN, c.Seen.Create, strings.Join(lacking, "; ")))
	case c.Seen.Create != "":
		return sentence(fmt.Sprintf("It waits for a TXT record that somebody has to create once: name %s value %q. It was looked for at %s",
			c.Seen.FQDN, c.Seen.Create, strings.Join(lacking, "; ")))
	}
	return fmt.Sprintf("It waits for TXT record %s, which these servers do not show yet: %s. If that stays so, solver %s writes to other servers "+
		"than these, or they do not get the zone from there: check its account, and the zone's transfer to them.", c.Seen.FQDN, strings.Join(lacking, "; "), c.Seen.Solver)
}
