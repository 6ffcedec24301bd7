package controllers

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/retry"

	"github.com/wildcast/wildcast/acmeclient"
	"github.com/wildcast/wildcast/acmeclient/dns01"
)

const (
	// orderTimeout bounds an order. What it has achieved is recorded, and the next attempt carries on.
	orderTimeout = 15 * time.Minute
	// accountPatience is how long an issuer may take to register before Ingresses are told.
	accountPatience = 10 * time.Second
)

// issue orders the certificate that v wants, or carries on with the order in flight, and stores it. Each step is in the
// record before it is taken, so that whoever finds the record can go on:
//
//	record the key and the inputs    then ask the CA for an order
//	record the order's URL           then answer its challenges and finalize it
//	record the chain                 then write the Secret
func (c *Controller) issue(ctx context.Context, v *view) (time.Duration, error) {
	account, registered := c.account(v.want.Issuer)
	if !registered {
		return c.awaitAccount(v), nil
	}
	if spent := c.reserve(v, account); !spent.Until.IsZero() {
		return c.putOffOrder(v, spent), nil
	}
	defer c.ledger.release(v.name)
	if err := c.begin(ctx, v, account); err != nil {
		return 0, err
	}
	started, resumed := time.Now(), v.record.URL != ""
	chain, err := c.obtain(ctx, account, v)
	v.now = time.Now() // an order may take minutes, and a CA counts Retry-After from its end
	c.metrics.ordered(v.want.Issuer.Name, err, v.now.Sub(started))
	if err != nil {
		return c.orderFailed(ctx, v, err, resumed)
	}
	v.record.Suggestion = c.suggestion(ctx, v, v.want.Issuer, leafOf(chain)) // so that it is recorded with the chain, in one write
	c.turns.taken(v.name, v.record.Suggestion.Serial, v.record.Suggestion.Every, v.now)
	early := v.record.succeed(chain, v.want.RenewBefore, v.now)
	if err := c.keepRecord(ctx, v); err != nil {
		return 0, err
	}
	if early {
		c.tellEarly(v)
	}
	return c.install(ctx, v)
}

// begin records a new order's key and inputs. An order in flight for the same inputs is carried on with.
func (c *Controller) begin(ctx context.Context, v *view, account acmeclient.Account) error {
	r := v.record
	if v.carriesOn() {
		if r.Account != account.URL {
			r.Account, r.Replaces = account.URL, ""
		}
		return nil
	}
	key, err := newKey(v.want, haveOf(v.secret))
	if err != nil {
		return fmt.Errorf("generate key of certificate %s: %w", v.name, err)
	}
	next := &Record{
		Inputs: v.inputs, Issuer: v.want.Issuer.Name.String(), Names: v.want.Names, Key: key, secret: r.secret,
		Account: account.URL, Replaces: v.replaces(account), Renew: v.asked(), Suggestion: r.Suggestion,
		Attempts: recent(r.Attempts, v.now), InsteadOf: v.want.InsteadOf, Last: r.brought(),
	}
	next.inherit(r)
	v.record = next
	if err := c.keepRecord(ctx, v); err != nil {
		return err
	}
	c.told.askers(v.want.Asks, corev1.EventTypeNormal, ReasonRequested, "Order", fmt.Sprintf(
		"Ordering certificate %s for %s from issuer %s.%s", v.name, strings.Join(v.want.Names, ", "), v.want.Issuer.Name, v.reason()))
	return nil
}

// newKey is the certificate's next key: a new one, or the one that it has if the issuer says so and the type is right.
func newKey(want *Want, have *Have) (crypto.Signer, error) {
	if !want.rotates() && have != nil && have.Key != nil && have.KeyType == want.KeyType {
		return have.Key, nil
	}
	return want.KeyType.generate()
}

// keepRecord writes the record.
func (c *Controller) keepRecord(ctx context.Context, v *view) error {
	s, err := v.record.object(v.name)
	if err != nil {
		return err
	}
	secrets := c.kube.CoreV1().Secrets(s.Namespace)
	if v.record.secret == nil {
		s, err = secrets.Create(ctx, s, metav1.CreateOptions{FieldManager: fieldManager})
	} else {
		s, err = secrets.Update(ctx, s, metav1.UpdateOptions{FieldManager: fieldManager})
	}
	if err != nil {
		return fmt.Errorf("%w of certificate %s: %w", errNotRecorded, v.name, err)
	}
	v.record.secret = s
	return nil
}

// keepURL writes the record with the URL of a new order. An order whose URL is not recorded is ordered again, so it tries
// for some seconds; a conflict means that another process leads by now.
func (c *Controller) keepURL(ctx context.Context, v *view) error {
	patience := wait.Backoff{Duration: 100 * time.Millisecond, Factor: 2, Steps: 7}
	mayPass := func(err error) bool { return ctx.Err() == nil && !apierrors.IsConflict(err) }
	return retry.OnError(patience, mayPass, func() error { return c.keepRecord(ctx, v) })
}

// obtain has the issuer make the certificate and returns the chain.
func (c *Controller) obtain(ctx context.Context, account acmeclient.Account, v *view) ([]byte, error) {
	if v.want.Issuer.Kind == KindACME {
		return c.order(ctx, account, v)
	}
	return c.sign(ctx, v)
}

// order runs the ACME order and returns the chain.
func (c *Controller) order(ctx context.Context, account acmeclient.Account, v *view) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, orderTimeout)
	defer cancel()
	ca, err := c.cas.get(v.want.Issuer)
	if err != nil {
		return nil, err
	}
	seen := sightingsOf(v.record)
	defer seen.end(v.record)
	request := acmeclient.Request{
		Names:          slices.Clone(v.want.Names),
		Key:            v.record.Key,
		URL:            v.record.URL,
		Profile:        v.want.Profile,
		PreferredChain: v.want.PreferredChain,
		Replaces:       v.record.Replaces,
		Begun: func(ctx context.Context, url string) error {
			v.record.URL = url
			v.record.see(seen.list())
			c.made(v, account)
			if err := c.keepURL(ctx, v); err != nil {
				return err
			}
			c.follow(ctx, v, seen)
			return nil
		},
		Seen:   seen.saw,
		Solver: c.solver(v),
	}
	if v.want.Duration > 0 {
		request.NotAfter = v.now.Add(v.want.Duration)
	}
	if request.URL != "" {
		c.follow(ctx, v, seen)
	}
	return ca.Order(ctx, account, request)
}

// solver returns what answers the issuer's challenges.
func (c *Controller) solver(v *view) acmeclient.Solver {
	if v.want.Issuer.HTTP01 {
		return c.pageSolver(v)
	}
	return c.solvers.Solver(v.solvers, func(m dns01.Missing) { c.tellWaiting(v, m) })
}

// orderFailed enters the failure into the record and tells the owners of the Ingresses. A failure that the record does
// not settle is returned, so that the loop backs off.
func (c *Controller) orderFailed(ctx context.Context, v *view, cause error, resumed bool) (time.Duration, error) {
	v.record.Down = v.record.outageAfter(cause, v.now)
	settled := v.record.fail(cause, resumed, v.now)
	c.ledger.note(v.name, v.record.Attempts)
	if settled || v.record.LastError != cause.Error() || v.outageIsNews() {
		v.record.LastError = cause.Error()
		if err := c.keepRecord(ctx, v); err != nil {
			return 0, errors.Join(cause, err)
		}
	}
	switch {
	case errors.Is(cause, acmeclient.ErrAccountGone):
		return until(v.record.Next, v.now), c.forgetAccount(ctx, v.want.Issuer)
	case settled && v.record.Next.IsZero():
		c.log.Info("Beginning a new order", zap.String("certificate", v.name.String()), zap.Error(cause))
		return time.Millisecond, nil
	}
	c.tellFailed(v, cause)
	if v.fallsBack() {
		c.log.Warn("Order failed, asking the fallback", zap.String("certificate", v.name.String()),
			zap.String("fallback", v.standIn.Issuer.Name.String()), zap.Error(cause))
		return time.Millisecond, nil
	}
	if !settled {
		return 0, fmt.Errorf("order certificate %s: %w", v.name, cause)
	}
	next := v.record.attempt(v.have())
	c.metrics.next(v.name, Plan{Do: Wait, At: next})
	c.log.Warn("Order failed", zap.String("certificate", v.name.String()), zap.Int("failures", v.record.Failures),
		zap.Time("again", next), zap.Error(cause))
	return until(next, v.now) + time.Millisecond, nil
}

// tellFailed says what failed and when it goes on.
func (c *Controller) tellFailed(v *view, cause error) {
	reason, when := ReasonOrderFailed, "It is tried again in a while."
	if next := v.record.attempt(v.have()); !next.IsZero() {
		when = "The next attempt is at " + next.UTC().Format(time.RFC3339) + ", or when the Ingress, the issuer or a solver changes."
	}
	switch {
	case errors.Is(cause, acmeclient.ErrAccountClosed):
		when = closedRemedy(v.want.Issuer.Name) + " " + when
	case errors.Is(cause, acmeclient.ErrPaused) && !v.record.Limited:
		reason, when = ReasonRateLimited, "The CA has paused these names. Open the link that it gives and unpause them; then change the "+
			"Ingress or wait: the next attempt is at "+v.record.Next.UTC().Format(time.RFC3339)+"."
	case v.record.Limited:
		reason, when = ReasonRateLimited, "The CA asks to wait: the next attempt is at "+v.record.Next.UTC().Format(time.RFC3339)+"."
	}
	if v.fallsBack() {
		when = fmt.Sprintf("Its fallback, issuer %s, is asked now.", v.standIn.Issuer.Name)
	}
	c.told.certificate(v, Problem{reason, fmt.Sprintf("Certificate %s was not issued: %v. %s%s%s", v.name, cause, v.mayNotLast(cause), when, v.noStandIn(Spent{}))})
}

// mayNotLast says, for an Event, that the CA may have refused the order for the duration that it named.
func (v *view) mayNotLast(cause error) string {
	refusal, ok := errors.AsType[*acmeclient.Error](cause)
	if !ok || refusal.Type != "malformed" || v.want.Issuer.Kind != KindACME || v.want.Duration == 0 {
		return ""
	}
	return fmt.Sprintf("It was asked to last %s, which not every CA lets one choose: if this one does not, remove the duration. ", v.want.Duration)
}

// tellEarly says that a new certificate is due for renewal already.
func (c *Controller) tellEarly(v *view) {
	have := v.record.have()
	c.log.Warn("New certificate is due for renewal already", zap.String("certificate", v.name.String()),
		zap.Time("notBefore", have.NotBefore), zap.Time("notAfter", have.NotAfter), zap.Time("again", v.record.Next))
	c.told.askers(v.want.Asks, corev1.EventTypeWarning, ReasonOrderFailed, "Order", fmt.Sprintf(
		"Certificate %s is new, valid from %s until %s, and due for renewal already. Check the clock here and the CA's. The next attempt is at %s.",
		v.name, have.NotBefore.UTC().Format(time.RFC3339), have.NotAfter.UTC().Format(time.RFC3339), v.record.Next.UTC().Format(time.RFC3339)))
}

func (c *Controller) tellWaiting(v *view, m dns01.Missing) {
	note := fmt.Sprintf("Certificate %s waits for the TXT record %s, which these DNS servers do not have yet: %s.", v.name, m.FQDN, strings.Join(m.Servers, ", "))
	if m.Create != "" {
		note = fmt.Sprintf("Certificate %s waits for a TXT record that you have to create once: name %s value %q. "+
			"The order goes on within about five minutes after that. It was looked for at %s.", v.name, m.FQDN, m.Create, strings.Join(m.Servers, ", "))
	}
	c.told.askers(v.want.Asks, corev1.EventTypeWarning, ReasonWaitingForDNS, "Order", note)
}

// account returns the issuer's account at its CA, if it needs one; false if the issuer cannot work yet.
func (c *Controller) account(issuer *Issuer) (acmeclient.Account, bool) {
	if issuer.Kind != KindACME {
		return acmeclient.Account{}, issuer.Kind != KindCA || issuer.Authority != nil
	}
	if c.surveys {
		url := c.caches.issuers.get(issuer.Name).Annotations[AnnotationAccount]
		return acmeclient.Account{URL: url}, url != ""
	}
	return accountOf(c.caches.accounts.get(accountName(issuer.Name)), issuer)
}

// awaitAccount waits for the event of the account, or of the pair that another issuer makes. An issuer that has had time
// to get ready and did not is told once.
func (c *Controller) awaitAccount(v *view) (again time.Duration) {
	s := c.caches.issuers.get(v.want.Issuer.Name)
	if s != nil && v.now.Sub(s.CreationTimestamp.Time) < accountPatience {
		return accountPatience
	}
	c.told.certificate(v, notReady(v.want.Issuer.Name))
	return 0
}

func notReady(issuer types.NamespacedName) Problem {
	return Problem{ReasonIssuerNotReady, fmt.Sprintf("Issuer %s is not ready yet; see: kubectl describe -n %s secret %s",
		issuer, issuer.Namespace, issuer.Name)}
}
