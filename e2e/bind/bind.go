package bind

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/wildcast/wildcast/e2e/internal/ports"
)

const keyName = "updates.bind."

// Options say which servers there are.
type Options struct {
	Zones []string
	Dir   string // for configurations, zones and logs
	// Secondary adds a second server that the zones' NS records name. It has the zones as they were at the start, and
	// transfers them again at Transfer only.
	Secondary bool
}

// BIND is one or two running servers, ns1 at 127.0.0.1 and ns2 at 127.0.0.2.
type BIND struct {
	ports              ports.Holder
	secret             string
	zones              []string
	names              map[string]string // of the servers, with their addresses
	primary, secondary *server
	relay              *relay // to the secondary
}

// Start returns when the servers answer for all zones.
func Start(ctx context.Context, o Options) (*BIND, error) {
	program, err := programs.Find()
	if err != nil {
		return nil, fmt.Errorf("start BIND: %w", err)
	}
	b := &BIND{secret: newSecret(), names: map[string]string{}}
	for _, zone := range o.Zones {
		b.zones = append(b.zones, dns.CanonicalName(zone))
	}
	if err := b.start(ctx, program, o); err != nil {
		b.Close()
		return nil, fmt.Errorf("start BIND: %w", err)
	}
	return b, nil
}

func (b *BIND) start(ctx context.Context, program string, o Options) error {
	ports, err := b.ports.Take(2)
	if err != nil {
		return err
	}
	b.names["ns1"] = "127.0.0.1"
	if o.Secondary {
		b.names["ns2"] = "127.0.0.2"
	}
	b.primary = &server{dir: filepath.Join(o.Dir, "ns1"), port: ports[0]}
	if err := b.primary.run(ctx, program, b); err != nil || !o.Secondary {
		return err
	}
	b.secondary = &server{dir: filepath.Join(o.Dir, "ns2"), port: ports[1], from: ports[0]}
	if err := b.secondary.run(ctx, program, b); err != nil {
		return err
	}
	b.relay, err = startRelay(net.JoinHostPort(b.names["ns2"], strconv.Itoa(ports[1])), b.secondary.addr())
	return err
}

// Close ends the servers.
func (b *BIND) Close() {
	if b.relay != nil {
		b.relay.close()
	}
	for _, s := range []*server{b.secondary, b.primary} {
		s.stop()
	}
	b.ports.Release()
}

// Addr is the primary's address, host:port.
func (b *BIND) Addr() string { return b.primary.addr() }

// Addrs are the addresses of all servers, for a solver's nameservers.
func (b *BIND) Addrs() []string {
	if b.relay == nil {
		return []string{b.Addr()}
	}
	return []string{b.Addr(), b.relay.tcp.Listener.Addr().String()}
}

// SolverEnv returns the settings with which lego's provider rfc2136 updates the zones.
func (b *BIND) SolverEnv() map[string]string {
	return map[string]string{
		"DNSUPDATE_NAMESERVER":     b.Addr(),
		"DNSUPDATE_TSIG_KEY":       keyName,
		"DNSUPDATE_TSIG_SECRET":    b.secret,
		"DNSUPDATE_TSIG_ALGORITHM": dns.HmacSHA256,
	}
}

// TXT returns the values that the primary has at a name.
func (b *BIND) TXT(ctx context.Context, fqdn string) ([]string, error) {
	answer, err := exchange(ctx, new(dns.Msg).SetQuestion(dns.Fqdn(fqdn), dns.TypeTXT), b.Addr())
	if err != nil {
		return nil, err
	}
	var values []string
	for _, rr := range answer.Answer {
		if txt, ok := rr.(*dns.TXT); ok {
			values = append(values, strings.Join(txt.Txt, ""))
		}
	}
	return values, nil
}

// Transfer tells the secondary that the zones have changed (RFC 1996), which the primary does not. It transfers them in
// its own time.
func (b *BIND) Transfer(ctx context.Context) error {
	for _, zone := range b.zones {
		if _, err := exchange(ctx, new(dns.Msg).SetNotify(zone), b.secondary.addr()); err != nil {
			return fmt.Errorf("notify %s of zone %s: %w", b.secondary.addr(), zone, err)
		}
	}
	return nil
}

func exchange(ctx context.Context, question *dns.Msg, address string) (*dns.Msg, error) {
	client := dns.Client{Timeout: 2 * time.Second}
	answer, _, err := client.ExchangeContext(ctx, question, address)
	if err == nil && answer.Rcode != dns.RcodeSuccess && answer.Rcode != dns.RcodeNameError {
		err = fmt.Errorf("%s answers %s", address, dns.RcodeToString[answer.Rcode])
	}
	return answer, err
}

func newSecret() string {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	return base64.StdEncoding.EncodeToString(secret)
}

func (s *server) addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }
