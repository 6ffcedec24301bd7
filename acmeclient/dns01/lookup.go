package dns01

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

const (
	resolvConf  = "/etc/resolv.conf"
	exchangeFor = 2 * time.Second
	maxCNAMEs   = 16
)

// place is where a challenge's record goes.
type place struct {
	fqdn    string // after CNAMEs, with a dot at the end
	zone    string // the zone that holds it, with a dot at the end
	servers []server
}

// server is one that must show the record.
type server struct {
	name      string
	addresses []string // host:port
}

// resolver asks recursive servers, one after another until one answers.
type resolver struct {
	servers []string
}

func newResolver(s *Settings) (resolver, error) {
	if len(s.Nameservers) > 0 {
		return resolver{s.Nameservers}, nil
	}
	conf, err := dns.ClientConfigFromFile(resolvConf)
	if err != nil || len(conf.Servers) == 0 {
		return resolver{}, errors.New("this machine has no resolvers in " + resolvConf + ": give the solver nameservers")
	}
	r := resolver{}
	for _, address := range conf.Servers {
		r.servers = append(r.servers, net.JoinHostPort(address, conf.Port))
	}
	return r, nil
}

// locate finds the name, the zone and the servers of a record, which CNAMEs may lead elsewhere.
func locate(ctx context.Context, s *Settings, fqdn string) (place, error) {
	r, err := newResolver(s)
	if err != nil {
		return place{}, err
	}
	p := place{fqdn: fqdn}
	if s.FollowCNAME {
		if p.fqdn, err = r.follow(ctx, p.fqdn); err != nil {
			return place{}, err
		}
	}
	p.zone, err = r.zone(ctx, p.fqdn)
	if s.RecursiveOnly {
		for _, address := range r.servers {
			p.servers = append(p.servers, server{address, []string{address}})
		}
		return p, context.Cause(ctx) // the zone then serves to order changes alone
	}
	if err != nil {
		return place{}, err
	}
	p.servers, err = r.authorities(ctx, p.zone, s.Nameservers)
	return p, err
}

// fqdnOf is the name of a domain's challenge record, before CNAMEs.
func fqdnOf(domain string) string { return dns.Fqdn("_acme-challenge." + domain) }

// follow returns where the CNAMEs at a name lead (RFC 8555 §8.4 lets the CA follow them).
func (r resolver) follow(ctx context.Context, fqdn string) (string, error) {
	for range maxCNAMEs {
		answer, err := r.ask(ctx, fqdn, dns.TypeCNAME)
		if err != nil {
			return "", err
		}
		target := cnameOf(answer, fqdn)
		if target == "" {
			return fqdn, nil
		}
		fqdn = target
	}
	return "", fmt.Errorf("follow CNAMEs to %s: there are more than %d", fqdn, maxCNAMEs)
}

func cnameOf(answer *dns.Msg, fqdn string) string {
	for _, rr := range answer.Answer {
		if c, ok := rr.(*dns.CNAME); ok && strings.EqualFold(c.Hdr.Name, fqdn) {
			return dns.CanonicalName(c.Target)
		}
	}
	return ""
}

// zone finds the zone that holds a name: a SOA record answers for its own zone, and every negative answer names its
// zone (RFC 2308 §3). Servers that leave that out are asked label by label.
func (r resolver) zone(ctx context.Context, fqdn string) (string, error) {
	for i := range dns.Split(fqdn) {
		name := fqdn[dns.Split(fqdn)[i]:]
		answer, err := r.ask(ctx, name, dns.TypeSOA)
		if err != nil {
			return "", fmt.Errorf("find zone of %s: %w", fqdn, err)
		}
		if cnameOf(answer, name) != "" {
			continue
		}
		for _, rr := range append(answer.Answer, answer.Ns...) {
			if soa, ok := rr.(*dns.SOA); ok && dns.IsSubDomain(soa.Hdr.Name, name) {
				return dns.CanonicalName(soa.Hdr.Name), nil
			}
		}
	}
	return "", fmt.Errorf("find zone of %s: no SOA record at any parent, as %s see it: check the domain, or the solver's nameservers",
		fqdn, strings.Join(r.servers, ", "))
}

// authorities returns the zone's servers with their addresses.
func (r resolver) authorities(ctx context.Context, zone string, known []string) ([]server, error) {
	answer, err := r.ask(ctx, zone, dns.TypeNS)
	if err != nil {
		return nil, fmt.Errorf("find servers of zone %s: %w", zone, err)
	}
	var servers []server
	for _, rr := range answer.Answer {
		ns, ok := rr.(*dns.NS)
		if !ok {
			continue
		}
		name := dns.CanonicalName(ns.Ns)
		servers = append(servers, server{name, r.addresses(ctx, name, known)})
	}
	if len(servers) == 0 {
		return nil, fmt.Errorf("find servers of zone %s: it has no NS records, as %s see it", zone, strings.Join(r.servers, ", "))
	}
	slices.SortFunc(servers, func(a, b server) int { return strings.Compare(a.name, b.name) })
	return servers, context.Cause(ctx)
}

// addresses returns those of a server: port 53, or the port that one of the known servers with this address has. A
// lookup that fails gives none: many resolvers fail for AAAA alone.
func (r resolver) addresses(ctx context.Context, host string, known []string) []string {
	var all []string
	for _, kind := range []uint16{dns.TypeA, dns.TypeAAAA} {
		answer, err := r.ask(ctx, host, kind)
		if err != nil {
			continue
		}
		for _, rr := range answer.Answer {
			switch a := rr.(type) {
			case *dns.A:
				all = append(all, withPort(a.A.String(), known))
			case *dns.AAAA:
				all = append(all, withPort(a.AAAA.String(), known))
			}
		}
	}
	return all
}

func withPort(ip string, known []string) string {
	for _, address := range known {
		if host, _, err := net.SplitHostPort(address); err == nil && host == ip {
			return address
		}
	}
	return net.JoinHostPort(ip, "53")
}

// ask returns the first useful answer of the resolvers; each is asked twice before the question is given up.
func (r resolver) ask(ctx context.Context, name string, kind uint16) (*dns.Msg, error) {
	var failures []string
	for range 2 {
		for _, address := range r.servers {
			answer, err := query(ctx, address, name, kind, recursive)
			switch {
			case context.Cause(ctx) != nil:
				return nil, context.Cause(ctx)
			case err != nil:
				failures = append(failures, fmt.Sprintf("%s: %v", address, err))
			case answer.Rcode != dns.RcodeSuccess && answer.Rcode != dns.RcodeNameError:
				failures = append(failures, fmt.Sprintf("%s answers %s", address, dns.RcodeToString[answer.Rcode]))
			default:
				return answer, nil
			}
		}
	}
	slices.Sort(failures)
	return nil, fmt.Errorf("look up %s %s: %s", name, dns.TypeToString[kind], strings.Join(slices.Compact(failures), "; "))
}

// recursion says whether a server is asked for what it knows or for what it can find out.
type recursion bool

const (
	authoritative recursion = false
	recursive     recursion = true
)

// query asks one server by UDP, and again by TCP when the answer does not fit.
func query(ctx context.Context, address, name string, kind uint16, desired recursion) (*dns.Msg, error) {
	question := new(dns.Msg).SetQuestion(name, kind)
	question.RecursionDesired = bool(desired)
	question.SetEdns0(1232, false)
	client := dns.Client{Net: "udp", Timeout: exchangeFor}
	answer, _, err := client.ExchangeContext(ctx, question, address)
	if err == nil && answer.Truncated {
		client.Net = "tcp"
		answer, _, err = client.ExchangeContext(ctx, question, address)
	}
	return answer, err
}
