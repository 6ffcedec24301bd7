package controllers

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/acmeclient"
	"github.com/wildcast/wildcast/controllers/loop"
)

// Keys of an account's Secret.
const (
	accountKey    = corev1.TLSPrivateKeyKey // the private key, PEM
	accountServer = "server"                // URL of the directory that the account is for
	accountURL    = "url"                   // the account at the CA; absent until it is registered
	accountCAs    = "identities"            // the domains by which DNS records name the CA
	accountEmail  = "email"                 // the contact that the CA was told
	accountInputs = "inputs"                // hash of the issuer that the CA refused
	accountNext   = "nextAttempt"           // when to try again what the CA refused, RFC 3339
)

// accountSuffix is what the name of an account's Secret has more than its issuer's.
const accountSuffix = ".account"

// accountName is the name of the Secret that keeps an issuer's account.
func accountName(issuer types.NamespacedName) types.NamespacedName {
	return types.NamespacedName{Namespace: issuer.Namespace, Name: issuer.Name + accountSuffix}
}

// issuerOf is the inverse of accountName.
func issuerOf(account types.NamespacedName) types.NamespacedName {
	return types.NamespacedName{Namespace: account.Namespace, Name: strings.TrimSuffix(account.Name, accountSuffix)}
}

// accountOf returns the account that an issuer has registered; false if it has none yet.
func accountOf(s *corev1.Secret, issuer *Issuer) (acmeclient.Account, bool) {
	if s == nil || string(s.Data[accountServer]) != issuer.Server || len(s.Data[accountURL]) == 0 {
		return acmeclient.Account{}, false
	}
	key, err := parseKey(s.Data[accountKey])
	return acmeclient.Account{Key: key, URL: string(s.Data[accountURL])}, err == nil
}

// reconcileIssuer checks an issuer's Secret, sees to the account or the pair that it needs, and notes its state on it.
func (c *Controller) reconcileIssuer(ctx context.Context, name types.NamespacedName) (time.Duration, error) {
	c.askForAuthority(name)
	s := c.caches.issuers.get(name)
	if s == nil {
		return 0, nil
	}
	issuer, err := c.parseIssuer(s)
	if err != nil {
		return 0, c.note(ctx, s, StatusInvalid, err.Error(), "", ReasonInvalidIssuer)
	}
	if issuer.Kind != KindACME {
		return c.reconcileSigner(ctx, s, c.completed(issuer))
	}
	account, registered := accountOf(c.caches.accounts.get(accountName(name)), issuer)
	if !registered {
		ctx, cancel := graced(ctx)
		defer cancel()
		c.issuerLoop.Away(func() { account, err = c.register(ctx, issuer) })
		if err != nil {
			return c.registrationFailed(ctx, s, err)
		}
		c.log.Info("Registered account", zap.String("issuer", name.String()), zap.String("account", account.URL))
		c.told.secret(s, corev1.EventTypeNormal, ReasonAccountRegistered, "Register",
			fmt.Sprintf("The account at %s is %s.", issuer.Server, account.URL))
	}
	return c.noteRegistered(ctx, s, issuer, account.URL)
}

// noteRegistered notes on an issuer that it is ready, and what it lacks nevertheless.
func (c *Controller) noteRegistered(ctx context.Context, s *corev1.Secret, issuer *Issuer, account string) (time.Duration, error) {
	again, err := c.tellContact(ctx, s, issuer)
	if err != nil {
		return 0, err
	}
	message, reason := "The account is registered.", ""
	if again > 0 {
		message += " The CA does not know the email yet: see the Events."
	}
	if issuer.Fallback != "" {
		if _, fault := c.fallbackOf(issuer); fault != "" {
			message, reason = message+" fallback: "+fault, ReasonInvalidIssuer
		}
	}
	return again, c.note(ctx, s, StatusReady, message, account, reason)
}

// registrationFailed notes why on the issuer, and waits as registrationPause says or backs off.
func (c *Controller) registrationFailed(ctx context.Context, s *corev1.Secret, cause error) (time.Duration, error) {
	if waiting, ok := errors.AsType[putOffError](cause); ok {
		return until(waiting.next, time.Now()), nil
	}
	failure, ok := errors.AsType[*acmeclient.Error](cause)
	if !ok {
		return 0, cause // not the CA's business, nor the owner's
	}
	if !refused(failure) {
		message := fmt.Sprintf("The account is not registered yet: %v. It is tried again; check server, caBundle and the network.", cause)
		err := c.note(ctx, s, StatusInvalid, message, "", ReasonInvalidIssuer)
		if wait := registrationPause(cause); wait > 0 {
			return wait, err
		}
		return 0, errors.Join(cause, err)
	}
	remedy := "Correct email, eabKeyID, eabHMACKey or server."
	if errors.Is(cause, acmeclient.ErrAccountClosed) {
		remedy = closedRemedy(nameOf(s))
	}
	message := fmt.Sprintf("The CA refused to register the account: %s. %s", failure.Detail, remedy)
	if err := c.note(ctx, s, StatusInvalid, message, "", ReasonInvalidIssuer); err != nil {
		return 0, err
	}
	c.log.Warn("Account refused", zap.String("issuer", nameOf(s).String()), zap.Error(cause))
	return registrationPause(cause), nil
}

// closedRemedy says what to do about an issuer whose account is deactivated.
func closedRemedy(issuer types.NamespacedName) string {
	return fmt.Sprintf("The account of issuer %s is deactivated for good: delete Secret %s, and another one is registered.", issuer, accountName(issuer))
}

// refused reports whether the CA has refused a registration, or is known to, so that trying again soon is of no use. A CA
// that is out of order has refused nothing.
func refused(failure *acmeclient.Error) bool {
	if failure.Down && (failure.Type == "" || failure.Type == "serverInternal") {
		return false
	}
	return failure.Reached || failure.Type != ""
}

// registrationPause is how long to wait after a registration has failed, 0 to back off:
//
//	the CA refused, or is known to     as long as after a failed order, or longer if it says so
//	it is out of order, or of reach    as long as it says, if it does
//	anything else                      0
func registrationPause(cause error) time.Duration {
	failure, ok := errors.AsType[*acmeclient.Error](cause)
	switch {
	case !ok:
		return 0
	case refused(failure):
		return max(failure.RetryAfter, pause(2))
	}
	return failure.RetryAfter
}

// putOffError is that the time of the next registration has not come.
type putOffError struct{ next time.Time }

func (e putOffError) Error() string {
	return "registration is put off until " + e.next.Format(time.RFC3339)
}

// nextRegistration is the time before which a CA must not be asked again what it refused. Another issuer is another
// question.
func nextRegistration(account *corev1.Secret, issuer *Issuer) time.Time {
	next, err := time.Parse(time.RFC3339, string(account.Data[accountNext]))
	if err != nil || string(account.Data[accountInputs]) != issuer.Hash {
		return time.Time{}
	}
	return next
}

// putOff records when to ask the CA again: neither the events of what we write, nor a restart, nor another leader asks it
// earlier.
func (c *Controller) putOff(ctx context.Context, account *corev1.Secret, issuer *Issuer, wait time.Duration) error {
	if wait == 0 {
		return nil
	}
	account.Data[accountInputs] = []byte(issuer.Hash)
	account.Data[accountNext] = []byte(time.Now().Add(wait).UTC().Format(time.RFC3339))
	if _, err := c.kube.CoreV1().Secrets(account.Namespace).Update(ctx, account, metav1.UpdateOptions{FieldManager: fieldManager}); err != nil {
		return fmt.Errorf("put off account of issuer %s: %w", issuer.Name, err)
	}
	return nil
}

// register makes the issuer's account: its key is in the cluster before the CA hears of it, so that a process that dies
// in between finds the same account again.
func (c *Controller) register(ctx context.Context, issuer *Issuer) (acmeclient.Account, error) {
	kept, key, err := c.keepAccountKey(ctx, issuer)
	if err != nil {
		return acmeclient.Account{}, err
	}
	if next := nextRegistration(kept, issuer); time.Now().Before(next) {
		return acmeclient.Account{}, putOffError{next}
	}
	ca, err := c.cas.get(issuer)
	if err != nil {
		return acmeclient.Account{}, loop.Permanent(err)
	}
	url, err := ca.Register(ctx, key, issuer.Registration)
	if err != nil {
		return acmeclient.Account{}, errors.Join(err, c.putOff(ctx, kept, issuer, registrationPause(err)))
	}
	identities, err := ca.Identities(ctx)
	if err != nil {
		return acmeclient.Account{}, err
	}
	kept.Data[accountURL], kept.Data[accountCAs] = []byte(url), []byte(strings.Join(identities, ","))
	return acmeclient.Account{Key: key, URL: url}, c.keepAccount(ctx, kept, issuer)
}

// keepAccount records an account of which the CA knows what the issuer says.
func (c *Controller) keepAccount(ctx context.Context, account *corev1.Secret, issuer *Issuer) error {
	delete(account.Data, accountInputs)
	delete(account.Data, accountNext)
	account.Data[accountEmail] = []byte(issuer.Registration.Email)
	if _, err := c.kube.CoreV1().Secrets(account.Namespace).Update(ctx, account, metav1.UpdateOptions{FieldManager: fieldManager}); err != nil {
		return fmt.Errorf("record account of issuer %s: %w", issuer.Name, err)
	}
	return nil
}

// keepAccountKey returns the Secret with the account's key for the issuer's server, making or changing it as needed.
// The Secret that it returns has no URL and may be changed.
func (c *Controller) keepAccountKey(ctx context.Context, issuer *Issuer) (*corev1.Secret, crypto.Signer, error) {
	name := accountName(issuer.Name)
	secrets := c.kube.CoreV1().Secrets(name.Namespace)
	s, err := secrets.Get(ctx, name.Name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return c.newAccountKey(ctx, issuer)
	case err != nil:
		return nil, nil, fmt.Errorf("read account of issuer %s: %w", issuer.Name, err)
	case s.Type != TypeAccount:
		return nil, nil, loop.Permanent(fmt.Errorf("secret %s stands where the account of issuer %s is kept, and is not of type %s: remove it",
			name, issuer.Name, TypeAccount))
	}
	key, err := parseKey(s.Data[accountKey])
	if err != nil {
		return nil, nil, loop.Permanent(fmt.Errorf("account %s: %w: remove that Secret, and a new account is made", name, err))
	}
	delete(s.Data, accountURL)
	if string(s.Data[accountServer]) == issuer.Server {
		return s, key, nil
	}
	s.Data[accountServer] = []byte(issuer.Server)
	if s, err = secrets.Update(ctx, s, metav1.UpdateOptions{FieldManager: fieldManager}); err != nil {
		return nil, nil, fmt.Errorf("record new server of issuer %s: %w", issuer.Name, err)
	}
	return s, key, nil
}

func (c *Controller) newAccountKey(ctx context.Context, issuer *Issuer) (*corev1.Secret, crypto.Signer, error) {
	key, err := EC256.generate()
	if err != nil {
		return nil, nil, fmt.Errorf("generate account key: %w", err)
	}
	text, err := marshalKey(key)
	if err != nil {
		return nil, nil, err
	}
	name := accountName(issuer.Name)
	s, err := c.kube.CoreV1().Secrets(name.Namespace).Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: name.Namespace, Name: name.Name},
		Type:       TypeAccount,
		Data:       map[string][]byte{accountKey: text, accountServer: []byte(issuer.Server)},
	}, metav1.CreateOptions{FieldManager: fieldManager})
	if err != nil {
		return nil, nil, fmt.Errorf("keep account key of issuer %s: %w", issuer.Name, err)
	}
	return s, key, nil
}

// forgetAccount makes the issuer register again, with the same key, after the CA said that it does not know the account.
func (c *Controller) forgetAccount(ctx context.Context, issuer *Issuer) error {
	s, _, err := c.keepAccountKey(ctx, issuer)
	if err != nil {
		return err
	}
	delete(s.Data, accountInputs)
	delete(s.Data, accountNext)
	c.log.Warn("The CA does not know the account; registering it again", zap.String("issuer", issuer.Name.String()))
	if _, err := c.kube.CoreV1().Secrets(s.Namespace).Update(ctx, s, metav1.UpdateOptions{FieldManager: fieldManager}); err != nil {
		return fmt.Errorf("forget account of issuer %s: %w", issuer.Name, err)
	}
	return nil
}

// reconcileSolver checks a solver's Secret and notes its state on it.
func (c *Controller) reconcileSolver(ctx context.Context, name types.NamespacedName) (time.Duration, error) {
	s := c.caches.solvers.get(name)
	if s == nil {
		return 0, nil
	}
	solver, err := ParseSolver(s, c.home, c.solverPrograms)
	if err != nil {
		return 0, c.note(ctx, s, StatusInvalid, err.Error(), "", ReasonInvalidSolver)
	}
	return 0, c.note(ctx, s, StatusReady, readiness(solver, c.caches.accounts.in(name.Namespace)), "", "")
}

// note writes status and message on an issuer or solver, and tells its owner with an Event if they are news and reason
// is not empty. It writes nothing when nothing changed, or when s is behind: the event of its newer state brings us back.
func (c *Controller) note(ctx context.Context, s *corev1.Secret, status, message, account, reason string) error {
	message = shortened(message)
	before := s.Annotations
	if before[AnnotationStatus] == status && before[AnnotationMessage] == message && before[AnnotationAccount] == account {
		return nil
	}
	out := s.DeepCopy()
	if out.Annotations == nil {
		out.Annotations = map[string]string{}
	}
	out.Annotations[AnnotationStatus] = status
	out.Annotations[AnnotationMessage] = message
	set(out.Annotations, AnnotationAccount, account, account != "")
	_, err := c.kube.CoreV1().Secrets(s.Namespace).Update(ctx, out, metav1.UpdateOptions{FieldManager: fieldManager})
	switch {
	case apierrors.IsConflict(err):
		return nil
	case err != nil:
		return fmt.Errorf("note status on %s: %w", nameOf(s), err)
	}
	if reason != "" {
		c.told.secret(s, corev1.EventTypeWarning, reason, "Check", message)
	}
	return nil
}

// shortened cuts a message that quotes a very long value: annotations have room for 256 KiB in all.
func shortened(message string) string {
	const most = 2000
	if len(message) <= most {
		return message
	}
	return strings.ToValidUTF8(message[:most], "") + "..."
}

// cas are the clients of the CAs that issuers use, each made once.
type cas struct {
	userAgent string
	mu        sync.Mutex
	clients   map[string]authority
}

// authority is a CA. An [acmeclient.Client] is one.
type authority interface {
	Identities(ctx context.Context) (domains []string, err error)
	Register(ctx context.Context, key crypto.Signer, r acmeclient.Registration) (url string, err error)
	ChangeContact(ctx context.Context, account acmeclient.Account, email string) error
	Order(ctx context.Context, account acmeclient.Account, req acmeclient.Request) (chain []byte, err error)
	RenewalInfo(ctx context.Context, id string) (acmeclient.RenewalInfo, error)
}

func newCAs(userAgent string) *cas {
	return &cas{userAgent: userAgent, clients: map[string]authority{}}
}

func (c *cas) get(issuer *Issuer) (authority, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := issuer.Server + "\n" + string(issuer.CABundle)
	if client, ok := c.clients[key]; ok {
		return client, nil
	}
	client, err := acmeclient.New(acmeclient.Config{Directory: issuer.Server, CABundle: issuer.CABundle, UserAgent: c.userAgent})
	if err != nil {
		return nil, fmt.Errorf("issuer %s: %w", issuer.Name, err)
	}
	c.clients[key] = client
	return client, nil
}
