package acmetest

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"

	"github.com/miekg/dns"
)

const keyAlgorithm = dns.HmacSHA256

// DNS is an authoritative server for some zones on 127.0.0.1, by UDP and TCP. It takes RFC 2136 updates that are signed
// with its key, and follows its own CNAMEs like a resolver. Use [StartDNS].
type DNS struct {
	zones   []string
	port    string
	keys    *keyring
	own     Key
	servers []*Server // the first is ns1

	mu      sync.Mutex
	txt     map[string][]txt
	cname   map[string]string
	address map[string]net.IP
	hidden  hidden
	updates int
	held    chan struct{} // nil: questions are answered at once
}

type txt struct {
	value string
	ttl   uint32
}

// Record is one TXT record.
type Record struct {
	FQDN, Value string
}

// StartDNS starts a server for the zones. Each has a SOA record and an NS record ns1.<zone>, which is this server.
func StartDNS(zones ...string) (*DNS, error) {
	if len(zones) == 0 {
		return nil, errors.New("start DNS: give at least one zone")
	}
	d := &DNS{keys: &keyring{}, txt: map[string][]txt{}, cname: map[string]string{}, address: map[string]net.IP{}, hidden: hidden{}}
	for _, zone := range zones {
		d.zones = append(d.zones, dns.CanonicalName(zone))
	}
	d.own = d.keys.add(nil)
	for range 20 { // the port has to be free for TCP and UDP
		if s, err := d.listen("127.0.0.1:0", 1); err == nil {
			d.servers = []*Server{s}
			_, d.port, _ = net.SplitHostPort(s.addr)
			return d, nil
		}
	}
	return nil, errors.New("start DNS: found no free port on 127.0.0.1")
}

// Close stops all servers.
func (d *DNS) Close() {
	d.mu.Lock()
	servers := slices.Clone(d.servers)
	d.mu.Unlock()
	for _, s := range servers {
		s.close()
	}
}

// Addr returns the address of the first server, host:port.
func (d *DNS) Addr() string { return d.servers[0].addr }

// Addrs returns the addresses of all servers, for a solver's nameservers.
func (d *DNS) Addrs() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []string
	for _, s := range d.servers {
		all = append(all, s.addr)
	}
	return all
}

// TSIG returns the key that may update every zone that no other key has.
func (d *DNS) TSIG() (name, secretBase64, algorithm string) {
	return d.own.Name, d.own.Secret, keyAlgorithm
}

// SolverEnv returns the settings with which lego's provider rfc2136 updates this server.
func (d *DNS) SolverEnv() map[string]string { return d.own.env(d.Addr()) }

// Account makes another key, which alone may update the zones, and returns the settings for it: an account of its own
// at the DNS provider.
func (d *DNS) Account(zones ...string) map[string]string {
	var canonical []string
	for _, zone := range zones {
		canonical = append(canonical, dns.CanonicalName(zone))
	}
	return d.keys.add(canonical).env(d.Addr())
}

// TXT returns the values that were put at a name, also when they are hidden.
func (d *DNS) TXT(fqdn string) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var values []string
	for _, r := range d.txt[dns.CanonicalName(fqdn)] {
		values = append(values, r.value)
	}
	return values
}

// AddTXT puts a value at a name beside what is there, as a vendor does whose service is not RFC 2136.
func (d *DNS) AddTXT(fqdn, value string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	name := dns.CanonicalName(fqdn)
	d.txt[name] = append(d.txt[name], txt{value: value})
}

// RemoveTXT takes one value away from a name.
func (d *DNS) RemoveTXT(fqdn, value string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.drop(dns.CanonicalName(fqdn), value)
}

// Records returns all TXT records there are, sorted, also when they are hidden.
func (d *DNS) Records() []Record {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []Record
	for name, set := range d.txt {
		for _, r := range set {
			all = append(all, Record{name, r.value})
		}
	}
	slices.SortFunc(all, func(a, b Record) int { return strings.Compare(a.FQDN+a.Value, b.FQDN+b.Value) })
	return all
}

// SetCNAME makes fqdn an alias of target; an empty target removes it.
func (d *DNS) SetCNAME(fqdn, target string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if target == "" {
		delete(d.cname, dns.CanonicalName(fqdn))
		return
	}
	d.cname[dns.CanonicalName(fqdn)] = dns.CanonicalName(target)
}

// SetAddress gives a name an A record.
func (d *DNS) SetAddress(fqdn, ip string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.address[dns.CanonicalName(fqdn)] = net.ParseIP(ip)
}

// Hide keeps the TXT records at the names, or all, out of every server's answers; updates go on.
func (d *DNS) Hide(fqdns ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hidden.add(fqdns)
}

// Show ends Hide.
func (d *DNS) Show() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.hidden)
}

// Hold keeps every question waiting, the CA's own too, until release is called; updates go on. Where a CA has to be
// found undecided, it cannot decide before.
func (d *DNS) Hold() (release func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.held == nil { // who waits already is let go by the same release
		d.held = make(chan struct{})
	}
	held := d.held
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.held == held {
			d.held = nil
			close(held)
		}
	}
}

// wait returns when no question is held.
func (d *DNS) wait() {
	d.mu.Lock()
	held := d.held
	d.mu.Unlock()
	if held != nil {
		<-held
	}
}

// Updates returns how many updates were accepted.
func (d *DNS) Updates() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.updates
}

// hidden is a set of names; "" stands for all.
type hidden map[string]bool

func (h hidden) add(fqdns []string) {
	if len(fqdns) == 0 {
		h[""] = true
	}
	for _, fqdn := range fqdns {
		h[dns.CanonicalName(fqdn)] = true
	}
}

func (h hidden) holds(fqdn string) bool { return h[""] || h[fqdn] }

// Server is one of the servers that the zones' NS records name.
type Server struct {
	dns      *DNS
	addr     string
	number   int
	udp, tcp *dns.Server
	hidden   hidden // guarded by the DNS's lock
}

// AddServer starts one more authoritative server, ns2.<zone> at 127.0.0.2 and so on, on the first one's port.
func (d *DNS) AddServer() (*Server, error) {
	d.mu.Lock()
	number := len(d.servers) + 1
	d.mu.Unlock()
	s, err := d.listen(net.JoinHostPort(hostOf(number), d.port), number)
	if err != nil {
		return nil, fmt.Errorf("start DNS server %d: %w", number, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.servers = append(d.servers, s)
	return s, nil
}

func hostOf(number int) string { return fmt.Sprintf("127.0.0.%d", number) }

// Addr returns the server's address, host:port.
func (s *Server) Addr() string { return s.addr }

// Hide keeps the TXT records at the names, or all, out of this server's answers: it lags behind the others.
func (s *Server) Hide(fqdns ...string) {
	s.dns.mu.Lock()
	defer s.dns.mu.Unlock()
	s.hidden.add(fqdns)
}

// Show ends Hide.
func (s *Server) Show() {
	s.dns.mu.Lock()
	defer s.dns.mu.Unlock()
	clear(s.hidden)
}

func (d *DNS) listen(address string, number int) (*Server, error) {
	tcp, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	udp, err := net.ListenPacket("udp", tcp.Addr().String())
	if err != nil {
		tcp.Close()
		return nil, err
	}
	s := &Server{dns: d, addr: tcp.Addr().String(), number: number, hidden: hidden{}}
	s.udp = s.serve(&dns.Server{PacketConn: udp})
	s.tcp = s.serve(&dns.Server{Listener: tcp})
	return s, nil
}

// serve starts one listener and returns when it takes questions.
func (s *Server) serve(server *dns.Server) *dns.Server {
	ready := make(chan struct{})
	server.Handler = s
	server.TsigProvider = s.dns.keys
	server.MsgAcceptFunc = func(dns.Header) dns.MsgAcceptAction { return dns.MsgAccept } // the default refuses updates
	server.NotifyStartedFunc = func() { close(ready) }
	go func() { _ = server.ActivateAndServe() }() // ends with Shutdown
	<-ready
	return server
}

func (s *Server) close() {
	_ = s.udp.Shutdown()
	_ = s.tcp.Shutdown()
}

func newSecret() string {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	return base64.StdEncoding.EncodeToString(secret)
}
