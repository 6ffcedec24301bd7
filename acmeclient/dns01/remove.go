package dns01

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/wildcast/wildcast/acmeclient"
	"github.com/wildcast/wildcast/acmeclient/dns01/wire"
)

// removals are the pauses before a record that the provider did not take away is tried again.
func removals() []time.Duration {
	return []time.Duration{500 * time.Millisecond, 2 * time.Second, 8 * time.Second}
}

// remove takes the record away, a found one if the provider can find it too, and gives back the turn and the child. What stays behind is logged, since by then nobody
// waits for the error.
func (r *record) remove(ctx context.Context) error {
	defer r.finish()
	err := r.takeAway(ctx)
	for _, pause := range removals() {
		if err == nil || r.found || errors.Is(err, errClosed) || sleep(ctx, pause) != nil {
			break
		}
		err = r.takeAway(ctx)
	}
	if err == nil {
		return nil
	}
	fault := r.fault("remove "+r.where.fqdn, err)
	r.pool.cfg.Log.Error("Left TXT record behind", zap.String("fqdn", r.where.fqdn), zap.String("solver", r.s.Name), zap.Error(fault))
	return fault
}

// removeLate is remove for a caller whose own context may have ended.
func (r *record) removeLate(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeLimit)
	defer cancel()
	_ = r.remove(ctx) // logged there
}

// takeAway asks the child that made the record or, when that one was killed, its successor.
func (r *record) takeAway(ctx context.Context) error {
	replied, err := r.mutate(ctx, r.child, wire.CleanUp)
	if err == nil || errors.Is(err, errEnded) { // a clean end is a promise that nothing was left
		return nil
	}
	if replied || context.Cause(ctx) != nil {
		return err
	}
	return r.takeOver(ctx)
}

// takeOver takes away what a killed child has left.
func (r *record) takeOver(ctx context.Context) error {
	c, err := r.pool.acquire(r.s)
	if err != nil {
		return err
	}
	defer r.pool.release(r.s, c)
	if err := c.ready(ctx); err != nil {
		return err
	}
	return r.erase(ctx, c)
}

// erase takes away what another child has made. Most providers find the record by its name and value; those that must
// know the identity that they gave it make it once more first.
func (r *record) erase(ctx context.Context, c *child) error {
	_, err := r.mutate(ctx, c, wire.CleanUp)
	if err == nil {
		return nil
	}
	if _, again := r.mutate(ctx, c, wire.Present); again != nil {
		return errors.Join(err, again)
	}
	_, err = r.mutate(ctx, c, wire.CleanUp)
	return err
}

// Sweep implements [acmeclient.Sweeper].
func (v *solver) Sweep(ctx context.Context, ch acmeclient.Challenge) error {
	if ch.Type == acmeclient.DNSPersist01 {
		return nil
	}
	r, err := v.begin(ctx, ch)
	if err != nil {
		return err // who presents for this name hears it too
	}
	defer r.finish()
	if err := r.erase(ctx, r.child); err != nil {
		fault := r.fault("sweep "+r.where.fqdn, err)
		v.pool.cfg.Log.Error("Could not look for a TXT record of a killed process", zap.String("fqdn", r.where.fqdn), zap.String("solver", r.s.Name), zap.Error(fault))
		return fault
	}
	return nil
}

// mutate has the child change the zone. One change at a time: many providers read a zone, or a record set, and write it
// back whole. RFC 2136 does not: the server itself puts updates in order.
func (r *record) mutate(ctx context.Context, c *child, op string) (replied bool, err error) {
	scope := "zone " + r.where.zone
	if r.s.updates() {
		scope = "record " + r.where.fqdn
	}
	done, err := r.pool.turns.take(ctx, scope)
	if err != nil {
		return false, err
	}
	defer done(0)
	return c.call(ctx, wire.Request{
		Op: op, Domain: r.ch.Domain, Token: r.ch.Token, KeyAuthorization: r.ch.KeyAuthorization,
	})
}

// finish gives back the name's turn and the child.
func (r *record) finish() {
	r.endTurn(min(r.ttl, maxRest))
	r.pool.release(r.s, r.child)
}

func (r *record) fault(op string, err error) error {
	return &ProviderError{Solver: r.s.Name, Provider: r.s.Provider, Op: op, Message: redact(err.Error(), r.s, r.ch)}
}
