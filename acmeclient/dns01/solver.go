package dns01

import (
	"context"
	"time"

	"github.com/wildcast/wildcast/acmeclient"
	"github.com/wildcast/wildcast/acmeclient/dns01/wire"
)

const (
	// removeLimit bounds taking a record away when the caller's context has ended.
	removeLimit = time.Minute
	// maxRest bounds how long a replaced record may live on in the cache of a CA's resolver. Let's Encrypt's keep
	// nothing for longer.
	maxRest = time.Minute
)

// solver is a pool's view of some solvers' settings.
type solver struct {
	pool     *Pool
	settings []Settings
	waiting  Waiting
}

// record is one TXT record on its way: presented or about to be.
type record struct {
	*solver
	s       *Settings
	ch      acmeclient.Challenge
	child   *child
	where   place
	judge   judge  // tells this record from others
	create  string // the text that somebody has to give it, where nobody here makes it
	ttl     time.Duration
	found   bool // it was there, and the provider would not make it again
	endTurn func(rest time.Duration)
}

// Type implements [acmeclient.Solver].
func (v *solver) Type(domain string) string {
	if s := choose(v.settings, domain); s != nil && s.persists() {
		return acmeclient.DNSPersist01
	}
	return acmeclient.DNS01
}

// Present implements [acmeclient.Solver].
func (v *solver) Present(ctx context.Context, ch acmeclient.Challenge) (func(context.Context) error, error) {
	if ch.Type == acmeclient.DNSPersist01 {
		return v.find(ctx, ch)
	}
	r, err := v.begin(ctx, ch)
	if err != nil {
		return nil, err
	}
	if err := r.present(ctx); err != nil {
		return nil, err
	}
	if err := r.await(ctx); err != nil {
		r.removeLate(ctx)
		return nil, err
	}
	return r.remove, nil
}

// begin returns a record that nothing has been done to yet, with its child, its place and its turn.
func (v *solver) begin(ctx context.Context, ch acmeclient.Challenge) (*record, error) {
	s := choose(v.settings, ch.Domain)
	if s == nil {
		return nil, &NoSolverError{Domain: ch.Domain, Zones: zonesOf(v.settings)}
	}
	r := &record{solver: v, s: s, ch: ch, judge: exactly(ch.TXT()), endTurn: func(time.Duration) {}}
	c, err := v.pool.acquire(s)
	if err != nil {
		return nil, r.fault("start", err)
	}
	r.child = c
	if err := r.prepare(ctx); err != nil {
		r.finish()
		return nil, err
	}
	return r, nil
}

// prepare finds out where the record goes while the child starts, and waits for the name's turn.
func (r *record) prepare(ctx context.Context) error {
	if err := r.locate(ctx); err != nil {
		return err
	}
	if err := r.child.ready(ctx); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		return r.fault("start", err)
	}
	if !r.child.hello.Sequential {
		return nil
	}
	endTurn, err := r.pool.turns.take(ctx, "name "+r.where.fqdn)
	if err != nil {
		return err
	}
	r.endTurn = endTurn
	return nil
}

// locate finds out where the record goes. Where a CNAME leads into a zone that another solver names, that one takes over:
// the account at which the name itself is kept need not be the one that may write there.
func (r *record) locate(ctx context.Context) (err error) {
	if r.where, err = locate(ctx, r.s, fqdnOf(r.ch.Domain)); err != nil {
		return err
	}
	heir := delegate(r.settings, r.s, r.where.fqdn)
	if heir == r.s || r.where.fqdn == fqdnOf(r.ch.Domain) {
		return nil
	}
	c, err := r.pool.acquire(heir)
	if err != nil {
		return r.fault("start", err)
	}
	r.pool.release(r.s, r.child)
	r.s, r.child = heir, c
	r.where, err = locate(ctx, r.s, fqdnOf(r.ch.Domain))
	return err
}

// present asks the child to make the record. When ctx ends meanwhile the record may still come, so it is taken away
// once it has.
func (r *record) present(ctx context.Context) error {
	replied, err := r.mutate(ctx, r.child, wire.Present)
	if replied && err != nil && r.visible(ctx) {
		// A process that was killed left it, and many vendors make no record twice. Cleaning up after the provider may
		// have taken it away just now; where it cannot be made yet, it is still there.
		replied, err = r.mutate(ctx, r.child, wire.Present)
		r.found = replied && err != nil
	}
	if err == nil || r.found {
		return nil
	}
	if replied { // the child has cleaned up after the provider
		r.finish()
		return r.fault("present "+r.where.fqdn, err)
	}
	if cause := context.Cause(ctx); cause != nil {
		r.pool.running.Go(func() { r.removeLate(ctx) })
		return cause
	}
	r.removeLate(ctx)
	return r.fault("present "+r.where.fqdn, err)
}
