package dns01_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/wildcast/wildcast/acmeclient"
	"github.com/wildcast/wildcast/acmeclient/acmetest"
	"github.com/wildcast/wildcast/acmeclient/acmetest/testchild"
	"github.com/wildcast/wildcast/acmeclient/dns01"
)

func TestMain(m *testing.M) {
	testchild.Main()
	os.Exit(m.Run())
}

const (
	token            = "TOKEN-of-the-challenge"
	keyAuthorization = token + ".THUMBPRINT-of-the-account"
)

// world is a DNS and a pool of children that update it.
type world struct {
	t    testing.TB
	dns  *acmetest.DNS
	pool *dns01.Pool
	logs *observer.ObservedLogs
}

func newWorld(t testing.TB, cfg dns01.Config) *world {
	t.Helper()
	d, err := acmetest.StartDNS("a.test", "b.test", "sub.a.test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	core, logs := observer.New(zapcore.DebugLevel)
	cfg.Log = zap.New(core)
	if cfg.Command == "" {
		cfg.Command = testchild.Command()
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 30 * time.Second
	}
	w := &world{t: t, dns: d, pool: dns01.NewPool(cfg), logs: logs}
	t.Cleanup(w.pool.Close)
	return w
}

func (w *world) settings() dns01.Settings {
	return dns01.Settings{Name: "test", Provider: "rfc2136", Env: w.dns.SolverEnv(), Nameservers: w.dns.Addrs(), FollowCNAME: true}
}

func challenge(domain string) acmeclient.Challenge {
	return acmeclient.Challenge{Type: acmeclient.DNS01, Domain: domain, Token: token, KeyAuthorization: keyAuthorization}
}

// children returns the process ids of the children started so far.
func (w *world) children() []int {
	var pids []int
	for _, entry := range w.logs.FilterMessage("Started DNS child").All() {
		pids = append(pids, int(entry.ContextMap()["pid"].(int64)))
	}
	return pids
}

func (w *world) clean() {
	w.t.Helper()
	if left := w.dns.Records(); len(left) > 0 {
		w.t.Errorf("records left behind: %v", left)
	}
}

// eventually waits until done says so, for things that another process does in its own time.
func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func says(t testing.TB, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one that says %q", words)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q does not say %q", err, word)
		}
	}
}

// heard is a Waiting that remembers.
type heard struct {
	mu    sync.Mutex
	lines []string
}

func (h *heard) waiting(m dns01.Missing) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lines = append(h.lines, strings.TrimSpace(m.FQDN+" "+strings.Join(m.Servers, " ")+" "+m.Create))
}

func (h *heard) all() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string(nil), h.lines...)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func errorAs[E error](t testing.TB, err error) E {
	t.Helper()
	e, ok := errors.AsType[E](err)
	if !ok {
		t.Fatalf("error is %T (%v), want %T", err, err, e)
	}
	return e
}
