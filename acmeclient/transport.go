package acmeclient

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// maxAnswer bounds what is read of one answer; the longest legitimate one is a chain of certificates.
const maxAnswer = 1 << 20

// answerTime is how long a CA may take for one whole answer. That it begins in time is not enough: a connection that is
// cut off silently ends in the middle of a body.
const answerTime = 2 * time.Minute

// resends are the pauses before a request whose connection broke is sent again. The same bytes carry the same nonce,
// so a request that did reach the CA is refused as badNonce and not acted on twice (RFC 8555 §6.5).
func resends() []time.Duration {
	return []time.Duration{50 * time.Millisecond, 200 * time.Millisecond, 800 * time.Millisecond}
}

// exchange is the http.RoundTripper of one job. It gives lego's requests the job's context, turns each refusal into an
// [*Error] before lego makes a text of it, sends a request again when its connection broke, and remembers what lego does
// not tell: the Retry-After of each URL, and what is [persistent].
type exchange struct {
	ctx    context.Context
	client *Client
	dir    *directory
	nonce  error // why the last request for one failed, nil if it did not; of mu as well

	mu       sync.Mutex
	waits    map[string]time.Duration
	secrets  []string
	persists map[string]persistent // by the challenge's URL
}

func newExchange(ctx context.Context, c *Client, dir *directory) *exchange {
	return &exchange{ctx: ctx, client: c, dir: dir, waits: map[string]time.Duration{}, persists: map[string]persistent{}}
}

// RoundTrip implements http.RoundTripper. It remembers how the last request for a nonce ended, the only one by HEAD.
func (x *exchange) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := x.roundTrip(req)
	if req.Method == http.MethodHead {
		x.mu.Lock()
		x.nonce = err
		x.mu.Unlock()
	}
	return resp, err
}

func (x *exchange) roundTrip(req *http.Request) (*http.Response, error) {
	body, err := drain(req)
	if err != nil {
		return nil, err
	}
	if x.dir != nil && req.Method == http.MethodGet && req.URL.String() == x.client.directoryURL {
		return answer(req, x.dir.raw), nil
	}
	resp, err := x.send(req, body)
	for _, pause := range resends() {
		if !broken(err) || sleep(x.ctx, pause) != nil {
			break
		}
		resp, err = x.send(req, body)
	}
	if err != nil {
		return nil, err
	}
	return x.judge(req, resp)
}

// send sends the request once. Its error is an [*Error] that tells whether the CA may have seen the request.
func (x *exchange) send(req *http.Request, body []byte) (*http.Response, error) {
	ctx, cancel := context.WithTimeoutCause(x.ctx, answerTime,
		fmt.Errorf("the CA gave no whole answer within %s: %w", answerTime, context.DeadlineExceeded))
	defer cancel()
	var wrote atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { wrote.Store(true) }})
	r := req.Clone(ctx)
	if body != nil {
		r.Body = io.NopCloser(bytes.NewReader(body))
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	}
	resp, err := x.client.transport.RoundTrip(r)
	if err != nil {
		return nil, &Error{Err: cmp.Or(context.Cause(ctx), err), Down: true, Reached: wrote.Load() && req.Method == http.MethodPost && x.creates(req)}
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	resp.Body.Close()
	if err != nil {
		return nil, &Error{Err: cmp.Or(context.Cause(ctx), err), Status: resp.StatusCode, Down: true, Reached: x.creates(req)}
	}
	resp.Body = io.NopCloser(bytes.NewReader(raw))
	return resp, nil
}

// creates tells whether req makes an order: the one step that cannot be looked up when its answer is lost.
func (x *exchange) creates(req *http.Request) bool {
	return x.dir != nil && req.URL.String() == x.dir.NewOrder
}

// judge passes good answers and bad nonces, which lego's core tries again, and makes an error of all else.
func (x *exchange) judge(req *http.Request, resp *http.Response) (*http.Response, error) {
	wait := retryAfter(resp.Header.Get("Retry-After"), time.Now())
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, &Error{Err: err, Status: resp.StatusCode, Reached: true}
	}
	resp.Body = io.NopCloser(bytes.NewReader(raw))
	if resp.StatusCode < 400 {
		x.mu.Lock()
		x.waits[req.URL.String()] = wait
		x.mu.Unlock()
		x.notePersistent(raw)
		return resp, nil
	}
	e := problem(raw, resp.StatusCode)
	e.RetryAfter, e.Down = wait, resp.StatusCode >= http.StatusInternalServerError
	if e.Type == "badNonce" && resp.StatusCode == http.StatusBadRequest {
		return resp, nil
	}
	return nil, e
}

// asked returns the longest that the CA's last answers at the URLs asked to wait, or 0, and forgets it.
func (x *exchange) asked(urls ...string) time.Duration {
	x.mu.Lock()
	defer x.mu.Unlock()
	var longest time.Duration
	for _, url := range urls {
		longest = max(longest, x.waits[url])
		delete(x.waits, url)
	}
	return longest
}

// lostNonce is the reason why a request could not be signed, or nil: the library that signs makes a text of it.
func (x *exchange) lostNonce() *Error {
	x.mu.Lock()
	defer x.mu.Unlock()
	e, _ := errors.AsType[*Error](x.nonce)
	return e
}

// hide keeps secrets out of every error that failure makes from now on.
func (x *exchange) hide(secrets ...string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.secrets = append(x.secrets, secrets...)
}

// redact replaces what hide was given. Long texts come first: a key authorization holds its token.
func (x *exchange) redact(text string) string {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, secret := range x.secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "[redacted]")
		}
	}
	return text
}

// broken tells whether the connection failed before an answer came, other than by time or by the job's end.
func broken(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	var timeout interface{ Timeout() bool }
	return !errors.As(err, &timeout) || !timeout.Timeout()
}

func drain(req *http.Request) ([]byte, error) {
	if req.Body == nil {
		return nil, nil
	}
	defer req.Body.Close()
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, fmt.Errorf("read request: %w", err)
	}
	return body, nil
}

func answer(req *http.Request, body []byte) *http.Response {
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{"Content-Type": {"application/json"}},
		Body:          io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)), Request: req,
	}
}
