// Package child is the inside of the DNS child process: it makes and takes away TXT records as its parent asks, and
// takes back all that is left when the parent goes, however it goes.
//
// The program around it gives it the DNS providers, so that a test can run it with one of them and cmd/wildcast-dns01
// with all.
package child

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/wildcast/wildcast/acmeclient/dns01/wire"
)

const (
	// farewell bounds taking back what is left at the end.
	farewell = 2 * time.Minute
	// linger is how long the records of a parent that has died are kept: the CA may be looking at them, and would fail
	// an order that the next process could have finished.
	linger = 3 * time.Second
)

// Provider is what lego's DNS providers have in common.
type Provider interface {
	Present(domain, token, keyAuth string) error
	CleanUp(domain, token, keyAuth string) error
}

// Serve reads requests from in and writes replies to out until it is told to stop, or in or ctx ends, then takes back
// every record that is still there. open makes a provider from the process's environment: one per record, since providers keep in
// themselves what they must know to remove it. The error says what was left behind.
func Serve(ctx context.Context, in io.Reader, out io.Writer, open func() (Provider, error)) error {
	s := &service{open: open, out: json.NewEncoder(out), records: map[wire.Request]*record{}}
	if err := s.greet(); err != nil {
		return err
	}
	requests := make(chan wire.Request)
	go read(in, requests) // ends with the process when in does not: reading cannot be given up
	for {
		select {
		case request, ok := <-requests:
			if !ok {
				s.linger(ctx)
				return s.takeBack()
			}
			if request.Op == wire.Stop {
				return s.takeBack()
			}
			r, turn, done := s.enter(key(request))
			s.working.Go(func() {
				<-turn
				defer done()
				s.reply(r, request)
			})
		case <-ctx.Done():
			return s.takeBack()
		}
	}
}

func read(in io.Reader, requests chan<- wire.Request) {
	defer close(requests)
	lines := json.NewDecoder(in)
	for {
		var request wire.Request
		if lines.Decode(&request) != nil {
			return
		}
		requests <- request
		if request.Op == wire.Stop {
			return
		}
	}
}

type service struct {
	open    func() (Provider, error)
	working sync.WaitGroup

	writing sync.Mutex
	out     *json.Encoder

	mu      sync.Mutex
	records map[wire.Request]*record // by key
}

// record is one TXT record and the provider that knows it. The operations on it are done in the order in which they were
// asked for: a parent that changes its mind asks for the second while the first is under way.
type record struct {
	provider  Provider
	presented bool
	last      chan struct{} // closed when the operation that was asked for last is done; guarded by the service's lock
}

// greet tells the parent whether the settings do, and what kind of provider they name.
func (s *service) greet() error {
	provider, err := s.open()
	if err != nil {
		return s.say(wire.Hello{Error: err.Error()})
	}
	hello := wire.Hello{}
	if p, ok := provider.(interface{ Sequential() time.Duration }); ok {
		_, hello.Sequential = p.Sequential(), true
	}
	if p, ok := provider.(interface {
		Timeout() (timeout, interval time.Duration)
	}); ok {
		hello.Timeout, _ = p.Timeout()
	}
	return s.say(hello)
}

func (s *service) say(line any) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.out.Encode(line)
}

func (s *service) reply(r *record, request wire.Request) {
	reply := wire.Reply{ID: request.ID}
	if err := s.do(r, request); err != nil {
		reply.Error = err.Error()
	}
	_ = s.say(reply) // a parent that has gone reads nothing; the end of in tells so too
}

func (s *service) do(r *record, request wire.Request) error {
	switch request.Op {
	case wire.Present:
		return s.present(r, request)
	case wire.CleanUp:
		return s.cleanUp(r, request)
	default:
		return fmt.Errorf("operation %q is unknown", request.Op)
	}
}

// key is what tells records apart.
func key(request wire.Request) wire.Request {
	return wire.Request{Domain: request.Domain, Token: request.Token, KeyAuthorization: request.KeyAuthorization}
}

// enter puts an operation on a record behind those that were asked for before: it may begin at its turn, and ends with done.
func (s *service) enter(k wire.Request) (r *record, turn <-chan struct{}, done func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r = s.records[k]
	if r == nil {
		r = &record{last: make(chan struct{})}
		close(r.last)
		s.records[k] = r
	}
	turn, r.last = r.last, make(chan struct{})
	own := r.last
	return r, turn, func() { s.leave(k, r, own) }
}

// leave forgets a record that is not there, unless more is to be done about it.
func (s *service) leave(k wire.Request, r *record, own chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.last == own && !r.presented {
		delete(s.records, k)
	}
	close(own)
}

// present makes the record. A provider that fails half way may have made it all the same, so that it is asked to take
// it away.
func (s *service) present(r *record, request wire.Request) (err error) {
	if r.provider == nil {
		if r.provider, err = s.open(); err != nil {
			return err
		}
	}
	r.presented = true
	if err := guarded(r.provider.Present, request); err != nil {
		_ = guarded(r.provider.CleanUp, request) // what could not be made can seldom be removed
		r.provider, r.presented = nil, false
		return err
	}
	return nil
}

// cleanUp takes the record away. One that another process made is looked for under its name and value.
func (s *service) cleanUp(r *record, request wire.Request) (err error) {
	if r.provider == nil {
		if r.provider, err = s.open(); err != nil {
			return err
		}
	}
	err = guarded(r.provider.CleanUp, request)
	if err == nil || !r.presented { // one that is there is kept for another try
		r.provider, r.presented = nil, false
	}
	return err
}

// guarded turns a provider's panic into an error: it must not leave the other orders' records behind.
func guarded(operation func(domain, token, keyAuth string) error, r wire.Request) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the provider panicked: %v", p)
		}
	}()
	return operation(r.Domain, r.Token, r.KeyAuthorization)
}

// linger waits while there are records that a CA may be looking at.
func (s *service) linger(ctx context.Context) {
	s.working.Wait()
	if len(s.left()) == 0 {
		return
	}
	select {
	case <-time.After(linger):
	case <-ctx.Done():
	}
}

// takeBack waits for the operations in flight and removes what is left, one record after another, as providers that
// rewrite a whole zone need it.
func (s *service) takeBack() error {
	done := make(chan error, 1)
	go func() {
		s.working.Wait()
		done <- s.removeAll()
	}()
	select {
	case err := <-done:
		return err
	case <-time.After(farewell):
		return fmt.Errorf("records were left behind: the provider did not answer within %s", farewell)
	}
}

func (s *service) removeAll() error {
	var failures []error
	for k, r := range s.left() {
		if err := s.cleanUp(r, k); err != nil {
			failures = append(failures, fmt.Errorf("left record of %s behind: %w", k.Domain, err))
		}
	}
	return errors.Join(failures...)
}

// left returns the records that are there. Nothing works on them any more.
func (s *service) left() map[wire.Request]*record {
	s.mu.Lock()
	defer s.mu.Unlock()
	left := map[wire.Request]*record{}
	for k, r := range s.records {
		if r.presented {
			left[k] = r
		}
	}
	return left
}
