package controllers

import (
	"context"
	"crypto/x509"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/acmeclient"
)

// Window is when a CA suggests to renew a certificate (ARI, RFC 9773). The zero value is that nothing is known.
type Window struct{ Start, End time.Time }

// holds reports whether t is in the window.
func (w Window) holds(t time.Time) bool { return !t.Before(w.Start) && t.Before(w.End) }

// Suggestion is what a CA has said last about the certificate with this serial number.
type Suggestion struct {
	Serial string
	Window
	Every time.Duration // how often it may be asked
}

const (
	// usualInterval is how often a CA is asked that does not say how often.
	usualInterval = 6 * time.Hour
	// A CA's own wish counts within these bounds (RFC 9773 §4.3.2).
	leastInterval, mostInterval = time.Minute, 24 * time.Hour
	// suggestionTimeout bounds one question. A new certificate waits for its answer.
	suggestionTimeout = 5 * time.Second
)

func intervalOf(retryAfter time.Duration) time.Duration {
	if retryAfter <= 0 {
		return usualInterval
	}
	return min(max(retryAfter, leastInterval), mostInterval)
}

// turnAfter is the first time after t at which it is a certificate's turn to be asked about. Turns are an interval apart
// and shifted by the serial number: they are the same for every process and after every restart, though none is written
// down, and those of many certificates are spread.
func turnAfter(t time.Time, every time.Duration, serial string) time.Time {
	phase := time.Duration(fraction(serial) * float64(every))
	return t.Add(-phase).Truncate(every).Add(every + phase)
}

// turns remember when CAs are asked about certificates. A certificate that is seen first waits for its turn, so that a
// restart asks nothing. They are safe for concurrent use.
type turns struct {
	mu   sync.Mutex
	next map[types.NamespacedName]turn
}

type turn struct {
	serial string
	at     time.Time
}

func newTurns() *turns { return &turns{next: map[types.NamespacedName]turn{}} }

// of returns the next turn of a certificate.
func (t *turns) of(name types.NamespacedName, serial string, every time.Duration, now time.Time) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.next[name].serial != serial {
		t.next[name] = turn{serial, turnAfter(now, every, serial)}
	}
	return t.next[name].at
}

// taken moves a certificate on to the turn after this one and returns it. It is an interval away, or up to a tenth less
// for a turn that was taken late.
func (t *turns) taken(name types.NamespacedName, serial string, every time.Duration, now time.Time) time.Time {
	at := turnAfter(now.Add(every-every/10), every, serial)
	t.set(name, serial, at)
	return at
}

// set says when the next turn of a certificate is.
func (t *turns) set(name types.NamespacedName, serial string, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.next[name] = turn{serial, at}
}

func (t *turns) forget(name types.NamespacedName) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.next, name)
}

// intervalFor is how often to ask about a certificate: as often as the CA has said, or else as usual, or oftener in a
// short life.
func (r *Record) intervalFor(have *Have) time.Duration {
	if r.Suggestion.Serial == have.Serial && r.Suggestion.Every > 0 {
		return intervalOf(r.Suggestion.Every)
	}
	return min(usualInterval, max(leastInterval, have.NotAfter.Sub(have.NotBefore)/20))
}

// consult asks the CA when to renew a certificate that is right, if its turn has come, and returns how long it is to the
// next turn. What the CA says is recorded only if it is news. What is no answer changes nothing.
func (c *Controller) consult(ctx context.Context, v *view) (time.Duration, error) {
	have := v.have()
	if v.want == nil || v.want.Issuer == nil || !have.isCertificate() || !have.Managed || v.plan().Do != Keep {
		c.turns.forget(v.name)
		return 0, nil
	}
	every := v.record.intervalFor(have)
	at := c.turns.of(v.name, have.Serial, every, v.now)
	if v.now.Before(at) {
		return until(at, v.now), nil
	}
	issuer := c.maker(v, have)
	if issuer != nil && !c.places.take(v.name, place{"asks of " + issuer.Server, asksPerCA}) {
		return 0, nil // leave brings us back
	}
	var said Suggestion
	c.certificateLoop.Away(func() { said = c.suggestion(ctx, v, issuer, leafOf(v.secret.Data[corev1.TLSCertKey])) })
	v.now = time.Now()
	if said.news(v.record.Suggestion) {
		v.record.Suggestion = said
		if err := c.keepRecord(ctx, v); err != nil {
			c.turns.set(v.name, have.Serial, v.now.Add(leastInterval)) // the CA is not asked each time that a write fails
			return 0, err
		}
		c.log.Info("The CA suggests when to renew", zap.String("certificate", v.name.String()), zap.Time("from", said.Start), zap.Time("to", said.End))
	}
	return until(c.turns.taken(v.name, have.Serial, said.Every, v.now), v.now), nil
}

// news reports whether the CA has suggested something else than what is known.
func (s Suggestion) news(known Suggestion) bool {
	return !s.Start.IsZero() && (s.Serial != known.Serial || !s.Start.Equal(known.Start) || !s.End.Equal(known.End))
}

// maker is the issuer that has made a certificate: the one that is wanted, or the one that stood in for it; nil if that is
// gone.
func (c *Controller) maker(v *view, have *Have) *Issuer {
	if have.Issuer == v.want.Issuer.Name.String() {
		return v.want.Issuer
	}
	issuer, err := c.issuer(parseName(have.Issuer))
	if err != nil {
		return nil
	}
	return issuer
}

// suggestion asks the CA when to renew a certificate of that issuer. The window is zero if there is no good answer.
func (c *Controller) suggestion(ctx context.Context, v *view, issuer *Issuer, leaf *x509.Certificate) Suggestion {
	if leaf == nil {
		return Suggestion{}
	}
	none := Suggestion{Serial: leaf.SerialNumber.Text(16), Every: usualInterval}
	id := acmeclient.CertificateID(leaf)
	if issuer == nil || id == "" {
		return none
	}
	ca, err := c.cas.get(issuer)
	if err != nil {
		return none
	}
	ctx, cancel := context.WithTimeout(ctx, suggestionTimeout)
	defer cancel()
	info, err := ca.RenewalInfo(ctx, id)
	if refusal, ok := errors.AsType[*acmeclient.Error](err); ok {
		none.Every = intervalOf(refusal.RetryAfter)
	}
	if err != nil {
		c.log.Debug("The CA did not say when to renew", zap.String("certificate", v.name.String()), zap.Error(err))
		return none
	}
	// A record keeps whole seconds, and a window is never empty.
	window := Window{info.Start.UTC().Truncate(time.Second), info.End.UTC().Add(time.Second - 1).Truncate(time.Second)}
	return Suggestion{Serial: none.Serial, Window: window, Every: intervalOf(info.RetryAfter)}
}

// replaces identifies the certificate that a new order of this account replaces; empty if that comes from another account
// or CA, or has none of the names, and the CA would refuse the order.
func (v *view) replaces(account acmeclient.Account) string {
	made, have := v.record.have(), v.have()
	if made == nil || !have.isCertificate() || made.Serial != have.Serial || v.record.brought().Account != account.URL {
		return ""
	}
	if !shareName(have.Names, v.want.Names) {
		return ""
	}
	return acmeclient.CertificateID(made.Leaf)
}
