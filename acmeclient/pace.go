package acmeclient

import (
	"context"
	"time"
)

const (
	firstPoll = 5 * time.Millisecond
	lastPoll  = 5 * time.Second
)

// pace spaces the questions about one object of the CA: 5 ms, then each pause half as long again, up to 5 s, unless the
// CA asks for a longer one.
type pace struct {
	next time.Duration
}

// wait sleeps until the next question is due. asked is the CA's Retry-After.
func (p *pace) wait(ctx context.Context, asked time.Duration) error {
	if p.next == 0 {
		p.next = firstPoll
	}
	pause := max(p.next, asked)
	p.next = min(p.next*3/2, lastPoll)
	return sleep(ctx, pause)
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
