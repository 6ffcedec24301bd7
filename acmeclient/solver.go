package acmeclient

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
)

// Types of challenges.
const (
	// DNS01 is answered with a TXT record (RFC 8555 §8.4).
	DNS01 = "dns-01"
	// HTTP01 is answered with a page at the name itself (RFC 8555 §8.3). No wildcard can be had with it.
	HTTP01 = "http-01"
	// DNSPersist01 is answered with a TXT record that names the account and stays (draft-ietf-acme-dns-persist).
	DNSPersist01 = "dns-persist-01"
)

// Challenge is what the CA wants to see before it believes that the account controls a name.
type Challenge struct {
	// Type is the challenge's type, one of the constants.
	Type string
	// Domain is the name without a leading "*.".
	Domain string
	// Token and KeyAuthorization are the CA's random text and its answer (RFC 8555 §8.1). They are secret: they never
	// appear in an error or a log. [DNSPersist01] has none.
	Token, KeyAuthorization string
	// Wildcard tells that the certificate is for "*." + Domain. With [DNSPersist01] that may be beside Domain itself:
	// one record proves both.
	Wildcard bool
	// Account and Issuers are what the record of [DNSPersist01] names: the account's URL, and the CA by any of these
	// domains.
	Account string
	Issuers []string
}

// TXT is the text of the record that answers a challenge of type [DNS01] (RFC 8555 §8.4); empty for others. It is public,
// and does not tell the key authorization that it is made of.
func (ch Challenge) TXT() string {
	if ch.Type != DNS01 {
		return ""
	}
	sum := sha256.Sum256([]byte(ch.KeyAuthorization))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Solver answers challenges. It is called for all names of an order at the same time.
type Solver interface {
	// Type returns the type of the challenge that it answers for a domain.
	Type(domain string) string
	// Present makes the answer visible to the CA and returns when it is. It may wait for its turn where two answers
	// cannot stand beside each other.
	//
	// remove takes the answer away again. It is never nil when err is nil and is called exactly once, with a context of
	// its own, also when ctx has ended. Its error changes nothing for the order, which may have succeeded by then: the
	// solver itself reports what it could not take away. When err is not nil nothing is left behind; what was
	// on its way when ctx ended is taken away by the solver itself.
	Present(ctx context.Context, ch Challenge) (remove func(context.Context) error, err error)
}

// Sweeper is a [Solver] that can take away what another process has presented and did not live to take away. It is called
// when an order is resumed.
type Sweeper interface {
	// Sweep takes the answer to the challenge away if it is there. Its error changes nothing for the order: the solver
	// itself reports it.
	Sweep(ctx context.Context, ch Challenge) error
}
