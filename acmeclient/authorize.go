package acmeclient

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/go-acme/lego/v4/acme"
	"golang.org/x/sync/errgroup"
)

const (
	// removeLimit bounds the taking back of one challenge's answer.
	removeLimit = time.Minute
	// lookLimit bounds how long the CA may look at a challenge whose order was cancelled. Let's Encrypt takes a second
	// or two to look from all its places.
	lookLimit = 3 * time.Second
)

// authorizeAll proves control of all names at the same time. The first failure stops those whose challenge the CA has
// not been told to look at; the others are waited for, since what they show must stay until the CA has looked.
func (o *order) authorizeAll() error {
	group, ctx := errgroup.WithContext(o.ctx)
	for _, url := range o.state.Authorizations {
		group.Go(func() error { return o.authorize(ctx, url) })
	}
	return group.Wait()
}

// authorize brings one authorization to valid. ctx ends when another name has failed.
func (o *order) authorize(ctx context.Context, url string) error {
	authz, err := o.look(url)
	if err != nil {
		return o.failure("read authorization", "", err)
	}
	if authz.Status != acme.StatusPending {
		return o.settled(authz)
	}
	offered := o.offered(authz)
	if offered == nil {
		return o.notOffered(authz)
	}
	ch, err := o.challenge(authz, offered)
	if err != nil {
		return err
	}
	o.note(url, func(a *Authorization) { a.present(ch) })
	remove, err := o.req.Solver.Present(ctx, ch)
	if err != nil {
		return &Error{Op: "present challenge", Name: nameOf(authz), Err: err}
	}
	if err := context.Cause(ctx); err != nil {
		o.takeBack(remove)
		return &Error{Op: "present challenge", Name: nameOf(authz), Err: err}
	}
	defer o.takeBackAfter(url, remove)
	if err := o.answer(url, authz, offered); err != nil {
		return err
	}
	return o.await(url, offered.URL, nameOf(authz))
}

// takeBack removes a challenge's answer beside the order's further steps; [Client.Order] waits for it.
func (o *order) takeBack(remove func(context.Context) error) {
	o.removals.Go(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(o.ctx), removeLimit)
		defer cancel()
		_ = remove(ctx) // the solver reports it; see Solver
	})
}

// takeBackAfter is takeBack for a challenge that the CA has been told to look at. When the order's context ended
// meanwhile the CA is given a moment to see the answer: without it the authorization would fail, and the order with it.
func (o *order) takeBackAfter(url string, remove func(context.Context) error) {
	if o.ctx.Err() != nil {
		o.seen(url)
	}
	o.takeBack(remove)
}

// seen waits, for a short while, until the CA has decided about an authorization.
func (o *order) seen(url string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(o.ctx), lookLimit)
	defer cancel()
	j, err := o.client.job(ctx, o.account)
	if err != nil {
		return
	}
	var p pace
	for {
		authz, err := o.lookWith(j, url)
		if err != nil || authz.Status != acme.StatusPending || p.wait(ctx, 0) != nil {
			return
		}
	}
}

// offered is the challenge that the solver answers, or nil.
func (o *order) offered(authz acme.Authorization) *acme.Challenge {
	return find(authz, o.req.Solver.Type(domainOf(authz)))
}

func (o *order) notOffered(authz acme.Authorization) error {
	var types []string
	for _, ch := range authz.Challenges {
		types = append(types, oneLine(ch.Type))
	}
	return &Error{Op: "choose challenge", Name: nameOf(authz), Reached: true, Detail: fmt.Sprintf(
		"the CA does not offer %s, but %s: use a solver for one of these, or another CA", o.req.Solver.Type(domainOf(authz)), strings.Join(types, ", "))}
}

func (o *order) challenge(authz acme.Authorization, offered *acme.Challenge) (Challenge, error) {
	if offered.Type == DNSPersist01 {
		return o.persistent(authz, offered), nil
	}
	keyAuthorization, err := o.core.GetKeyAuthorization(offered.Token)
	if err != nil {
		return Challenge{}, &Error{Op: "answer challenge", Name: nameOf(authz), Err: err}
	}
	o.hide(keyAuthorization, offered.Token)
	return Challenge{
		Type:             offered.Type,
		Domain:           domainOf(authz),
		Token:            offered.Token,
		KeyAuthorization: keyAuthorization,
		Wildcard:         authz.Wildcard,
	}, nil
}

// answer tells the CA to look. A CA refuses that when it has been told before, which a lost answer or a resumed order
// make possible: what counts is where the challenge is.
func (o *order) answer(url string, authz acme.Authorization, offered *acme.Challenge) error {
	if offered.Status != acme.StatusPending {
		return nil
	}
	_, err := o.core.Challenges.New(offered.URL)
	if err == nil {
		o.note(url, func(a *Authorization) { a.Told = time.Now().UTC().Truncate(time.Second) })
		return nil
	}
	seen, lookErr := o.look(url)
	if lookErr == nil && seen.Status != acme.StatusPending {
		return nil
	}
	if ch := find(seen, offered.Type); lookErr == nil && ch != nil && ch.Status != acme.StatusPending {
		return nil
	}
	return o.failure("answer challenge", nameOf(authz), err)
}

// await polls until the CA has decided.
func (o *order) await(url, challengeURL, name string) error {
	var p pace
	for {
		authz, err := o.look(url)
		if err != nil {
			return o.failure("read authorization", name, err)
		}
		if authz.Status != acme.StatusPending {
			return o.settled(authz)
		}
		if err := p.wait(o.ctx, o.asked(url, challengeURL)); err != nil {
			return o.failure("await authorization", name, err)
		}
	}
}

// settled returns nil for a valid authorization and the reason for any other that has an end.
func (o *order) settled(authz acme.Authorization) error {
	if authz.Status == acme.StatusValid {
		return nil
	}
	return o.refusal(authz)
}

func (o *order) refusal(authz acme.Authorization) *Error {
	if ch := failedChallenge(authz); ch != nil {
		e := fromProblem(ch.Error, 0)
		o.hide(ch.Token)
		e.Op, e.Name, e.Detail, e.Err = "authorization", nameOf(authz), o.redact(e.Detail), ErrInvalid
		return e
	}
	return &Error{
		Op: "authorization", Name: nameOf(authz), Detail: "it is " + oneLine(authz.Status), Reached: true, Err: ErrInvalid,
	}
}

func find(authz acme.Authorization, kind string) *acme.Challenge {
	for i := range authz.Challenges {
		if authz.Challenges[i].Type == kind {
			return &authz.Challenges[i]
		}
	}
	return nil
}

// nameOf returns the name as the certificate shows it. Let's Encrypt strips "*." from a wildcard's identifier (RFC 8555
// §7.1.4), Pebble does too, others do not.
func nameOf(authz acme.Authorization) string {
	name := domainOf(authz)
	if authz.Wildcard || name != authz.Identifier.Value {
		return "*." + name
	}
	return name
}

// domainOf returns the name without "*.".
func domainOf(authz acme.Authorization) string {
	return strings.TrimPrefix(authz.Identifier.Value, "*.")
}
