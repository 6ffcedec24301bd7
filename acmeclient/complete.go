package acmeclient

import (
	"errors"
	"sync"

	"github.com/go-acme/lego/v4/acme"
)

// maxFinalize bounds how often an order that the CA says is ready, and then is not, is finalized in one go.
const maxFinalize = 3

// order is one order on its way.
type order struct {
	*job
	account Account
	req     Request
	url     string
	state   acme.Order

	sightings  sightings
	authorized bool
	finalized  int
	removals   sync.WaitGroup
}

// complete brings the order from any state to its certificate.
//
//	state        what is done
//	pending      authorize all names, once; then wait
//	ready        finalize with the certificate's request
//	processing   wait
//	valid        fetch the chain
//	invalid      report why
func (o *order) complete() ([]byte, error) {
	var p pace
	for {
		switch {
		case o.state.Status == acme.StatusValid && o.state.Certificate != "":
			return o.fetch()
		case o.state.Status == acme.StatusInvalid:
			return nil, o.verdict()
		case o.state.Status == acme.StatusReady && o.finalized < maxFinalize:
			if err := o.finalize(); err != nil {
				return nil, err
			}
			continue
		case o.state.Status == acme.StatusPending && !o.authorized:
			if err := o.authorizeAll(); err != nil {
				return nil, err
			}
			o.authorized = true
		default:
			if err := p.wait(o.ctx, o.asked(o.url, o.state.Finalize)); err != nil {
				return nil, o.failure("await order", "", err)
			}
		}
		if err := o.refresh("read order"); err != nil {
			return nil, err
		}
	}
}

func (o *order) refresh(op string) error {
	seen, err := o.core.Orders.Get(o.url)
	if err != nil {
		return o.failure(op, "", err)
	}
	o.state = seen.Order
	return nil
}

// finalize asks for the certificate. When an answer was lost, the CA may be further than the order's state here: it then
// says orderNotReady (RFC 8555 §7.4), and what it has become is looked up.
func (o *order) finalize() error {
	csr, err := certificateRequest(o.req.Names, o.req.Key)
	if err != nil {
		return &Error{Op: "make certificate request", Err: err}
	}
	o.finalized++
	seen, err := o.core.Orders.UpdateForCSR(o.state.Finalize, csr)
	if err == nil {
		o.state = seen.Order
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok && (e.Type != "orderNotReady" || o.finalized == maxFinalize) {
		return o.failure("finalize order", "", err)
	}
	return o.refresh("read order")
}

// verdict reports why the order is invalid: its own error, or else that of the first authorization that failed.
func (o *order) verdict() error {
	fault := &Error{Op: "complete order", Detail: "the CA has given it up without a reason", Reached: true}
	if o.state.Error != nil {
		fault = fromProblem(o.state.Error, 0)
		fault.Op, fault.Detail = "complete order", o.redact(fault.Detail)
	} else if failed := o.failedAuthorization(); failed != nil {
		fault = failed
	}
	fault.Err = ErrInvalid
	return fault
}

func (o *order) failedAuthorization() *Error {
	for _, url := range o.state.Authorizations {
		authz, err := o.look(url)
		if err != nil {
			return nil
		}
		if authz.Status == acme.StatusInvalid {
			return o.refusal(authz)
		}
	}
	return nil
}
