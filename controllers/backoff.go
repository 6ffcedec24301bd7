package controllers

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/wildcast/wildcast/acmeclient"
)

// pause is how long to wait after so many failures in a row that the CA has seen, as Let's Encrypt advises
// (https://letsencrypt.org/docs/integration-guide/#retrying-failures):
//
//	1 → 1 min, 2 → 10 min, 3 → 100 min, 4 and more → 24 h
func pause(failures int) time.Duration {
	switch failures {
	case 0, 1:
		return time.Minute
	case 2:
		return 10 * time.Minute
	case 3:
		return 100 * time.Minute
	}
	return 24 * time.Hour
}

// urgentPause is how long to wait at most when a twentieth of the lifetime is left: an hour, a two-hundredth of a lifetime
// for which that is too long, and never less than a minute. It is within the limits that CAs set on failures.
func urgentPause(have *Have) time.Duration {
	return max(time.Minute, min(time.Hour, have.NotAfter.Sub(have.NotBefore)/200))
}

// attempt is the time of the next attempt. While the last twentieth of the life of the old certificate passes, pauses
// that we imposed ourselves are cut to urgentPause; what the CA asks for stands.
func (b backoff) attempt(have *Have) time.Time {
	if b.Limited || b.Failures == 0 || !have.isCertificate() {
		return b.Next
	}
	failed := b.Next.Add(-pause(b.Failures))
	urgent := failed.Add(min(pause(b.Failures), urgentPause(have)))
	if urgent.Before(have.emergency()) {
		urgent = have.emergency()
	}
	if urgent.Before(b.Next) && urgent.Before(have.NotAfter) {
		return urgent
	}
	return b.Next
}

// attempt is the time of the next attempt at the record's issuer.
func (r *Record) attempt(have *Have) time.Time { return r.backoff().attempt(have) }

// backoff is what a record knows of an issuer's failures. The fields are as the record's.
type backoff struct {
	Issuer   string    `json:"issuer,omitempty"`
	Inputs   string    `json:"inputs,omitempty"`
	Failures int       `json:"failures,omitempty"`
	Next     time.Time `json:"nextAttempt,omitzero"`
	Limited  bool      `json:"rateLimited,omitempty"`
	Paused   bool      `json:"paused,omitempty"`
	Down     outage    `json:"down,omitzero"`
}

// backoff is that of the record's issuer.
func (r *Record) backoff() backoff {
	return backoff{r.Issuer, r.Inputs, r.Failures, r.Next, r.Limited, r.Paused, r.Down}
}

// of is the back-off of an issuer, zero if nothing is known of it.
func (r *Record) of(issuer string) backoff {
	for _, b := range []backoff{r.backoff(), r.Other} {
		if b.Issuer == issuer {
			return b
		}
	}
	return backoff{}
}

// inherit takes over what the record before it knows of the issuer's failures, and of those of the other issuer, so that
// orders which go to a fallback and back again ask neither CA sooner than it wants.
func (r *Record) inherit(before *Record) {
	own := before.of(r.Issuer)
	r.Down = own.Down
	if own.Inputs == r.Inputs {
		r.Failures = own.Failures
	}
	r.Other = before.Other
	if before.Issuer != r.Issuer {
		r.Other = before.backoff()
	}
}

// unnamedLimit is how long to wait when the CA limits the rate and does not say until when.
const unnamedLimit = time.Hour

// fail enters into the record what came of an order. resumed tells that the order was begun earlier. It reports whether
// the record now says when to try again; if not, the failure never reached the CA, the order can be carried on with, and
// the caller backs off.
//
//	the CA has paused a name, and names no time   wait for a day, or for a change; not counted
//	the CA limits the rate, or says Retry-After   wait as long as it says; not counted
//	a resumed order cannot be carried on with     forget the order; try at once
//	the account is gone                           wait while it is registered again; not counted
//	we could not write the record                 as it was: the order is known to this process, and written next
//	the CA breaks down, not more than 3 times in  counted; wait longer each time; go on with the order, of which
//	a row: status 5xx, or a new order's answer    that says nothing
//	is lost
//	the CA answered and refused                   counted; wait longer each time; forget the order
//	anything else                                 as it was
func (r *Record) fail(cause error, resumed bool, now time.Time) (settled bool) {
	refusal, ok := errors.AsType[*acmeclient.Error](cause)
	if !ok {
		return false
	}
	switch {
	case errors.Is(cause, acmeclient.ErrPaused) && refusal.RetryAfter == 0:
		r.Limited, r.Next = false, now.Add(pauseOfPaused)
	case limited(refusal):
		r.Limited, r.Next = true, now.Add(cmp.Or(refusal.RetryAfter, unnamedLimit))
	case errors.Is(cause, acmeclient.ErrGone) && resumed:
		r.lose("", now)
		r.URL, r.Limited, r.Next, r.Authorizations = "", false, time.Time{}, nil
	case errors.Is(cause, acmeclient.ErrAccountGone):
		r.Limited, r.Next = false, now.Add(reregistration)
	case errors.Is(cause, errNotRecorded):
		return false
	case refusal.Reached && refusal.Down && r.Failures < mostBreakdowns:
		r.Failures++
		r.Limited, r.Next = false, now.Add(pause(r.Failures))
	case refusal.Reached:
		r.lose(refusal.Name, now)
		r.URL, r.Replaces = "", "" // if that is what the CA does not like
		r.Failures++
		r.Limited, r.Next = false, now.Add(pause(r.Failures))
	default:
		return false
	}
	r.Paused, r.Next = errors.Is(cause, acmeclient.ErrPaused) && !r.Limited, wholeSecond(r.Next)
	return true
}

// mostBreakdowns is how many failures in a row an order outlives at which the CA breaks down. It may be what breaks it.
const mostBreakdowns = 3

// wholeSecond is the time in the record's form, never sooner than the CA asked.
func wholeSecond(t time.Time) time.Time { return t.Add(time.Second - 1).Truncate(time.Second) }

// pauseOfPaused is how long to wait when the CA has paused a name: a person has to act.
const pauseOfPaused = 24 * time.Hour

// lose notes that the order at the URL has failed, perhaps by the validation of a name.
func (r *Record) lose(name string, now time.Time) {
	if last := len(r.Attempts) - 1; r.URL != "" && last >= 0 {
		r.Attempts = slices.Clone(r.Attempts)
		r.Attempts[last].Ended, r.Attempts[last].Failed = now.UTC(), strings.TrimPrefix(name, "*.")
	}
}

// reregistration is how long an order waits for a lost account. It bounds the requests to a CA that keeps losing it.
const reregistration = 10 * time.Second

// errNotRecorded is found in the error of a record that could not be written.
var errNotRecorded = errors.New("record order")

// limited reports whether the CA refused because of a rate limit (RFC 8555 §6.6), or named a time as one that is down does.
func limited(e *acmeclient.Error) bool {
	return e.RetryAfter > 0 || e.Type == "rateLimited" || e.Status == http.StatusTooManyRequests
}

// succeed enters the chain of an order into the record, which forgets its failures. A certificate that is due for renewal
// as soon as it is made, or in a twentieth of its lifetime, counts as a failure nevertheless, and early reports it: a clock
// is wrong, here or at the CA, or the CA suggests nonsense, and one order after the other would not mend it.
func (r *Record) succeed(chain []byte, renewBefore time.Duration, now time.Time) (early bool) {
	r.Chain, r.URL, r.Replaces, r.Limited, r.Paused, r.LastError = chain, "", "", false, false, ""
	r.Down, r.Other.Failures, r.Last = outage{}, 0, issuance{}
	have := r.have()
	if have.isCertificate() && !now.Add(have.NotAfter.Sub(have.NotBefore)/20).Before(have.renewAt(renewBefore)) {
		r.Failures++
		r.Next = now.Add(pause(r.Failures))
		return true
	}
	r.Failures, r.Next = 0, time.Time{}
	return false
}
