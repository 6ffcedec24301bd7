package acmeclient

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

// ErrNoRenewalInfo is found in the error of [Client.RenewalInfo] when the CA's directory offers none.
var ErrNoRenewalInfo = errors.New("the CA offers no renewal information")

// RenewalInfo is when a CA suggests to renew a certificate (RFC 9773 §4.2).
type RenewalInfo struct {
	// Start and End are the window's; Start is before End, and neither is zero. Both may be in the past: renew now.
	Start, End time.Time
	// RetryAfter is how long the CA asks to wait before it is asked again, or 0.
	RetryAfter time.Duration
}

// CertificateID returns the identifier under which the CA gives renewal information about a certificate, and by which an
// order says that it replaces it (RFC 9773 §4.1); empty for a certificate that has none.
func CertificateID(leaf *x509.Certificate) string {
	if len(leaf.AuthorityKeyId) == 0 || leaf.SerialNumber.Sign() <= 0 {
		return ""
	}
	serial := leaf.SerialNumber.Bytes()
	if serial[0]&0x80 != 0 {
		serial = append([]byte{0}, serial...) // as DER has it: the number is positive
	}
	return base64.RawURLEncoding.EncodeToString(leaf.AuthorityKeyId) + "." + base64.RawURLEncoding.EncodeToString(serial)
}

// RenewalInfo asks the CA when to renew the certificate with this identifier. It needs no account.
//
// The error is an [*Error], whose RetryAfter is set if the CA gave one. Whatever is not an answer in the sense of RFC 9773
// is an error: another status than 200, no JSON, a window without times or with none between them.
func (c *Client) RenewalInfo(ctx context.Context, id string) (RenewalInfo, error) {
	const op = "read renewal information"
	dir, err := c.directory(ctx)
	if err != nil {
		return RenewalInfo{}, err
	}
	if dir.RenewalInfo == "" {
		return RenewalInfo{}, &Error{Op: op, Err: ErrNoRenewalInfo}
	}
	x := newExchange(ctx, c, nil)
	resp, err := x.get(strings.TrimSuffix(dir.RenewalInfo, "/") + "/" + id)
	if err != nil {
		return RenewalInfo{}, x.failure(op, "", err)
	}
	defer resp.Body.Close()
	info, fault := readRenewalInfo(resp)
	if fault != nil {
		fault.Op = op
		return RenewalInfo{}, fault
	}
	return info, nil
}

// get makes a request without an account.
func (x *exchange) get(url string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(x.ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", x.client.userAgent)
	return (&http.Client{Transport: x}).Do(req)
}

// readRenewalInfo judges an answer.
func readRenewalInfo(resp *http.Response) (RenewalInfo, *Error) {
	wait := retryAfter(resp.Header.Get("Retry-After"), time.Now())
	fault := func(detail string) (RenewalInfo, *Error) {
		return RenewalInfo{}, &Error{Detail: detail, Status: resp.StatusCode, RetryAfter: wait, Reached: true}
	}
	if resp.StatusCode != http.StatusOK {
		return fault("the CA gave none")
	}
	var answer struct {
		SuggestedWindow struct{ Start, End time.Time }
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&answer); err != nil {
		return fault("the CA's answer is not what RFC 9773 describes")
	}
	window := answer.SuggestedWindow
	switch {
	case window.Start.IsZero() || window.End.IsZero():
		return fault("the CA's window lacks a time")
	case !window.Start.Before(window.End):
		return fault("the CA's window ends before it begins")
	}
	return RenewalInfo{Start: window.Start, End: window.End, RetryAfter: wait}, nil
}
