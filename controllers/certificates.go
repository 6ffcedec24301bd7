package controllers

import (
	"context"
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
	"k8s.io/utils/ptr"

	"github.com/wildcast/wildcast/acmeclient/dns01"
)

// fieldManager is our name in the managedFields of objects.
const fieldManager = "wildcast"

// view is everything that decides about one certificate, at one time.
type view struct {
	name    types.NamespacedName
	want    *Want // first or standIn: see decide
	inputs  string
	refused []Refusal
	secret  *corev1.Secret // may be nil
	record  *Record
	now     time.Time

	first   *Want  // what is wanted, from the issuer that was asked
	standIn *Want  // the same from its fallback; nil if it has none, or that may not
	unfit   string // why it may not
	why     string // why the fallback is asked, if it is

	solvers     []dns01.Settings
	solversHash string

	held   *Have // what heldBy holds
	heldBy *corev1.Secret
}

func (v *view) plan() Plan { return planFor(v.want, v.have(), v.record, v.inputs, v.now) }

// turnTo makes v about what is wanted from one of its issuers.
func (v *view) turnTo(want *Want) {
	v.want, v.inputs = want, ""
	if want != nil && want.Issuer != nil {
		v.inputs = want.inputs(v.solversHash, v.asked())
	}
}

// have is what the Secret holds, and what the CA says about that.
func (v *view) have() *Have {
	if v.heldBy != v.secret {
		v.held, v.heldBy = haveOf(v.secret), v.secret
	}
	return v.record.inform(v.held)
}

// reconcileCertificate brings the Secret of that name to what is asked of it.
func (c *Controller) reconcileCertificate(ctx context.Context, name types.NamespacedName) (time.Duration, error) {
	defer func() { c.certificateLoop.Add(c.places.leave(name)...) }()
	v := c.gather(name)
	c.told.refusals(name, v.refused)
	c.showRefused(v.refused)
	turn, err := c.consult(ctx, v)
	if err != nil {
		return 0, err
	}
	again, err := c.act(ctx, v)
	return sooner(again, turn), err
}

// act does what is planned.
func (c *Controller) act(ctx context.Context, v *view) (time.Duration, error) {
	name := v.name
	plan, spent := c.decide(v)
	c.log.Debug("Planned", zap.String("certificate", name.String()), zap.String("do", string(plan.Do)), zap.String("why", plan.Why), zap.Time("again", plan.At))
	c.metrics.next(name, plan)
	switch plan.Do {
	case Keep:
		c.told.certificate(v)
		if v.redressed() != nil {
			return c.change(ctx, v)
		}
	case Wait:
		if !spent.Until.IsZero() {
			c.tellSpent(v, spent)
		}
	case Lack:
		c.told.certificate(v, lacksSolver(v.want.Issuer.Name, unserved(v.want.Issuer, v.solvers, v.want.Names)))
	case Issue:
		if _, registered := c.account(v.want.Issuer); !registered {
			return c.awaitAccount(v), nil
		}
		return c.changeInPlace(ctx, v)
	case Install, Refuse:
		return c.change(ctx, v)
	case Release:
		if err := c.handOver(ctx, v); err != nil {
			return 0, err
		}
	case Remove, Forget:
		if !c.allKnown() {
			return 0, nil // an Ingress or a Gateway that cannot be read may ask for it; join and learn bring us back
		}
		return 0, c.remove(ctx, v, plan.Do)
	}
	return until(plan.At, v.now), nil
}

// decide plans what to do, and chooses the issuer of an order that is due: the one that was asked, or its fallback for as
// long as the first avoids it. Where both wait, it is looked at again as soon as one may be asked.
func (c *Controller) decide(v *view) (Plan, Spent) {
	v.turnTo(v.first)
	plan, spent := c.planned(v)
	if v.standIn == nil || plan.Do != Issue && plan.Do != Wait {
		return plan, spent
	}
	if v.why = v.first.avoids(v, spent); v.why == "" {
		return plan, spent
	}
	v.turnTo(v.standIn)
	other, spent := c.planned(v)
	if !plan.At.IsZero() && !other.At.IsZero() {
		other.At = earlier(plan.At, other.At)
	}
	return other, spent
}

// planned is what to do with v's issuer. A new order for which there is no solver, or no room in the ledger, is not made.
func (c *Controller) planned(v *view) (Plan, Spent) {
	plan := v.plan()
	if plan.Do != Issue {
		return plan, Spent{}
	}
	begun := v.carriesOn() && v.record.URL != ""
	if lacking := unserved(v.want.Issuer, v.solvers, v.want.Names); len(lacking) > 0 && !begun {
		return Plan{Do: Lack, Why: "no solver answers for " + strings.Join(lacking, ", ")}, Spent{}
	}
	return c.afford(v, plan)
}

// lacksSolver is that no solver answers for some names. The order would fail at the CA.
func lacksSolver(issuer types.NamespacedName, names []string) Problem {
	return Problem{ReasonIssuerNotReady, fmt.Sprintf("Issuer %s has no valid solver for %s. Make one, or correct the one that is there "+
		"(kubectl -n %s get secrets --field-selector=type=%s): kubectl -n %s create secret generic NAME --type=%s "+
		"--from-literal=provider=CODE --from-literal=zones=%s, and the settings of that provider.",
		issuer, strings.Join(names, ", "), issuer.Namespace, TypeSolver, issuer.Namespace, TypeSolver, strings.Join(bases(names), ","))}
}

// sooner is the shorter of two waits; zero is one that does not end.
func sooner(a, b time.Duration) time.Duration {
	if a == 0 || b == 0 {
		return a + b
	}
	return min(a, b)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// until is how long it is to t, zero if t is.
func until(t, now time.Time) time.Duration {
	if t.IsZero() {
		return 0
	}
	return max(t.Sub(now), time.Second)
}

// gather reads the caches.
func (c *Controller) gather(name types.NamespacedName) *view {
	v := &view{
		name:   name,
		secret: c.caches.managed.get(name),
		record: recordOf(c.caches.orders.get(recordName(name))),
		now:    time.Now(),
	}
	v.first, v.refused = wantOf(c.asks.forCertificate(name), c.issuer)
	if v.first != nil && v.first.Issuer != nil {
		v.solvers, v.solversHash = c.solversIn(v.first.Issuer.Name.Namespace)
		v.standIn, v.unfit = c.findStandIn(v)
	}
	v.turnTo(v.first)
	return v
}

// asked is the text of AnnotationRenew.
func (v *view) asked() string {
	if v.secret == nil {
		return ""
	}
	return v.secret.Annotations[AnnotationRenew]
}

// solversIn returns the valid solvers of a namespace and a hash of them.
func (c *Controller) solversIn(namespace string) (solvers []dns01.Settings, hash string) {
	hashes := map[string][]byte{}
	for _, s := range c.caches.solvers.in(namespace) {
		if solver, err := ParseSolver(s, c.home, c.solverPrograms); err == nil {
			solvers = append(solvers, solver)
			hashes[s.Name] = []byte(hashData(s.Data))
		}
	}
	return solvers, hashData(hashes)
}

// errRecordTaken is that somebody else's Secret has the name of a record.
var errRecordTaken = errors.New("not a record of orders")

// refresh replaces what the caches say of the Secret and its record by what the API server says: before an order, a
// cache that lags must not cost a second one.
func (c *Controller) refresh(ctx context.Context, v *view) error {
	for name, into := range map[types.NamespacedName]**corev1.Secret{v.name: &v.secret, recordName(v.name): &v.record.secret} {
		s, err := c.kube.CoreV1().Secrets(name.Namespace).Get(ctx, name.Name, metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
			s = nil
		case err != nil:
			return fmt.Errorf("read %s: %w", name, err)
		}
		*into = s
	}
	if s := v.record.secret; s != nil && s.Type != TypeOrder {
		return fmt.Errorf("%w: %s is of type %s", errRecordTaken, nameOf(s), s.Type)
	}
	if c.outlived(v.secret) {
		v.secret = emptied(v.secret)
	}
	v.record = recordOf(v.record.secret)
	return nil
}

// changeInPlace is change for what takes somebody else's time: no worker waits for that, and no more of them are under way
// than the places allow.
func (c *Controller) changeInPlace(ctx context.Context, v *view) (again time.Duration, err error) {
	wanted := c.places.toObtain(v)
	if len(wanted) == 0 {
		return c.change(ctx, v)
	}
	if !c.places.take(v.name, wanted...) {
		return 0, nil // leave brings us back
	}
	c.certificateLoop.Away(func() { again, err = c.change(ctx, v) })
	return again, err
}

// change decides again with what the API server says now, and writes.
func (c *Controller) change(ctx context.Context, v *view) (time.Duration, error) {
	ctx, cancel := graced(ctx)
	defer cancel()
	c.obstacles.Store(v.name, struct{}{}) // before it is read, so that no later change is missed
	err := c.refresh(ctx, v)
	if errors.Is(err, errRecordTaken) {
		c.told.certificate(v, Problem{ReasonNotOurs, fmt.Sprintf("Secret %s stands where wildcast keeps the orders of certificate %s. "+
			"Remove it, or give the certificate another name.", recordName(v.name), v.name)})
	}
	if err != nil {
		return 0, err
	}
	plan, _ := c.decide(v)
	if plan.Do != Refuse {
		c.obstacles.Delete(v.name)
	}
	switch plan.Do {
	case Refuse:
		c.told.certificate(v, notOurs(v.name, v.secret))
		return 0, nil // Noticed brings us back
	case Install:
		return c.putBack(ctx, v)
	case Issue:
		c.log.Info("Ordering certificate", zap.String("certificate", v.name.String()), zap.Strings("names", v.want.Names), zap.String("why", plan.Why))
		return c.issue(ctx, v)
	case Keep:
		return until(plan.At, v.now), c.keepDressed(ctx, v)
	}
	return until(plan.At, v.now), nil
}

// keepDressed repairs our labels and annotations on a Secret whose certificate is right.
func (c *Controller) keepDressed(ctx context.Context, v *view) error {
	s := v.redressed()
	if s == nil {
		return nil
	}
	if _, err := c.kube.CoreV1().Secrets(s.Namespace).Update(ctx, s, metav1.UpdateOptions{FieldManager: fieldManager}); err != nil {
		return fmt.Errorf("update annotations of certificate %s: %w", v.name, err)
	}
	return nil
}

// putBack is install, unless somebody goes on writing over the certificate and its time has not come.
func (c *Controller) putBack(ctx context.Context, v *view) (time.Duration, error) {
	if !v.overwritten() {
		return c.install(ctx, v)
	}
	if wait := c.contests.wait(v.name, v.now); wait > 0 {
		c.told.certificate(v, contested(v))
		return wait, nil
	}
	again, err := c.install(ctx, v)
	if err == nil {
		c.contests.repaired(v.name, v.now)
	}
	return again, err
}

// install writes the certificate that the record holds into its Secret: both keys in one write.
func (c *Controller) install(ctx context.Context, v *view) (time.Duration, error) {
	s := tlsSecret(v.want, v.record, v.secret)
	if err := c.write(ctx, s, v.secret); err != nil {
		return 0, fmt.Errorf("store certificate %s: %w", v.name, err)
	}
	have := v.record.inform(haveOf(s))
	c.announce(v, have)
	turn := c.turns.of(v.name, have.Serial, v.record.intervalFor(have), v.now)
	return until(earlier(have.renewAt(v.want.RenewBefore), turn), v.now), nil
}

// write creates the Secret or replaces the one before it. One of another type, or one that is immutable, goes first.
func (c *Controller) write(ctx context.Context, s, before *corev1.Secret) error {
	secrets := c.kube.CoreV1().Secrets(s.Namespace)
	if before != nil && before.Type == s.Type && !ptr.Deref(before.Immutable, false) {
		_, err := secrets.Update(ctx, s, metav1.UpdateOptions{FieldManager: fieldManager})
		return err
	}
	if before != nil {
		err := secrets.Delete(ctx, s.Name, metav1.DeleteOptions{Preconditions: preconditions(before)})
		if err != nil && !apierrors.IsNotFound(err) {
			return err
		}
		s.UID, s.ResourceVersion = "", ""
	}
	_, err := secrets.Create(ctx, s, metav1.CreateOptions{FieldManager: fieldManager})
	return err
}

func preconditions(s *corev1.Secret) *metav1.Preconditions {
	return &metav1.Preconditions{UID: ptr.To(s.UID), ResourceVersion: ptr.To(s.ResourceVersion)}
}

// announce tells the log and the owners of the Ingresses of a certificate that has just been stored.
func (c *Controller) announce(v *view, have *Have) {
	reason, verb := ReasonIssued, "Issued"
	if haveOf(v.secret).isCertificate() {
		reason, verb = ReasonRenewed, "Renewed"
	}
	c.log.Info(verb+" certificate", zap.String("certificate", v.name.String()), zap.Strings("names", have.Names),
		zap.String("serial", have.Serial), zap.Time("notAfter", have.NotAfter))
	c.told.certificate(v)
	c.told.askers(v.want.Asks, corev1.EventTypeNormal, reason, "Issue", fmt.Sprintf(
		"Certificate %s for %s is valid until %s.", v.name, strings.Join(have.Names, ", "), have.NotAfter.UTC().Format(time.RFC3339)))
}

// remove deletes a record that nobody needs, and with [Remove] the expired certificate before it.
func (c *Controller) remove(ctx context.Context, v *view, do Action) error {
	secrets := []*corev1.Secret{v.record.secret}
	if do == Remove {
		secrets = []*corev1.Secret{v.secret, v.record.secret}
	}
	for _, s := range secrets {
		err := c.kube.CoreV1().Secrets(s.Namespace).Delete(ctx, s.Name, metav1.DeleteOptions{Preconditions: preconditions(s)})
		if err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("remove %s, which nobody needs: %w", nameOf(s), err)
		}
		c.log.Info("Removed what nobody needs", zap.String("secret", nameOf(s).String()))
	}
	return nil
}

// notOurs is that somebody else's Secret stands in the way.
func notOurs(name types.NamespacedName, s *corev1.Secret) Problem {
	if by := s.Annotations[certManagerPrefix+"certificate-name"]; by != "" {
		way := "Stop cert-manager, or remove that Certificate and the annotations on an Ingress that it was made for"
		if slices.ContainsFunc(s.OwnerReferences, isCertManagers) {
			way = "Do not remove that Certificate now, since the Secret would go with it: stop cert-manager"
		}
		return Problem{ReasonNotOurs, fmt.Sprintf("Secret %s is kept by cert-manager, as Certificate %s. %s; then hand the Secret over: "+
			"kubectl annotate -n %s secret %s %s=true", name, by, way, name.Namespace, name.Name, AnnotationAdopt)}
	}
	return Problem{ReasonNotOurs, fmt.Sprintf("Secret %s exists and was not made by wildcast. Remove it, or hand it over: "+
		"kubectl annotate -n %s secret %s %s=true", name, name.Namespace, name.Name, AnnotationAdopt)}
}
