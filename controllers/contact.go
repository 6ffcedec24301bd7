package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/wildcast/wildcast/acmeclient"
	"github.com/wildcast/wildcast/controllers/loop"
)

// contactPause is how long a CA that did not take an account's new contact is left alone, if it names no longer time.
const contactPause = time.Hour

// lacksContact reports whether the issuer has an e-mail address that the CA was not told. One that was removed stays the
// contact: the library that signs requests leaves an empty one out.
func (i *Issuer) lacksContact(account *corev1.Secret) bool {
	return i.Registration.Email != "" && string(account.Data[accountEmail]) != i.Registration.Email
}

// tellContact has the CA know an e-mail address that has changed since the account was registered (RFC 8555 §7.3.2). An
// account is as good with its old contact: a CA that does not take the new one is a matter for an Event, and is asked again
// later.
func (c *Controller) tellContact(ctx context.Context, s *corev1.Secret, issuer *Issuer) (again time.Duration, err error) {
	kept := c.caches.accounts.get(accountName(issuer.Name))
	if _, registered := accountOf(kept, issuer); !registered || !issuer.lacksContact(kept) {
		return 0, nil
	}
	ctx, cancel := graced(ctx)
	defer cancel()
	c.issuerLoop.Away(func() { err = c.changeContact(ctx, issuer) })
	if waiting, ok := errors.AsType[putOffError](err); ok {
		return until(waiting.next, time.Now()), nil
	}
	if failure, ok := errors.AsType[*acmeclient.Error](err); ok {
		c.log.Warn("Contact was not changed", zap.String("issuer", issuer.Name.String()), zap.Error(err))
		c.told.secret(s, corev1.EventTypeWarning, ReasonInvalidIssuer, "Register", fmt.Sprintf(
			"email: the CA was not told the new one: %v. It is tried again later, or when this Secret changes; the account works with its old contact.", failure))
		return contactWait(err), nil
	}
	return 0, err
}

func contactWait(cause error) time.Duration {
	if failure, ok := errors.AsType[*acmeclient.Error](cause); ok {
		return max(failure.RetryAfter, contactPause)
	}
	return contactPause
}

// changeContact tells the CA the address, and notes that it did or when to try again. It reads the account live, since a
// cache that lags must not tell it twice.
func (c *Controller) changeContact(ctx context.Context, issuer *Issuer) error {
	name := accountName(issuer.Name)
	kept, err := c.kube.CoreV1().Secrets(name.Namespace).Get(ctx, name.Name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("read account of issuer %s: %w", issuer.Name, err)
	}
	account, registered := accountOf(kept, issuer)
	if !registered || !issuer.lacksContact(kept) {
		return nil
	}
	if next := nextRegistration(kept, issuer); time.Now().Before(next) {
		return putOffError{next}
	}
	ca, err := c.cas.get(issuer)
	if err != nil {
		return loop.Permanent(err)
	}
	if err := ca.ChangeContact(ctx, account, issuer.Registration.Email); err != nil {
		return errors.Join(err, c.putOff(ctx, kept, issuer, contactWait(err)))
	}
	return c.keepAccount(ctx, kept, issuer)
}
