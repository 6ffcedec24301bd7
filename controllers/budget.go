package controllers

import (
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/wildcast/wildcast/acmeclient"
)

// attempt is the order that v would make with this account. The CA does not count a renewal in the window that it has
// suggested if the order says what it replaces. (An order for which the CA says alreadyReplaced is made without; that it
// then counts is not known here, and the CA's refusal would be heeded.)
func (v *view) attempt(account acmeclient.Account) attempt {
	replaces := v.record.Replaces
	if !v.carriesOn() {
		replaces = v.replaces(account)
	}
	have := v.have()
	return attempt{
		At: v.now.UTC(), CA: v.want.Issuer.Server, Account: account.URL, Names: v.want.Names,
		Exempt: replaces != "" && have.isCertificate() && have.Window.holds(v.now),
	}
}

// carriesOn reports whether the record is of an order for what is wanted that has not ended.
func (v *view) carriesOn() bool {
	r := v.record
	return r.Inputs == v.inputs && r.Key != nil && len(r.Chain) == 0
}

// afford puts a planned order off that a limit of the CA would stop. An order that is at the CA already is not a new one.
func (c *Controller) afford(v *view, plan Plan) (Plan, Spent) {
	if _, limited := c.ledger.limits[v.want.Issuer.Server]; !limited || v.carriesOn() && v.record.URL != "" {
		return plan, Spent{}
	}
	account, registered := c.account(v.want.Issuer)
	if !registered {
		return plan, Spent{}
	}
	spent := c.ledger.spent(v.name, v.attempt(account), v.now)
	if spent.Until.IsZero() {
		return plan, Spent{}
	}
	return Plan{Do: Wait, Why: spent.What, At: spent.Until}, spent
}

// reserve makes room for a new order in the ledger, or tells which limit leaves none.
func (c *Controller) reserve(v *view, account acmeclient.Account) Spent {
	if v.carriesOn() && v.record.URL != "" {
		return Spent{}
	}
	return c.ledger.take(v.name, v.attempt(account), v.now)
}

// mayOrder tells whom the issuers for the whole cluster would order names at a CA for. The home namespace is theirs.
func (c *Controller) mayOrder(ca string) orderable {
	var issuers []*Issuer
	for _, s := range c.caches.issuers.in(c.home) {
		if issuer, err := c.parseIssuer(s); err == nil && issuer.Server == ca {
			issuers = append(issuers, issuer)
		}
	}
	return func(namespace string, names []string) bool {
		if namespace == c.home {
			return true
		}
		r := c.rulesFor(namespace)
		return slices.ContainsFunc(issuers, func(issuer *Issuer) bool { return r.mayOrder(namespace, names, issuer) })
	}
}

// mayOrder reports whether an issuer would order the names for an asker of the namespace, which gets no wildcard's key
// without its label.
func (r rules) mayOrder(namespace string, names []string, issuer *Issuer) bool {
	if len(names) == 0 || permittedNames(names, issuer) != nil || r.permittedNamespace(namespace, issuer) != nil {
		return false
	}
	certificate := sharedName(names)
	return !slices.ContainsFunc(names, isWildcard) || r.selected(certificate, issuer.SyncFor(certificate), namespace) == nil
}

// made enters the order that the CA has just made into the record and the ledger.
func (c *Controller) made(v *view, account acmeclient.Account) {
	if _, limited := c.ledger.limits[v.want.Issuer.Server]; limited {
		v.record.Attempts = append(recent(v.record.Attempts, v.now), v.attempt(account))
		c.ledger.note(v.name, v.record.Attempts)
	}
}

// putOffOrder waits until a limit leaves room.
func (c *Controller) putOffOrder(v *view, spent Spent) (again time.Duration) {
	c.metrics.next(v.name, Plan{Do: Wait, At: spent.Until})
	c.tellSpent(v, spent)
	if v.want == v.first && v.standIn != nil && v.first.avoids(v, spent) != "" {
		return time.Millisecond
	}
	return until(spent.Until, v.now)
}

// tellSpent says which limit stops an order, and when it goes on.
func (c *Controller) tellSpent(v *view, spent Spent) {
	c.log.Debug("Order is put off", zap.String("certificate", v.name.String()), zap.String("why", spent.What), zap.Time("until", spent.Until))
	c.told.certificate(v, Problem{ReasonRateLimited, fmt.Sprintf("Certificate %s is not ordered yet: %s. The order is made at %s.%s",
		v.name, spent.What, spent.Until.UTC().Format(time.RFC3339), v.noStandIn(spent))})
}
