package dns01

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/wildcast/wildcast/acmeclient"
)

// Config says how a pool works. The zero value of each duration stands for its default.
type Config struct {
	// Command is the path of the child program, wildcast-dns01.
	Command string
	// Nameservers are those of settings that name none; none: the system's.
	Nameservers []string
	// Log hears of children that start and end, and of records that could not be taken away. Nil: nobody does.
	Log *zap.Logger
	// Timeout is how long a record may take to become visible; default: what the provider says, at least 2 min. The
	// provider's own *_PROPAGATION_TIMEOUT, if the settings hold it, overrules both.
	Timeout time.Duration
	// Waiting is after how long a record that is still missing is reported, at most half of Timeout; and for how long one
	// that an administrator has to create is looked for. Default 5 s.
	Waiting time.Duration
	// Idle is how long a child without work is kept; default 10 s.
	Idle time.Duration
	// Stop is how long Close waits for the children to take back what they presented; default 30 s.
	Stop time.Duration
}

func (c Config) withDefaults() Config {
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	for _, d := range []struct {
		value    *time.Duration
		standard time.Duration
	}{{&c.Waiting, 5 * time.Second}, {&c.Idle, 10 * time.Second}, {&c.Stop, 30 * time.Second}} {
		if *d.value == 0 {
			*d.value = d.standard
		}
	}
	return c
}

// Waiting is told of a record that is still missing after a while, and again when the servers that lack it change. Of a
// record that an administrator has to create it is told at once.
type Waiting func(Missing)

// Pool owns the DNS children of the process. It is safe for concurrent use.
type Pool struct {
	cfg   Config
	turns turns

	mu       sync.Mutex
	closed   bool
	children map[[sha256.Size]byte]*child // those that take work
	alive    map[*child]struct{}          // those whose process has not ended
	running  sync.WaitGroup
}

// errClosed is what a pool says after Close.
var errClosed = errors.New("the DNS children have been ended: the process is stopping")

// NewPool returns a pool without children; each starts when it is first needed.
func NewPool(cfg Config) *Pool {
	return &Pool{
		cfg:      cfg.withDefaults(),
		children: map[[sha256.Size]byte]*child{},
		alive:    map[*child]struct{}{},
	}
}

// Solver answers DNS-01 and DNS-PERSIST-01 challenges with the settings whose zone is the longest that holds the name; settings without
// zones take the names that no zone holds. waiting may be nil. The settings are expected to be valid.
//
// The errors are [*NoSolverError], [*ProviderError], [*NotVisibleError] or the context's.
func (p *Pool) Solver(settings []Settings, waiting Waiting) acmeclient.Solver {
	if waiting == nil {
		waiting = func(Missing) {}
	}
	settings = slices.Clone(settings)
	for i := range settings {
		if len(settings[i].Nameservers) == 0 {
			settings[i].Nameservers = p.cfg.Nameservers
		}
	}
	return &solver{pool: p, settings: settings, waiting: waiting}
}

// Abandon kills the children. What they presented stays for whoever carries on with the orders, perhaps at this moment.
func (p *Pool) Abandon() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.kill()
}

// Close ends the children: each takes back what it presented and exits. It returns when all have, or kills those that
// have not within Config.Stop.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	for _, c := range p.children {
		c.retire()
	}
	p.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), p.cfg.Stop)
	defer cancel()
	stop := context.AfterFunc(ctx, p.kill)
	defer stop()
	p.running.Wait()
}
