package acmeclient

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-acme/lego/v4/acme"
	"github.com/go-acme/lego/v4/acme/api"
)

// Request says which certificate is wanted.
type Request struct {
	// Names are canonical DNS names: lower case, punycode, no trailing dot, no two the same.
	Names []string
	// Key is the certificate's private key: ECDSA P-256, P-384 or RSA. It never leaves the process.
	Key crypto.Signer
	// URL is that of an order which the same account began earlier for the same names; empty for a new one.
	URL string
	// Profile is one of those that the CA's directory offers (draft-ietf-acme-profiles); empty for the CA's default.
	Profile string
	// PreferredChain is the common name of the wanted chain's root or, if no chain has that root, of an issuer in it, if the
	// CA offers several; empty for its default.
	PreferredChain string
	// NotAfter is when the certificate shall end (RFC 8555 §7.1.3), or zero. Many CAs refuse to be told.
	NotAfter time.Time
	// Replaces is the ARI identifier of the certificate that this one renews (RFC 9773 §5), or empty. It is left out
	// when the CA says that it has been replaced already.
	Replaces string
	// Begun is called once, when the CA has made a new order and before anything else is asked of the CA, with the
	// order's URL: who keeps it can resume. Its error ends the work. Nil, or a URL in the request: not called.
	Begun func(ctx context.Context, orderURL string) error
	// Seen, if not nil, is told of each authorization of the order: of its URL before Begun is called, and of all else
	// whenever more is known, from several goroutines but one at a time. It must not block, and is not called after the
	// order has ended.
	Seen func(Authorization)
	// Solver answers the CA's challenges.
	Solver Solver
}

// Order obtains a certificate and returns its chain in PEM, leaf first. The leaf is known to hold the request's key and
// names.
//
// It may end at any point, by ctx, by an error or with the process; called again with the same account, names and key
// and the order's URL it goes on from where the CA is (pending, ready, processing or valid, RFC 8555 §7.1.6). It has no
// limit of time but ctx's. Challenges are taken back before it returns, whatever happens, with contexts of their own; when
// ctx ends while the CA is looking at one, that takes up to 3 s more. Those that a process left that was killed are taken
// back when its order is resumed, if the solver is a [Sweeper].
//
// The error is an [*Error]. errors.Is finds [ErrGone] or [ErrInvalid] in it when this order has no future and a new one
// may have, [ErrAccountGone] when the account has to be registered again, and [ErrAccountClosed] when it cannot be.
func (c *Client) Order(ctx context.Context, acct Account, req Request) ([]byte, error) {
	if err := req.check(); err != nil {
		return nil, err
	}
	j, err := c.job(ctx, acct)
	if err != nil {
		return nil, err
	}
	o := &order{job: j, account: acct, req: req, url: req.URL}
	defer o.removals.Wait()
	if err := o.begin(); err != nil {
		return nil, err
	}
	return o.complete()
}

func (r *Request) check() error {
	fault := func(detail string) error { return &Error{Op: "check request", Detail: detail} }
	if len(r.Names) == 0 {
		return fault("a certificate needs at least one name")
	}
	if r.Key == nil {
		return fault("a certificate needs a key")
	}
	if r.Solver == nil {
		return fault("an order needs a solver for its challenges")
	}
	return nil
}

// begin finds the order that the request names, or makes one and tells so.
func (o *order) begin() error {
	if o.url != "" {
		err := o.resume()
		if err == nil {
			o.noteURLs()
			o.sweep()
		}
		return err
	}
	if err := o.checkProfile(); err != nil {
		return err
	}
	made, err := o.create()
	if err != nil {
		return closed(o.failure("create order", "", err))
	}
	if made.Location == "" {
		return &Error{Op: "create order", Detail: "the CA's answer does not say where the order is", Reached: true}
	}
	o.url, o.state = made.Location, made.Order
	o.noteURLs()
	if o.req.Begun == nil {
		return nil
	}
	if err := o.req.Begun(o.ctx, o.url); err != nil {
		return &Error{Op: "record order", Reached: true, Err: err} // the next try makes another order
	}
	return nil
}

// checkProfile spares the CA an order that it would refuse, and the user a guess.
func (o *order) checkProfile() error {
	offered := o.dir.Meta.Profiles
	if _, ok := offered[o.req.Profile]; ok || o.req.Profile == "" {
		return nil
	}
	detail := fmt.Sprintf("profile %q is not offered by the CA, which has no profiles", o.req.Profile)
	if len(offered) > 0 {
		names := strings.Join(slices.Sorted(maps.Keys(offered)), ", ")
		detail = fmt.Sprintf("profile %q is not offered by the CA, which has: %s", o.req.Profile, names)
	}
	return &Error{Op: "create order", Type: "invalidProfile", Detail: oneLine(detail)}
}

func (o *order) create() (acme.ExtendedOrder, error) {
	options := &api.OrderOptions{NotAfter: o.req.NotAfter, Profile: o.req.Profile, ReplacesCertID: o.req.Replaces}
	made, err := o.core.Orders.NewWithOptions(o.req.Names, options)
	if e, ok := errors.AsType[*Error](err); ok && e.Type == "alreadyReplaced" {
		options.ReplacesCertID = ""
		return o.core.Orders.NewWithOptions(o.req.Names, options)
	}
	return made, err
}

// resume looks up the order that was begun earlier.
func (o *order) resume() error {
	const op = "resume order"
	if hostOf(o.url) != o.host {
		return &Error{Op: op, Detail: "it was begun at another CA, " + hostOf(o.url), Err: ErrGone}
	}
	if err := o.refresh(op); err != nil {
		if e, ok := errors.AsType[*Error](err); ok && unknownOrder(e) {
			e.Err = ErrGone
		}
		return err
	}
	if !sameNames(o.names(), o.req.Names) {
		return &Error{Op: op, Detail: "it is for other names: " + strings.Join(o.names(), ", "), Err: ErrGone}
	}
	return nil
}

// unknownOrder tells whether the CA has said that there is no such order for this account. Let's Encrypt answers 404 for
// an order that has expired, and 403 is for another account's.
func unknownOrder(e *Error) bool {
	return e.Err == nil && (e.Status == 404 || e.Status == 403 || e.Status == 410)
}

func (o *order) names() []string {
	names := make([]string, 0, len(o.state.Identifiers))
	for _, id := range o.state.Identifiers {
		names = append(names, id.Value)
	}
	return names
}

func sameNames(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.EqualFunc(slices.Compact(a), slices.Compact(b), strings.EqualFold)
}
