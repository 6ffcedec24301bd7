package acmeclient

import (
	"context"
	"time"
)

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
