package acmeclient

import (
	"context"
	"net"
	"time"

	"github.com/go-acme/lego/v4/acme"
)

// DialWith makes the client speak to whom dial leads to, without TLS.
func (c *Client) DialWith(dial func() net.Conn) {
	c.transport.Proxy = nil
	c.transport.DialTLSContext = func(context.Context, string, string) (net.Conn, error) { return dial(), nil }
}

// Pauses returns the first n pauses between questions about one object, when the CA asks for asked.
func Pauses(ctx context.Context, n int, asked time.Duration) []time.Duration {
	var p pace
	var all []time.Duration
	for range n {
		start := time.Now()
		_ = p.wait(ctx, asked)
		all = append(all, time.Since(start))
	}
	return all
}

// Preferred returns the URL of the chain that is chosen among those in PEM at the URLs.
func Preferred(chains map[string][]byte, commonName string) string {
	offered := map[string]*acme.RawCertificate{}
	for url, chain := range chains {
		offered[url] = &acme.RawCertificate{Cert: chain}
	}
	return preferred(offered, commonName)
}

// RetryAfter reads the header.
var RetryAfter = retryAfter
