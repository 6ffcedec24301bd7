package acmeclient

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Reasons to begin anew, found with errors.Is in what [Client.Order] returns.
var (
	// ErrGone tells that the order cannot be continued: the CA does not know it, or not for this account, these names
	// or this key. A new order may succeed at once.
	ErrGone = errors.New("the order cannot be continued")
	// ErrInvalid tells that the order has failed at the CA (RFC 8555 §7.1.6) and only a new one can succeed.
	ErrInvalid = errors.New("the order has failed")
	// ErrPaused tells that the CA takes no orders for a name until somebody has opened the link in Detail.
	ErrPaused = errors.New("the CA has paused a name")
	// ErrAccountGone tells that the CA does not know the account: [Client.Register] with the same key helps.
	ErrAccountGone = errors.New("the CA does not know the account")
	// ErrAccountClosed tells that the account was deactivated, by its owner or the CA (RFC 8555 §7.3.6), which is for good:
	// only another key can have an account.
	ErrAccountClosed = errors.New("the account is deactivated")
)

// Error is what every function of this package returns when work with the CA or a solver fails.
type Error struct {
	// Op says what was being done, as in "create order".
	Op string
	// Name is the DNS name whose authorization failed, or empty.
	Name string
	// Type is the CA's error type (RFC 8555 §6.7) without its URN prefix, such as "rateLimited", or empty.
	Type string
	// Detail is the CA's own text, subproblems included, on one line and safe to show; or empty.
	Detail string
	// Status is the HTTP status of the CA's answer, or 0.
	Status int
	// RetryAfter is how long the CA asks to wait, from its Retry-After header, or 0.
	RetryAfter time.Duration
	// Reached tells that the CA has answered the failed step, or may have acted on it, and so may have counted it
	// against a limit. False means that trying again costs nothing.
	Reached bool
	// Down tells that the CA's server was not reached, or said that it is out of order (HTTP status 5xx). It says nothing
	// of what was asked.
	Down bool
	// Err is the cause, or nil.
	Err error
}

// Error says it on one line: op, name, type, the CA's text and the cause.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Name != "" {
		b.WriteString(" of " + e.Name)
	}
	if e.Type != "" {
		b.WriteString(": " + e.Type)
	}
	if e.Detail != "" {
		b.WriteString(": " + e.Detail)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	if e.Type == "" && e.Status != 0 {
		fmt.Fprintf(&b, " (HTTP status %d)", e.Status)
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
