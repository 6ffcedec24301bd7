package acmetest

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

const urn = "urn:ietf:params:acme:error:"

// Problem is a refusal (RFC 8555 §6.7).
type Problem struct {
	// Status is the answer's HTTP status.
	Status int
	// Type is without its URN prefix, as in "rateLimited".
	Type, Detail string
	// RetryAfter is the header of that name; 0: none.
	RetryAfter time.Duration
	// Body replaces the problem document.
	Body string

	names []string // those with a subproblem of their own
}

// faults are the ways in which the CA misbehaves now.
type faults struct {
	answers      map[string]Problem // by step
	delays       map[string]time.Duration
	refused      map[string]bool    // names
	forgotten    map[string]bool    // account URLs
	renewals     map[string]Problem // by the certificate's identifier
	drops        int
	answerDrops  int
	dropsOf      string
	answerDropOf string
}

// Allow ends all faults.
func (c *CA) Allow() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = faults{}
}

// Answer gives every request of the step this answer, until [CA.Allow].
func (c *CA) Answer(step string, p Problem) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.faults.answers == nil {
		c.faults.answers = map[string]Problem{}
	}
	c.faults.answers[step] = p
}

// AnswerRenewal gives every question for the renewal information of this certificate this answer, whatever Answer says of
// others, until [CA.Allow]. See [Window] for a good one.
func (c *CA) AnswerRenewal(leaf *x509.Certificate, p Problem) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.faults.renewals == nil {
		c.faults.renewals = map[string]Problem{}
	}
	c.faults.renewals[serialOf(leaf)] = p
}

// Window is the answer that a certificate is to be renewed from start to end.
func Window(start, end time.Time, retryAfter time.Duration) Problem {
	return Problem{Status: http.StatusOK, RetryAfter: retryAfter, Body: fmt.Sprintf(
		`{"suggestedWindow": {"start": %q, "end": %q}}`, start.UTC().Format(time.RFC3339Nano), end.UTC().Format(time.RFC3339Nano))}
}

// Answer429 refuses new orders as Let's Encrypt does when a limit is reached.
func (c *CA) Answer429(after time.Duration) {
	c.Answer(StepNewOrder, Problem{
		Status: http.StatusTooManyRequests, Type: "rateLimited", RetryAfter: after,
		Detail: "too many new orders recently: see https://letsencrypt.org/docs/rate-limits/",
	})
}

// Delay lets every request of the step wait before it is looked at.
func (c *CA) Delay(step string, d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.faults.delays == nil {
		c.faults.delays = map[string]time.Duration{}
	}
	c.faults.delays[step] = d
}

// Drop breaks the connections of the next n requests of the step, or of any step for "", before they are looked at.
func (c *CA) Drop(step string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults.dropsOf, c.faults.drops = step, n
}

// DropAnswers breaks the connections of the next n requests of the step, or of any step for "", after the CA has acted
// on them.
func (c *CA) DropAnswers(step string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults.answerDropOf, c.faults.answerDrops = step, n
}

// Refuse refuses new orders for the names, and for wildcards over them.
func (c *CA) Refuse(names ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.faults.refused == nil {
		c.faults.refused = map[string]bool{}
	}
	for _, name := range names {
		c.faults.refused[name] = true
	}
}

// ForgetAccount makes the CA know an account no more, until the same key registers again.
func (c *CA) ForgetAccount(url string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.faults.forgotten == nil {
		c.faults.forgotten = map[string]bool{}
	}
	c.faults.forgotten[url] = true
}

// misbehave applies the faults to a request; true means that it has been answered.
func (c *CA) misbehave(w http.ResponseWriter, r *http.Request, step string, m message) bool {
	c.mu.Lock()
	delay := c.faults.delays[step]
	c.mu.Unlock()
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-r.Context().Done():
		}
	}
	if c.dropRequest(step) {
		panic(http.ErrAbortHandler)
	}
	p, refused := Problem{}, false
	if step == StepRenewalInfo {
		p, refused = c.renewalAnswer(path.Base(r.URL.Path))
	}
	if !refused {
		p, refused = c.refusal(step, m)
	}
	if refused {
		p.write(w)
	}
	return refused
}

func (c *CA) dropRequest(step string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.faults.drops == 0 || c.faults.dropsOf != "" && c.faults.dropsOf != step {
		return false
	}
	c.faults.drops--
	return true
}

func (c *CA) dropAnswer(step string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.faults.answerDrops == 0 || c.faults.answerDropOf != "" && c.faults.answerDropOf != step {
		return false
	}
	c.faults.answerDrops--
	return true
}

func (c *CA) refusal(step string, m message) (Problem, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p, ok := c.faults.answers[step]; ok {
		return p, true
	}
	if c.faults.forgotten[m.account] {
		return Problem{Status: http.StatusBadRequest, Type: "accountDoesNotExist", Detail: "unable to find the account"}, true
	}
	if step != StepNewOrder {
		return Problem{}, false
	}
	names := slices.DeleteFunc(slices.Clone(m.identifiers), func(name string) bool {
		return !c.faults.refused[name] && !c.faults.refused[strings.TrimPrefix(name, "*.")]
	})
	if len(names) == 0 {
		return Problem{}, false
	}
	return Problem{
		Status: http.StatusBadRequest, Type: "rejectedIdentifier", names: names,
		Detail: "Cannot issue for " + strconv.Quote(names[0]) + ": The ACME server refuses to issue a certificate for this domain name, because it is forbidden by policy",
	}, true
}

// renewalAnswer is the one that was set for a certificate, if any.
func (c *CA) renewalAnswer(id string) (Problem, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, ok := c.faults.renewals[serialIn(id)]
	return p, ok
}

func (p Problem) write(w http.ResponseWriter) {
	if p.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(p.RetryAfter/time.Second)))
	}
	if p.Body != "" {
		w.WriteHeader(p.Status)
		_, _ = w.Write([]byte(p.Body))
		return
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	document := map[string]any{"type": urn + p.Type, "detail": p.Detail, "status": p.Status}
	var subproblems []any
	for _, name := range p.names {
		subproblems = append(subproblems, map[string]any{
			"type": urn + p.Type, "detail": "The ACME server refuses to issue a certificate for this domain name",
			"identifier": map[string]string{"type": "dns", "value": name},
		})
	}
	if subproblems != nil {
		document["subproblems"] = subproblems
	}
	_ = json.NewEncoder(w).Encode(document) // the client may have gone
}
