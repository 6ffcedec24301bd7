package acmeclient

import (
	"context"
	"net"
	"time"
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

// RetryAfter reads the header.
var RetryAfter = retryAfter
