package controllers

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/publicsuffix"
	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/acmeclient"
)

// rate is how many of something a CA allows within a time.
type rate struct {
	most int
	per  time.Duration
}

// limits are those of a CA.
type limits struct {
	orders   rate // of an account
	domain   rate // certificates under a registered domain
	set      rate // certificates for exactly the same names
	failures rate // failed validations of a name, by an account
}

// knownLimits are the limits of CAs by their directory (https://letsencrypt.org/docs/rate-limits/). Other CAs say what
// they do not like, and that is waited for.
func knownLimits() map[string]limits {
	known := map[string]limits{}
	if directory, err := acmeclient.DirectoryURL("letsencrypt"); err == nil {
		known[directory] = limits{
			orders: rate{300, 3 * time.Hour}, domain: rate{50, week}, set: rate{5, week}, failures: rate{5, time.Hour},
		}
	}
	return known
}

// week is the longest time that a limit is about, and how long attempts are remembered.
const week = 7 * 24 * time.Hour

// attempt is an order that a CA has made, as far as its limits are concerned.
type attempt struct {
	At      time.Time `json:"at"`
	CA      string    `json:"ca"` // URL of the directory
	Account string    `json:"account"`
	Names   []string  `json:"names"`
	Exempt  bool      `json:"exempt,omitempty"` // the CA does not count it: it asked for this renewal
	Ended   time.Time `json:"ended,omitzero"`   // when it failed; zero if it brought a certificate, or still may
	Failed  string    `json:"failed,omitempty"` // name whose validation failed
}

// attemptsOf reads what a record remembers.
func attemptsOf(data map[string][]byte) (all []attempt) {
	if json.Unmarshal(data[orderAttempts], &all) != nil {
		return nil
	}
	return all
}

// ahead is how far the clocks of those who write records may be ahead of ours. What is said to happen later has not
// happened: it must not stop orders until then.
const ahead = time.Hour

// recent are the attempts that a limit may still be about.
func recent(all []attempt, now time.Time) []attempt {
	return slices.DeleteFunc(slices.Clone(all), func(a attempt) bool { return now.Sub(a.At) > week || a.At.Sub(now) > ahead })
}

// domains are the registered domains of the names: example.co.uk for *.a.example.co.uk.
func (a attempt) domains() (domains []string) {
	for _, name := range a.Names {
		name = strings.TrimPrefix(name, "*.")
		domain, err := publicsuffix.EffectiveTLDPlusOne(name)
		if err != nil {
			domain = name // a public suffix itself
		}
		if !slices.Contains(domains, domain) {
			domains = append(domains, domain)
		}
	}
	return domains
}

func (a attempt) set() string { return strings.Join(slices.Sorted(slices.Values(a.Names)), ",") }

// use is of a limit by something, such as a domain.
type use struct{ limit, of string }

// count is what an attempt counts for one limit.
type count struct {
	use
	at time.Time
}

// counts says what an attempt that was made counts.
//
//	exempt                       nothing
//	any other                    an order of the account
//	that brought a certificate   one under each registered domain, one for the set of names
//	that failed a validation     a failure of the name, for the account
func (a attempt) counts() []count {
	if a.Exempt {
		return nil
	}
	all := []count{{use{limitOrders, a.Account}, a.At}}
	if a.Failed != "" {
		all = append(all, count{use{limitFailures, a.Account + " " + a.Failed}, a.Ended})
	}
	if !a.Ended.IsZero() {
		return all
	}
	for _, domain := range a.domains() {
		all = append(all, count{use{limitDomain, domain}, a.At})
	}
	return append(all, count{use{limitSet, a.set()}, a.At})
}

// touches says which limits an attempt to be made depends on.
func (a attempt) touches() []count {
	all := a.counts()
	if a.Exempt {
		return nil
	}
	for _, name := range a.Names {
		all = append(all, count{use{limitFailures, a.Account + " " + strings.TrimPrefix(name, "*.")}, a.At})
	}
	return all
}

// The limits, as they are named in metrics.
const (
	limitOrders   = "orders"
	limitDomain   = "certificates-of-domain"
	limitSet      = "certificates-of-set"
	limitFailures = "failures"
)

func (l limits) rate(limit string) rate {
	return map[string]rate{limitOrders: l.orders, limitDomain: l.domain, limitSet: l.set, limitFailures: l.failures}[limit]
}

// Spent is that a limit of the CA leaves no room for an order; the zero value is that there is room.
type Spent struct {
	What  string // the limit, for people
	Until time.Time
}

// spent says which limit is reached.
func (l limits) spent(c count, until time.Time) Spent {
	of := c.of
	if _, name, ok := strings.Cut(of, " "); ok && c.limit == limitFailures {
		of = name
	}
	what := map[string]string{
		limitOrders:   "orders of one account",
		limitDomain:   "certificates under " + of,
		limitSet:      "certificates for exactly " + LabelValue(of),
		limitFailures: "failed validations of " + of,
	}[c.limit]
	r := l.rate(c.limit)
	return Spent{fmt.Sprintf("the CA allows %d %s in %s, and so many there were", r.most, what, r.per), until}
}

// ledger knows the attempts that were made, from the records of orders in the cluster and from what this process does. It
// is safe for concurrent use.
type ledger struct {
	limits   map[string]limits         // by directory
	mayOrder func(ca string) orderable // see look

	mu      sync.Mutex
	made    map[types.NamespacedName][]attempt // by certificate
	pending map[types.NamespacedName]attempt   // about to be made
}

// orderable tells whether somebody in a namespace may have these names ordered at a CA.
type orderable func(namespace string, names []string) bool

func newLedger(mayOrder func(ca string) orderable) *ledger {
	return &ledger{
		limits: knownLimits(), mayOrder: mayOrder,
		made: map[types.NamespacedName][]attempt{}, pending: map[types.NamespacedName]attempt{},
	}
}

// note learns what a record remembers. What is known is never forgotten for a record that lags, or is gone.
func (l *ledger) note(certificate types.NamespacedName, attempts []attempt) {
	if len(attempts) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	known := l.made[certificate]
	for _, a := range attempts {
		if a.At.Equal(l.pending[certificate].At) {
			delete(l.pending, certificate)
		}
		i := slices.IndexFunc(known, func(k attempt) bool { return k.At.Equal(a.At) })
		switch {
		case i < 0:
			known = append(known, a)
		case known[i].Ended.IsZero():
			known[i] = a
		}
	}
	l.made[certificate] = known
}

// take makes room for an attempt, until it is noted or released, or tells which limit leaves none.
func (l *ledger) take(certificate types.NamespacedName, a attempt, now time.Time) Spent {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.look(certificate, a, now)
	if s.Until.IsZero() {
		l.pending[certificate] = a
	}
	return s
}

// release gives back what take took, if no order was made.
func (l *ledger) release(certificate types.NamespacedName) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.pending, certificate)
}

// spent tells whether a limit leaves no room for an attempt.
func (l *ledger) spent(certificate types.NamespacedName, a attempt, now time.Time) Spent {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.look(certificate, a, now)
}

// look finds the limit that leaves no room for the longest. A record is a Secret, and says what whoever may write Secrets in
// its namespace wants it to say. So it stops an order of another namespace only where its own may order such names: who may
// can spend the limit anyhow.
func (l *ledger) look(certificate types.NamespacedName, a attempt, now time.Time) (longest Spent) {
	known, limited := l.limits[a.CA]
	if !limited {
		return Spent{}
	}
	mayOrder := l.mayOrder(a.CA)
	all := l.counted(a.CA, certificate, now, func(by types.NamespacedName, made attempt) bool {
		return by.Namespace == certificate.Namespace || mayOrder(by.Namespace, made.Names)
	})
	for _, c := range a.touches() {
		r, times := known.rate(c.limit), all[c.use]
		times = inTime(times, r, now)
		if len(times) < r.most {
			continue
		}
		if until := times[len(times)-r.most].Add(r.per); until.After(longest.Until) {
			longest = known.spent(c, until)
		}
	}
	return longest
}

// counted are the times of all that counts at a CA, but for what is pending for the certificate itself, and what a record
// says that is not believed.
func (l *ledger) counted(ca string, but types.NamespacedName, now time.Time, believed func(types.NamespacedName, attempt) bool) map[use][]time.Time {
	all := map[use][]time.Time{}
	add := func(a attempt) {
		if a.CA != ca {
			return
		}
		for _, c := range a.counts() {
			all[c.use] = append(all[c.use], c.at)
		}
	}
	for certificate, attempts := range l.made {
		l.made[certificate] = recent(attempts, now)
		for _, a := range l.made[certificate] {
			if believed(certificate, a) {
				add(a)
			}
		}
	}
	for certificate, a := range l.pending {
		if certificate != but {
			add(a)
		}
	}
	return all
}

// inTime are the times that a rate is about now, sorted.
func inTime(times []time.Time, r rate, now time.Time) []time.Time {
	times = slices.DeleteFunc(slices.Clone(times), func(t time.Time) bool { return now.Sub(t) >= r.per || t.Sub(now) > ahead })
	slices.SortFunc(times, time.Time.Compare)
	return times
}

// left calls f with what is left of each limit of which something was used, by what all records say, and with the limit.
func (l *ledger) left(now time.Time, f func(ca, limit, of string, left, most int)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := func(types.NamespacedName, attempt) bool { return true }
	for ca, known := range l.limits {
		for key, times := range l.counted(ca, types.NamespacedName{}, now, all) {
			r := known.rate(key.limit)
			if used := len(inTime(times, r, now)); used > 0 {
				f(ca, key.limit, key.of, max(0, r.most-used), r.most)
			}
		}
	}
}
