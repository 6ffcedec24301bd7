package acmeclient

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"

	"github.com/go-acme/lego/v4/acme"
)

// persistent is what a challenge of type [DNSPersist01] says and lego leaves out.
type persistent struct {
	URL     string   `json:"url"`
	Account string   `json:"accounturi"`
	Issuers []string `json:"issuer-domain-names"`
}

// notePersistent remembers the challenges of type [DNSPersist01] in an authorization; other answers have none.
func (x *exchange) notePersistent(raw []byte) {
	if !bytes.Contains(raw, []byte(`"`+DNSPersist01+`"`)) {
		return
	}
	var authz struct {
		Challenges []persistent `json:"challenges"`
	}
	if json.Unmarshal(raw, &authz) != nil {
		return // lego reads it too, and says so
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, ch := range authz.Challenges {
		x.persists[ch.URL] = ch
	}
}

// persistent returns the challenge as the solver needs it. One record proves a domain and its wildcard, so that both are
// asked for as soon as the order has both.
func (o *order) persistent(authz acme.Authorization, offered *acme.Challenge) Challenge {
	domain := domainOf(authz)
	o.mu.Lock()
	defer o.mu.Unlock()
	said := o.persists[offered.URL]
	return Challenge{
		Type:     DNSPersist01,
		Domain:   domain,
		Wildcard: authz.Wildcard || slices.Contains(o.req.Names, "*."+domain),
		Account:  cmp.Or(said.Account, o.account.URL),
		Issuers:  said.Issuers,
	}
}
