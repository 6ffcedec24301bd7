package acmetest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"
)

// Steps of a client, as Before, After and the faults name them.
const (
	StepDirectory   = "directory"
	StepNewNonce    = "new-nonce"
	StepNewAccount  = "new-account"
	StepAccount     = "account" // changing an account
	StepNewOrder    = "new-order"
	StepOrder       = "order"     // reading an order
	StepAuthz       = "authz"     // reading an authorization
	StepChallenge   = "challenge" // asking the CA to look
	StepFinalize    = "finalize"
	StepCert        = "cert"
	StepRenewalInfo = "renewal-info"
	StepOther       = "other"
)

// stepOf names the step that a request is, by Pebble's paths.
func stepOf(r *http.Request) string {
	for _, s := range []struct{ prefix, step string }{
		{"/dir", StepDirectory},
		{"/nonce-plz", StepNewNonce},
		{"/sign-me-up", StepNewAccount},
		{"/my-account/", StepAccount},
		{"/order-plz", StepNewOrder},
		{"/my-order/", StepOrder},
		{"/authZ/", StepAuthz},
		{"/chalZ/", StepChallenge},
		{"/finalize-order/", StepFinalize},
		{"/certZ/", StepCert},
		{"/draft-ietf-acme-ari-03/renewalInfo/", StepRenewalInfo},
	} {
		if strings.HasPrefix(r.URL.Path, s.prefix) {
			return s.step
		}
	}
	return StepOther
}

// ServeHTTP implements [http.Handler]: faults first, then Pebble, whose answer is held back until After has run.
func (c *CA) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	step := stepOf(r)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	c.call(c.hooks().before, step)
	if c.misbehave(w, r, step, parse(body)) {
		return
	}
	answer := &held{header: http.Header{}, status: http.StatusOK}
	c.ask(answer, r, step, parse(body).replaces)
	c.withhold(step, answer)
	c.remember(step, parse(body), answer)
	c.call(c.hooks().after, step)
	if c.dropAnswer(step) {
		panic(http.ErrAbortHandler)
	}
	answer.release(w)
}

// ask hands the request to Pebble under the guard.
func (c *CA) ask(w http.ResponseWriter, r *http.Request, step, replaces string) {
	if step != StepNewOrder {
		c.guard.RLock()
		defer c.guard.RUnlock()
		c.pebble.ServeHTTP(w, r)
		if step == StepFinalize {
			c.settle(path.Base(r.URL.Path))
		}
		return
	}
	c.guard.Lock()
	defer c.guard.Unlock()
	c.findReplaced(replaces)
	c.pebble.ServeHTTP(w, r)
	c.date(w.Header().Get("Location"))
}

// withhold removes from an authorization the challenges that the CA does not offer.
func (c *CA) withhold(step string, answer *held) {
	var authz map[string]any
	if step != StepAuthz || len(c.offers) == 0 || json.Unmarshal(answer.body.Bytes(), &authz) != nil {
		return
	}
	all, _ := authz["challenges"].([]any)
	authz["challenges"] = slices.DeleteFunc(all, func(ch any) bool {
		kind, _ := ch.(map[string]any)["type"].(string)
		return !slices.Contains(c.offers, kind)
	})
	answer.body.Reset()
	_ = json.NewEncoder(&answer.body).Encode(authz) // a buffer takes everything
	answer.header.Del("Content-Length")
}

type hooks struct{ before, after func(step string) }

func (c *CA) hooks() hooks {
	c.mu.Lock()
	defer c.mu.Unlock()
	return hooks{c.before, c.after}
}

func (c *CA) call(hook func(step string), step string) {
	if hook != nil {
		hook(step)
	}
}

// Before has f called before each step is looked at, in the goroutine that serves it; nil ends that.
func (c *CA) Before(f func(step string)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.before = f
}

// After has f called when each step is done and before the client hears of it; nil ends that.
func (c *CA) After(f func(step string)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.after = f
}

// held is an answer that has not been sent yet.
type held struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (h *held) Header() http.Header         { return h.header }
func (h *held) WriteHeader(status int)      { h.status = status }
func (h *held) Write(p []byte) (int, error) { return h.body.Write(p) }

func (h *held) release(w http.ResponseWriter) {
	for name, values := range h.header {
		w.Header()[name] = values
	}
	w.WriteHeader(h.status)
	_, _ = w.Write(h.body.Bytes()) // the client may have gone
}

// message is what the CA needs to know of a request's JWS.
type message struct {
	account     string
	identifiers []string
	replaces    string
}

// parse reads the account and the names of a request. Whether it is signed is Pebble's business.
func parse(body []byte) message {
	var outer, protected, payload struct {
		Protected, Payload string
		KID                string
		Identifiers        []struct{ Value string }
		Replaces           string
	}
	decode := func(text string, into any) {
		raw, _ := base64.RawURLEncoding.DecodeString(text)
		_ = json.Unmarshal(raw, into) // what is no JWS has no account and no names
	}
	_ = json.Unmarshal(body, &outer)
	decode(outer.Protected, &protected)
	decode(outer.Payload, &payload)
	m := message{account: protected.KID, replaces: payload.Replaces}
	for _, id := range payload.Identifiers {
		m.identifiers = append(m.identifiers, id.Value)
	}
	return m
}
