package controllers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/wildcast/wildcast/acmeclient"
	"github.com/wildcast/wildcast/acmeclient/dns01"
)

// How long an issuer is waited for before its fallback is asked.
const (
	leastPatience = 10 * time.Minute
	mostPatience  = 24 * time.Hour
	// outageGap is the longest time between two attempts of one outage. One that was seen last longer ago is over.
	outageGap = time.Hour
)

// avoids decides whether an order that is due goes to the fallback of its issuer, and says why; it stays with the issuer
// for an empty text. spent is what the ledger says of the issuer. It is the first row that applies:
//
//	an order at the fallback is in flight, with no failure so far           fallback
//	the CA asks to wait, or has paused a name, for longer than patience     fallback
//	the ledger leaves no room for longer than patience                      fallback
//	the CA has been down for longer than patience: it was not reached, or   fallback
//	answered with a status 5xx, in each attempt, the last within outageGap
//	the CA refuses the order, or anything else fails, such as DNS           issuer
//
// So a short outage changes nothing, and an issuer that is asked again while its fallback fails as well is asked as seldom
// as without. Each order is decided anew: the next renewal is the issuer's, unless it still cannot.
func (w *Want) avoids(v *view, spent Spent) (why string) {
	own, patience := v.record.of(w.Issuer.Name.String()), w.patience(v.have(), v.now)
	long := func(until time.Time) bool {
		ahead := until.Sub(v.now)
		return patience < ahead && ahead <= longestWait
	}
	seen := later(own.Down.To, own.Next)
	switch {
	case v.standIn != nil && v.standIn.inFlight(v):
		return "its order has begun"
	case own.Limited && long(own.Next):
		return "whose CA asks to wait until " + own.Next.UTC().Format(time.RFC3339)
	case own.Paused && own.Inputs == w.inputs(v.solversHash, v.asked()) && long(own.Next):
		return "whose CA has paused these names"
	case long(spent.Until):
		return fmt.Sprintf("since %s; it can order again at %s", spent.What, spent.Until.UTC().Format(time.RFC3339))
	case own.Down.To.Sub(own.Down.From) >= patience && v.now.Sub(seen) <= outageGap:
		return "whose CA has been out of reach since " + own.Down.From.UTC().Format(time.RFC3339)
	}
	return ""
}

// patience is how long an issuer is waited for:
//
//	no certificate serves all names now     10 min
//	one does, for another d                 d/10, at least 10 min and at most a day
func (w *Want) patience(have *Have, now time.Time) time.Duration {
	if !have.serves(w.Names, now) {
		return leastPatience
	}
	return min(max(have.NotAfter.Sub(now)/10, leastPatience), mostPatience)
}

// inFlight reports whether the record is of an order for w that has begun, and of which nothing bad is known.
func (w *Want) inFlight(v *view) bool {
	r := v.record
	return r.Inputs == w.inputs(v.solversHash, v.asked()) && r.InsteadOf == w.InsteadOf && r.Key != nil && len(r.Chain) == 0 && r.LastError == ""
}

// first is the issuer that was asked for: its own, or the one for which its issuer stands in.
func (w *Want) first() string {
	if w.InsteadOf != "" {
		return w.InsteadOf
	}
	return w.Issuer.Name.String()
}

// outage is when a CA was found down first and last, without an answer in between.
type outage struct {
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`
}

// after is the outage after an attempt that found the CA down, and was due at that time.
func (o outage) after(due, now time.Time) outage {
	now = now.UTC().Truncate(time.Second)
	if o.From.IsZero() || now.Sub(later(o.To, due)) > outageGap {
		o.From = now
	}
	o.To = now
	return o
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// outageAfter is what is known of the CA's outage after an attempt that ended with this error, for which the record still
// has the time. An end of ours tells nothing.
func (r *Record) outageAfter(cause error, now time.Time) outage {
	refusal, ok := errors.AsType[*acmeclient.Error](cause)
	switch {
	case ok && refusal.Down:
		return r.Down.after(r.Next, now)
	case errors.Is(cause, context.Canceled), errors.Is(cause, context.DeadlineExceeded), errors.Is(cause, errNotRecorded):
		return r.Down
	}
	return outage{}
}

// from is what is wanted, from an issuer that stands in. Profile and chain are things of a CA, so they are the issuer's;
// all else is as the first issuer and the askers have it.
func (w *Want) from(issuer *Issuer) *Want {
	other := *w
	other.Issuer, other.InsteadOf = issuer, w.Issuer.Name.String()
	other.Profile, other.PreferredChain = issuer.Profile, issuer.PreferredChain
	return &other
}

// unfit says why an issuer may not make this certificate in the place of another one, empty if it may. All who ask must be
// allowed to ask it, since all get the certificate.
func (w *Want) unfit(issuer *Issuer, namespaceLabels func(string) labels.Set, home string) string {
	if fault := issuer.attainable(w.Names); fault != "" {
		return fault
	}
	if problem := permittedNames(w.Names, issuer); problem != nil {
		return problem.Note
	}
	for _, ask := range w.Asks {
		if fault := issuer.unreachable(ask.By.Kind); fault != "" {
			return fault
		}
		if ask.By.Kind == AskerStanding && ask.By.Namespace == home {
			continue // its owner is the issuer's
		}
		r := rules{namespaceLabels: namespaceLabels(ask.By.Namespace)}
		if problem := r.permittedNamespace(ask.By.Namespace, issuer); problem != nil {
			return problem.Note
		}
	}
	return ""
}

// fallsBack reports whether an order that has just failed at the first issuer goes to the fallback.
func (v *view) fallsBack() bool {
	return v.want == v.first && v.standIn != nil && v.first.avoids(v, Spent{}) != ""
}

// outageIsNews reports whether the record in the cluster lags behind what is known of an outage that the fallback depends
// on. Failures that come soon after one another are not worth a write each.
func (v *view) outageIsNews() bool {
	return v.want == v.first && v.want.Issuer.Fallback != "" && v.record.Down.To.Sub(recordOf(v.record.secret).Down.To) >= time.Minute
}

// reason says, for an Event, why the fallback is asked.
func (v *view) reason() string {
	if v.want.InsteadOf == "" {
		return ""
	}
	return fmt.Sprintf(" It is the fallback of issuer %s, %s.", v.want.InsteadOf, v.why)
}

// noStandIn says, for an Event, why the fallback of an issuer that cannot issue is not asked.
func (v *view) noStandIn(spent Spent) string {
	if v.unfit == "" || v.first.avoids(v, spent) == "" {
		return ""
	}
	return fmt.Sprintf(" Its fallback, issuer %s, cannot stand in: %s", v.first.Issuer.Fallback, v.unfit)
}

// setFallback reads the name of the issuer that stands in for this one.
func (i *Issuer) setFallback(v string) error {
	if v != "" && len(validation.IsDNS1123Subdomain(v)) > 0 {
		return fmt.Errorf("%.100q cannot be the name of an issuer; name another Secret of type %s", v, TypeIssuer)
	}
	if v == i.Name.Name {
		return errors.New("an issuer cannot stand in for itself; name another one")
	}
	i.Fallback = v
	return nil
}

// fallbackOf returns the issuer that is named as another one's fallback, or says what is wrong with it. That one's own
// fallback does not count, so that there are neither chains nor cycles.
func (c *Controller) fallbackOf(issuer *Issuer) (fallback *Issuer, fault string) {
	name := types.NamespacedName{Namespace: issuer.Name.Namespace, Name: issuer.Fallback}
	fallback, err := c.issuer(name)
	switch {
	case err != nil:
		return nil, fmt.Sprintf("issuer %s is not valid: %v; repair it", name, err)
	case fallback == nil:
		return nil, fmt.Sprintf("there is no Secret %s of type %s in namespace %s; create it, or remove the key", name.Name, TypeIssuer, name.Namespace)
	case fallback.Kind != KindACME:
		return nil, fmt.Sprintf("issuer %s is of kind %s; name one of kind acme", name, fallback.Kind)
	}
	return fallback, ""
}

// findStandIn returns what is wanted from the issuer's fallback; or says why it cannot be had there; or neither, if the
// issuer has none.
func (c *Controller) findStandIn(v *view) (standIn *Want, fault string) {
	if v.first.Issuer.Fallback == "" {
		return nil, ""
	}
	issuer, fault := c.fallbackOf(v.first.Issuer)
	if fault == "" {
		fault = v.first.unfit(issuer, func(name string) labels.Set { return c.namespaceLabels(name) }, c.home)
	}
	if fault != "" {
		return nil, fault
	}
	if _, registered := c.account(issuer); !registered {
		return nil, notReady(issuer.Name).Note
	}
	if lacking := unserved(issuer, v.solvers, v.first.Names); len(lacking) > 0 {
		return nil, lacksSolver(issuer.Name, lacking).Note
	}
	return v.first.from(issuer), ""
}

// unserved are the names for which an issuer has no solver.
func unserved(issuer *Issuer, solvers []dns01.Settings, names []string) []string {
	if issuer.Kind != KindACME || issuer.HTTP01 {
		return nil
	}
	return dns01.Unserved(solvers, names)
}

// leaningOn returns the issuers whose fallback is the one of that name.
func (c *Controller) leaningOn(on types.NamespacedName) map[types.NamespacedName]bool {
	found := map[types.NamespacedName]bool{}
	for _, s := range c.caches.issuers.in(on.Namespace) {
		if strings.TrimSpace(string(s.Data["fallback"])) == on.Name {
			found[nameOf(s)] = true
		}
	}
	return found
}
