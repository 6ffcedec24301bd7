package acmeclient

import (
	"context"

	"github.com/go-acme/lego/v4/acme"
)

// sweep takes away, beside the order's further steps, what the process that began the order may have presented and not
// lived to take away. Authorizations that are pending are left out: they are answered, and that taken back, once more.
// What the CA does not tell now is left behind.
func (o *order) sweep() {
	sweeper, ok := o.req.Solver.(Sweeper)
	if !ok {
		return
	}
	for _, url := range o.state.Authorizations {
		o.removals.Go(func() {
			authz, err := o.look(url)
			if err != nil || authz.Status == acme.StatusPending {
				return
			}
			if offered := o.offered(authz); offered != nil {
				o.sweepAnswer(sweeper, authz, offered)
			}
		})
	}
}

func (o *order) sweepAnswer(sweeper Sweeper, authz acme.Authorization, offered *acme.Challenge) {
	ch, err := o.challenge(authz, offered)
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(o.ctx), removeLimit)
	defer cancel()
	_ = sweeper.Sweep(ctx, ch) // the solver reports it; see Sweeper
}
