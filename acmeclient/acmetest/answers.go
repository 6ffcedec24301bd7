package acmetest

import (
	"net"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// maxAliases ends a loop of CNAMEs.
const maxAliases = 8

// ServeDNS implements [dns.Handler].
func (s *Server) ServeDNS(w dns.ResponseWriter, r *dns.Msg) {
	reply := new(dns.Msg).SetReply(r)
	switch {
	case r.Opcode == dns.OpcodeUpdate:
		reply.Rcode = s.dns.update(r, w.TsigStatus())
		if key := r.IsTsig(); key != nil && w.TsigStatus() == nil {
			reply.SetTsig(key.Hdr.Name, key.Algorithm, 300, int64(key.TimeSigned))
		}
	case r.Opcode == dns.OpcodeQuery && len(r.Question) == 1:
		s.dns.wait()
		s.answer(reply, dns.CanonicalName(r.Question[0].Name), r.Question[0].Qtype)
	default:
		reply.Rcode = dns.RcodeNotImplemented
	}
	_ = w.WriteMsg(reply) // a client that does not wait asks again
}

func (s *Server) answer(reply *dns.Msg, name string, kind uint16) {
	d := s.dns
	d.mu.Lock()
	defer d.mu.Unlock()
	reply.Authoritative = true
	for range maxAliases {
		target := d.cname[name]
		if target == "" || kind == dns.TypeCNAME {
			break
		}
		reply.Answer = append(reply.Answer, &dns.CNAME{Hdr: header(name, dns.TypeCNAME, 0), Target: target})
		name = target
	}
	zone := d.zoneOf(name)
	if zone == "" {
		if len(reply.Answer) == 0 {
			reply.Rcode = dns.RcodeRefused
		}
		return
	}
	found := s.find(zone, name, kind)
	reply.Answer = append(reply.Answer, found...)
	if len(found) > 0 {
		return
	}
	reply.Ns = []dns.RR{soa(zone)}
	if !s.exists(zone, name) {
		reply.Rcode = dns.RcodeNameError
	}
}

// zoneOf returns the zone that holds the name, or nothing.
func (d *DNS) zoneOf(name string) string {
	longest := ""
	for _, zone := range d.zones {
		if dns.IsSubDomain(zone, name) && len(zone) > len(longest) {
			longest = zone
		}
	}
	return longest
}

func (s *Server) find(zone, name string, kind uint16) []dns.RR {
	d := s.dns
	var found []dns.RR
	switch {
	case kind == dns.TypeSOA && name == zone:
		found = append(found, soa(zone))
	case kind == dns.TypeNS && name == zone:
		for _, other := range d.servers {
			found = append(found, &dns.NS{Hdr: header(zone, dns.TypeNS, 60), Ns: other.name(zone)})
		}
	case kind == dns.TypeA && d.address[name] != nil:
		found = append(found, &dns.A{Hdr: header(name, dns.TypeA, 0), A: d.address[name]})
	case kind == dns.TypeA:
		for _, other := range d.servers {
			if name == other.name(zone) {
				found = append(found, &dns.A{Hdr: header(name, dns.TypeA, 60), A: net.ParseIP(hostOf(other.number))})
			}
		}
	case kind == dns.TypeCNAME && d.cname[name] != "":
		found = append(found, &dns.CNAME{Hdr: header(name, dns.TypeCNAME, 0), Target: d.cname[name]})
	case kind == dns.TypeTXT && !d.hidden.holds(name) && !s.hidden.holds(name):
		for _, r := range d.txt[name] {
			found = append(found, &dns.TXT{Hdr: header(name, dns.TypeTXT, r.ttl), Txt: []string{r.value}})
		}
	}
	return found
}

// exists tells a name without a record of the wanted type from one that is not there at all (RFC 2308 §2).
func (s *Server) exists(zone, name string) bool {
	d := s.dns
	if name == zone || d.cname[name] != "" || d.address[name] != nil {
		return true
	}
	below := func(other string) bool { return dns.IsSubDomain(name, other) }
	for other := range d.txt {
		if below(other) && !d.hidden.holds(other) && !s.hidden.holds(other) {
			return true
		}
	}
	return slices.ContainsFunc(d.servers, func(other *Server) bool { return below(other.name(zone)) })
}

func (s *Server) name(zone string) string {
	return "ns" + hostOf(s.number)[len("127.0.0."):] + "." + zone
}

func soa(zone string) *dns.SOA {
	return &dns.SOA{
		Hdr: header(zone, dns.TypeSOA, 60), Ns: "ns1." + zone, Mbox: "hostmaster." + zone,
		Serial: 1, Refresh: 60, Retry: 60, Expire: 60, Minttl: 0,
	}
}

func header(name string, kind uint16, ttl uint32) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: kind, Class: dns.ClassINET, Ttl: ttl}
}

// update applies an RFC 2136 update and returns its result. Prerequisites are not used by any client here.
func (d *DNS) update(r *dns.Msg, signature error) int {
	key := r.IsTsig()
	if key == nil || signature != nil || len(r.Question) != 1 {
		return dns.RcodeRefused
	}
	zone := dns.CanonicalName(r.Question[0].Name)
	if !slices.Contains(d.zones, zone) {
		return dns.RcodeNotAuth
	}
	if !d.keys.may(key.Hdr.Name, zone) {
		return dns.RcodeRefused
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, rr := range r.Ns {
		if !dns.IsSubDomain(zone, dns.CanonicalName(rr.Header().Name)) {
			return dns.RcodeNotZone
		}
	}
	for _, rr := range r.Ns {
		d.change(rr)
	}
	d.updates++
	return dns.RcodeSuccess
}

// change applies one record of an update; its class says how (RFC 2136 §2.5).
func (d *DNS) change(rr dns.RR) {
	name := dns.CanonicalName(rr.Header().Name)
	record, isTXT := rr.(*dns.TXT)
	switch {
	case rr.Header().Class == dns.ClassANY:
		delete(d.txt, name)
	case !isTXT:
	case rr.Header().Class == dns.ClassNONE:
		d.drop(name, strings.Join(record.Txt, ""))
	default:
		value := strings.Join(record.Txt, "")
		d.drop(name, value)
		d.txt[name] = append(d.txt[name], txt{value, record.Hdr.Ttl})
	}
}

func (d *DNS) drop(name, value string) {
	d.txt[name] = slices.DeleteFunc(d.txt[name], func(r txt) bool { return r.value == value })
	if len(d.txt[name]) == 0 {
		delete(d.txt, name)
	}
}
