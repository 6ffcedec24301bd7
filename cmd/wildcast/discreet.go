package main

import (
	"bytes"
	"io"
	"net/http"
	"strings"
)

// maxRefusal bounds what is read of an answer that refuses.
const maxRefusal = 1 << 20

// discreet wraps the transport to an API server. client-go makes errors of the text of refusals, and logs it; a proxy before
// the server may repeat there what it was sent.
func discreet(next http.RoundTripper) http.RoundTripper { return discretion{next} }

// discretion takes a request's credentials out of the answer that refuses it.
type discretion struct{ http.RoundTripper }

// WrappedRoundTripper lets client-go find the transport's settings.
func (d discretion) WrappedRoundTripper() http.RoundTripper { return d.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (d discretion) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := d.RoundTripper.RoundTrip(r)
	if err != nil || resp.StatusCode < 400 {
		return resp, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	if err != nil {
		return nil, err
	}
	for _, secret := range credentials(r) {
		body = bytes.ReplaceAll(body, []byte(secret), []byte("[redacted]"))
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp.Header.Del("Content-Length")
	return resp, nil
}

// credentials are those in the request: a token, or a password as it is and as it was sent.
func credentials(r *http.Request) (all []string) {
	if _, value, _ := strings.Cut(r.Header.Get("Authorization"), " "); value != "" {
		all = append(all, value)
	}
	if _, password, _ := r.BasicAuth(); password != "" {
		all = append(all, password)
	}
	return all
}
