package acmeclient

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/go-acme/lego/v4/acme"
)

// maxDetail bounds the CA's text in an error, so that it fits into a Kubernetes Event with room to spare.
const maxDetail = 700

// problem makes an error of a refusal's body, a problem document (RFC 7807, RFC 8555 §6.7) if the CA kept the rule.
func problem(raw []byte, status int) *Error {
	var p acme.ProblemDetails
	if err := json.Unmarshal(raw, &p); err != nil || (p.Type == "" && p.Detail == "") {
		return &Error{Status: status, Detail: http.StatusText(status), Reached: true}
	}
	return fromProblem(&p, status)
}

func fromProblem(p *acme.ProblemDetails, status int) *Error {
	e := &Error{Type: shortType(p.Type), Detail: details(p), Status: status, Reached: true}
	if e.Status == 0 {
		e.Status = p.HTTPStatus
	}
	switch {
	case e.Type == "accountDoesNotExist":
		e.Err = ErrAccountGone
	case e.Type == "badNonce": // the CA has not even looked at the request
		e.Reached = false
	case e.Type == "rateLimited" && strings.Contains(e.Detail, unpausePath):
		e.Err = ErrPaused
	}
	return e
}

// unpausePath is in the links by which Let's Encrypt's subscribers unpause names. Its type of error is that of all limits,
// and the link is all that tells this one apart (https://letsencrypt.org/docs/rate-limits/#consecutive-authorization-failures-per-hostname-per-account).
const unpausePath = "/sfe/v1/unpause"

func shortType(urn string) string {
	return oneLine(strings.TrimPrefix(urn, "urn:ietf:params:acme:error:"))
}

// details joins the CA's text and those of the subproblems, each with its identifier (RFC 8555 §6.7.1).
func details(p *acme.ProblemDetails) string {
	parts := make([]string, 0, 1+len(p.SubProblems))
	if p.Detail != "" {
		parts = append(parts, p.Detail)
	}
	for _, sub := range p.SubProblems {
		parts = append(parts, sub.Identifier.Value+": "+sub.Detail+" ("+shortType(sub.Type)+")")
	}
	return oneLine(strings.Join(parts, "; "))
}

// oneLine makes text that somebody else wrote fit for a log and an Event: no control characters, bounded length.
func oneLine(text string) string {
	text = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "?"), func(r rune) bool {
		return unicode.IsControl(r) || unicode.IsSpace(r)
	}), " ")
	if len(text) <= maxDetail {
		return text
	}
	return strings.ToValidUTF8(text[:maxDetail], "") + "..."
}

// failure makes one [*Error] of what lego or the exchange returned; nil stays nil. lego's own texts are never passed on,
// because some quote the CA's answer, and with it the tokens of challenges.
func (x *exchange) failure(op, name string, err error) error {
	if err == nil {
		return nil
	}
	if cause := context.Cause(x.ctx); cause != nil {
		return &Error{Op: op, Name: name, Err: cause, Reached: reached(err)}
	}
	if e, ok := errors.AsType[*Error](err); ok {
		named := *e
		named.Op, named.Name, named.Detail = op, name, x.redact(e.Detail)
		return &named
	}
	if p, ok := errors.AsType[*acme.ProblemDetails](err); ok {
		e := fromProblem(p, 0)
		e.Op, e.Name, e.Detail = op, name, x.redact(e.Detail)
		return e
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		return &Error{Op: op, Name: name, Err: u.Err}
	}
	if lost := x.lostNonce(); lost != nil {
		return x.failure(op, name, lost)
	}
	return &Error{Op: op, Name: name, Detail: "the CA's answer is not what RFC 8555 describes", Reached: true}
}

// reached tells whether err says that the CA has, or may have, acted.
func reached(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Reached
}

// retryAfter reads a Retry-After header: seconds or a date (RFC 9110 §10.2.3). Nonsense is no wish to wait.
func retryAfter(value string, now time.Time) time.Duration {
	if value == "" {
		return 0
	}
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil {
		return max(0, time.Duration(seconds)*time.Second)
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return max(0, at.Sub(now))
}
