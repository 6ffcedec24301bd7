package dns01

import (
	"context"
	"sync"
	"time"
)

// turns gives each name to one holder at a time.
type turns struct {
	mu    sync.Mutex
	names map[string]*turn
}

type turn struct {
	token   chan struct{} // holding its one element is having the turn
	users   int
	notTill time.Time
}

// take waits for the name's turn. done gives it to the next one, who gets it no earlier than after rest.
func (t *turns) take(ctx context.Context, name string) (done func(rest time.Duration), err error) {
	tn := t.enter(name)
	select {
	case tn.token <- struct{}{}:
	case <-ctx.Done():
		t.leave(name, tn, 0)
		return nil, context.Cause(ctx)
	}
	done = func(rest time.Duration) {
		tn.notTill = time.Now().Add(rest)
		<-tn.token
		t.leave(name, tn, rest)
	}
	if err := sleep(ctx, time.Until(tn.notTill)); err != nil {
		done(time.Until(tn.notTill))
		return nil, err
	}
	return done, nil
}

func (t *turns) enter(name string) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.names == nil {
		t.names = map[string]*turn{}
	}
	tn := t.names[name]
	if tn == nil {
		tn = &turn{token: make(chan struct{}, 1)}
		t.names[name] = tn
	}
	tn.users++
	return tn
}

// leave forgets a name that nobody waits for, once its rest is over.
func (t *turns) leave(name string, tn *turn, rest time.Duration) {
	if rest > 0 {
		time.AfterFunc(rest, func() { t.leave(name, tn, 0) })
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if tn.users--; tn.users == 0 {
		delete(t.names, name)
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
