package vendors

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// accounts are those of one vendor, by their secret, and what its clients have done.
type accounts struct {
	mu      sync.Mutex
	zones   map[string][]string
	refuse  bool
	refused int
	strayed []string
}

// add makes an account for zones and returns its secret.
func (a *accounts) add(kind string, zones []string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.zones == nil {
		a.zones = map[string][]string{}
	}
	secret := kind + "-" + rand.Text()
	a.zones[secret] = zones
	return secret
}

// Refuse makes every answer an error that repeats the client's credentials, or ends that.
func (a *accounts) Refuse(all bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refuse = all
}

// Refused returns how many requests Refuse has refused.
func (a *accounts) Refused() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.refused
}

// Strayed returns the requests that were made with the credentials of another account than the name's.
func (a *accounts) Strayed() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.strayed)
}

// refuses counts.
func (a *accounts) refuses() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.refuse {
		a.refused++
	}
	return a.refuse
}

// may tells whether an account may change a name.
func (a *accounts) may(secret, name string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	name = strings.TrimSuffix(name, ".")
	for _, zone := range a.zones[secret] {
		if name == zone || strings.HasSuffix(name, "."+zone) {
			return true
		}
	}
	a.strayed = append(a.strayed, fmt.Sprintf("%s by the account of %v", name, a.zones[secret]))
	return false
}
