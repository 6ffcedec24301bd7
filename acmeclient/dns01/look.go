package dns01

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/miekg/dns"
)

// Sighting is what can be seen of a domain's challenge record now.
type Sighting struct {
	FQDN    string  `json:"fqdn"`   // of the record, after CNAMEs, with a dot at the end
	Zone    string  `json:"zone"`   // that holds it
	Solver  string  `json:"solver"` // that writes it
	Servers []*Seen `json:"servers"`
}

// Seen is what one DNS server shows of it.
type Seen struct {
	Server string   `json:"server"` // name and address
	Values []string `json:"values"` // of its TXT records
	Fault  string   `json:"fault,omitempty"`
}

// Look finds the record of a domain and asks the servers that a [Pool] would wait for. It writes nothing and starts no
// program. What is known when an error ends it is returned with the error.
func Look(ctx context.Context, settings []Settings, domain string) (Sighting, error) {
	s := choose(settings, domain)
	if s == nil {
		return Sighting{FQDN: fqdnOf(domain)}, &NoSolverError{Domain: domain, Zones: zonesOf(settings)}
	}
	where, err := locate(ctx, s, fqdnOf(domain))
	if err != nil {
		return Sighting{FQDN: fqdnOf(domain), Solver: s.Name}, err
	}
	if where.fqdn != fqdnOf(domain) {
		s = delegate(settings, s, where.fqdn)
	}
	seen := Sighting{FQDN: where.fqdn, Zone: where.zone, Solver: s.Name}
	var asked sync.WaitGroup
	for _, at := range where.servers {
		if len(at.addresses) == 0 {
			seen.Servers = append(seen.Servers, &Seen{Server: at.name, Fault: "has no address"})
		}
		for _, address := range at.addresses {
			shown := &Seen{Server: fmt.Sprintf("%s (%s)", at.name, address)}
			seen.Servers = append(seen.Servers, shown)
			asked.Go(func() { shown.Values, shown.Fault = textsAt(ctx, address, where.fqdn, recursion(s.RecursiveOnly)) })
		}
	}
	asked.Wait()
	return seen, context.Cause(ctx)
}

// textsAt are the TXT records that a server shows, or why it shows none.
func textsAt(ctx context.Context, address, fqdn string, desired recursion) (values []string, fault string) {
	answer, err := query(ctx, address, fqdn, dns.TypeTXT, desired)
	switch {
	case err != nil:
		return nil, fmt.Sprintf("no answer: %v", err)
	case answer.Rcode != dns.RcodeSuccess && answer.Rcode != dns.RcodeNameError:
		return nil, "answers " + dns.RcodeToString[answer.Rcode]
	}
	for _, rr := range answer.Answer {
		if txt, ok := rr.(*dns.TXT); ok {
			values = append(values, strings.Join(txt.Txt, ""))
		}
	}
	return values, ""
}
