package acmeclient

import (
	"sync"
	"time"

	"github.com/go-acme/lego/v4/acme"
)

// Authorization is what is known of one authorization of an order (RFC 8555 §7.1.4): what the CA has said last, and what
// it was told. Nothing in it is secret. Until the CA was asked about it, there is its URL alone.
type Authorization struct {
	// URL is where the account can ask the CA again, with a POST-as-GET.
	URL string `json:"url"`
	// Name is the name as the certificate shows it.
	Name string `json:"name,omitempty"`
	// Status is one of RFC 8555 §7.1.6, such as "pending".
	Status string `json:"status,omitempty"`
	// Expires is when the CA forgets it, zero if it does not say.
	Expires time.Time `json:"expires,omitzero"`
	// Seen is when the CA said all this.
	Seen time.Time `json:"seen,omitzero"`
	// Challenge is the type of the challenge that counts: the one that failed, or else that the solver answers.
	Challenge string `json:"challenge,omitempty"`
	// TXT is the text of the record that the CA is to find; empty for challenges other than [DNS01].
	TXT string `json:"txt,omitempty"`
	// Account and Issuers are those of a [Challenge] of type [DNSPersist01].
	Account string   `json:"account,omitempty"`
	Issuers []string `json:"issuers,omitempty"`
	// Told is when the CA was told to look, zero if it was not, or not by this process.
	Told time.Time `json:"told,omitzero"`
	// ErrorType and Detail are why it has failed, as in an [Error].
	ErrorType string `json:"errorType,omitempty"`
	Detail    string `json:"detail,omitempty"`
}

// sightings are what is known of an order's authorizations, by URL.
type sightings struct {
	mu   sync.Mutex
	seen map[string]Authorization
}

// note enters something about an authorization, and tells who wants to know.
func (o *order) note(url string, enter func(*Authorization)) {
	if o.req.Seen == nil {
		return
	}
	o.sightings.mu.Lock()
	defer o.sightings.mu.Unlock()
	if o.sightings.seen == nil {
		o.sightings.seen = map[string]Authorization{}
	}
	a := o.sightings.seen[url]
	a.URL = url
	enter(&a)
	o.sightings.seen[url] = a
	o.req.Seen(a)
}

// noteURLs tells where the order's authorizations are.
func (o *order) noteURLs() {
	for _, url := range o.state.Authorizations {
		o.note(url, func(*Authorization) {})
	}
}

// look asks the CA about an authorization.
func (o *order) look(url string) (acme.Authorization, error) { return o.lookWith(o.job, url) }

// lookWith is look with the tools of another piece of work.
func (o *order) lookWith(j *job, url string) (acme.Authorization, error) {
	authz, err := j.core.Authorizations.Get(url)
	if err == nil {
		o.note(url, func(a *Authorization) { o.enter(a, authz) })
	}
	return authz, err
}

// enter puts down what the CA has said.
func (o *order) enter(a *Authorization, authz acme.Authorization) {
	a.Name, a.Status = oneLine(nameOf(authz)), oneLine(authz.Status)
	a.Expires, a.Seen = authz.Expires.UTC().Truncate(time.Second), time.Now().UTC().Truncate(time.Second)
	if ch := o.offered(authz); ch != nil {
		a.Challenge = ch.Type
	}
	if failed := failedChallenge(authz); failed != nil {
		e := o.refusal(authz)
		a.Challenge, a.ErrorType, a.Detail = oneLine(failed.Type), e.Type, e.Detail
	}
}

// present notes what the CA is to find.
func (a *Authorization) present(ch Challenge) {
	a.TXT, a.Account, a.Issuers = ch.TXT(), ch.Account, ch.Issuers
}

// failedChallenge is the one that has failed, nil if none has.
func failedChallenge(authz acme.Authorization) *acme.Challenge {
	for i := range authz.Challenges {
		if authz.Challenges[i].Error != nil {
			return &authz.Challenges[i]
		}
	}
	return nil
}
