package child_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wildcast/wildcast/acmeclient/dns01/child"
	"github.com/wildcast/wildcast/acmeclient/dns01/wire"
)

// vendor is where the providers of a test write; each provider knows only the records that it made itself.
type vendor struct {
	mu      sync.Mutex
	records []string
	opened  int
	fail    func(op, domain string) error
}

type provider struct {
	*vendor
	mine string
}

func (v *vendor) open() (child.Provider, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.opened++
	return &provider{vendor: v}, nil
}

func (p *provider) Present(domain, _, _ string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.failure("present", domain); err != nil {
		return err
	}
	p.mine = domain
	p.records = append(p.records, domain)
	return nil
}

func (p *provider) CleanUp(domain, _, _ string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.failure("cleanup", domain); err != nil {
		return err
	}
	if p.mine != domain {
		return errors.New("unknown record of " + domain)
	}
	p.records = slices.DeleteFunc(p.records, func(r string) bool { return r == domain })
	return nil
}

func (p *provider) Timeout() (timeout, interval time.Duration) { return time.Minute, time.Second }

func (p *provider) failure(op, domain string) error {
	if p.fail == nil {
		return nil
	}
	return p.fail(op, domain)
}

func (v *vendor) left() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.records)
}

// session is a running child and the parent's ends of its pipes.
type session struct {
	t     *testing.T
	in    *io.PipeWriter
	lines *json.Decoder
	hello wire.Hello
	ended chan error
	id    uint64
}

func start(t *testing.T, ctx context.Context, open func() (child.Provider, error)) *session {
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	s := &session{t: t, in: inW, lines: json.NewDecoder(outR), ended: make(chan error, 1)}
	go func() {
		s.ended <- child.Serve(ctx, inR, outW, open)
		inR.Close()
		outW.Close()
	}()
	if err := s.lines.Decode(&s.hello); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *session) send(op, domain string) {
	s.id++
	line, _ := json.Marshal(wire.Request{ID: s.id, Op: op, Domain: domain, Token: "t", KeyAuthorization: "k"})
	_, _ = s.in.Write(append(line, '\n')) // a child that has ended reads nothing
}

func (s *session) do(op, domain string) string {
	s.t.Helper()
	s.send(op, domain)
	var reply wire.Reply
	if err := s.lines.Decode(&reply); err != nil || reply.ID != s.id {
		s.t.Fatalf("reply %+v, %v", reply, err)
	}
	return reply.Error
}

func TestTheParentsDeathTakesEverythingBackAfterTheCAHasHadAMomentToLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{}
		s := start(t, t.Context(), v.open)
		s.do(wire.Present, "a.test")
		s.do(wire.Present, "b.test")
		begin := time.Now()
		s.in.Close()
		synctest.Wait()
		if len(v.left()) != 2 {
			t.Errorf("records are %v right after the parent's death, want both", v.left())
		}
		if err := <-s.ended; err != nil || len(v.left()) != 0 {
			t.Errorf("ended with %v and records %v", err, v.left())
		}
		if d := time.Since(begin); d != 3*time.Second {
			t.Errorf("ended after %s, want 3 s", d)
		}
	})
}

func TestStopTakesEverythingBackAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{}
		s := start(t, t.Context(), v.open)
		s.do(wire.Present, "a.test")
		begin := time.Now()
		s.send(wire.Stop, "")
		if err := <-s.ended; err != nil || len(v.left()) != 0 || time.Since(begin) != 0 {
			t.Errorf("ended with %v and records %v after %s", err, v.left(), time.Since(begin))
		}
	})
}

func TestTheContextsEndTakesEverythingBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &vendor{}
		ctx, cancel := context.WithCancel(t.Context())
		s := start(t, ctx, v.open)
		s.do(wire.Present, "a.test")
		cancel()
		if err := <-s.ended; err != nil || len(v.left()) != 0 {
			t.Errorf("ended with %v and records %v", err, v.left())
		}
		s.in.Close()
	})
}

func TestARecordIsCleanedUpByTheProviderThatMadeIt(t *testing.T) {
	v := &vendor{}
	s := start(t, t.Context(), v.open)
	for _, domain := range []string{"a.test", "b.test"} {
		if text := s.do(wire.Present, domain); text != "" {
			t.Error(text)
		}
	}
	for _, domain := range []string{"a.test", "b.test"} {
		if text := s.do(wire.CleanUp, domain); text != "" {
			t.Error(text)
		}
	}
	if text := s.do(wire.CleanUp, "c.test"); text != "unknown record of c.test" {
		t.Errorf("reply is %q", text)
	}
	s.send(wire.Stop, "")
	if err := <-s.ended; err != nil {
		t.Error(err)
	}
}

func TestARecordThatIsTakenAwayWhileItIsStillBeingMadeIsGone(t *testing.T) {
	v := &vendor{}
	s := start(t, t.Context(), v.open)
	go func() {
		for range 400 {
			_ = s.lines.Decode(&wire.Reply{})
		}
	}()
	for i := range 200 {
		domain := fmt.Sprintf("%d.test", i)
		s.send(wire.Present, domain)
		s.send(wire.CleanUp, domain) // the order was given up
	}
	s.send(wire.Stop, "")
	if err := <-s.ended; err != nil || len(v.left()) != 0 {
		t.Errorf("ended with %v and records %v", err, v.left())
	}
}

func TestARecordThatCouldNotBeRemovedIsTriedAgainAtTheEndAndReported(t *testing.T) {
	v := &vendor{}
	v.fail = func(op, _ string) error {
		if op == "cleanup" {
			return errors.New("no")
		}
		return nil
	}
	s := start(t, t.Context(), v.open)
	s.do(wire.Present, "a.test")
	if text := s.do(wire.CleanUp, "a.test"); text != "no" {
		t.Errorf("reply is %q", text)
	}
	s.send(wire.Stop, "")
	if err := <-s.ended; err == nil || len(v.left()) != 1 {
		t.Errorf("ended with %v and records %v", err, v.left())
	}
}

func TestAProviderThatFailsOrPanicsIsReported(t *testing.T) {
	v := &vendor{}
	v.fail = func(op, domain string) error {
		switch {
		case op == "present" && domain == "panic.test":
			panic("index out of range")
		case op == "present":
			return errors.New("quota exceeded")
		}
		return nil
	}
	s := start(t, t.Context(), v.open)
	if text := s.do(wire.Present, "panic.test"); text != "the provider panicked: index out of range" {
		t.Errorf("reply is %q", text)
	}
	if text := s.do(wire.Present, "a.test"); text != "quota exceeded" {
		t.Errorf("reply is %q", text)
	}
	if text := s.do("dance", "a.test"); text != `operation "dance" is unknown` {
		t.Errorf("reply is %q", text)
	}
	s.in.Close()
	if err := <-s.ended; err != nil {
		t.Error(err)
	}
}

func TestHelloTellsWhatKindOfProviderItIs(t *testing.T) {
	v := &vendor{}
	s := start(t, t.Context(), v.open)
	if s.hello.Sequential || s.hello.Timeout != time.Minute || s.hello.Error != "" {
		t.Errorf("hello is %+v", s.hello)
	}
	s.in.Close()
	<-s.ended
}

func TestSettingsThatDoNotDoAreReportedInHello(t *testing.T) {
	var out bytes.Buffer
	open := func() (child.Provider, error) { return nil, errors.New("CF_DNS_API_TOKEN is missing") }
	if err := child.Serve(t.Context(), bytes.NewReader(nil), &out, open); err != nil {
		t.Error(err)
	}
	var hello wire.Hello
	if err := json.Unmarshal(out.Bytes(), &hello); err != nil || hello.Error != "CF_DNS_API_TOKEN is missing" {
		t.Errorf("hello is %+v, %v", hello, err)
	}
}
