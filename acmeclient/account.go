package acmeclient

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/go-acme/lego/v4/acme"
	"github.com/go-jose/go-jose/v4"
)

// Account is a key and the URL under which the CA knows it (RFC 8555 §7.1.2).
type Account struct {
	// Key is an *ecdsa.PrivateKey on P-256 or P-384, or an *rsa.PrivateKey.
	Key crypto.Signer
	URL string
}

// Thumbprint is the account key's thumbprint in base64url (RFC 7638): a key authorization is a token, a dot and this
// (RFC 8555 §8.1). It is no secret.
func (a Account) Thumbprint() (string, error) {
	key := jose.JSONWebKey{Key: a.Key.Public()}
	sum, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("account key: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}

// Registration is what a CA wants to know of a new account.
type Registration struct {
	// Email is the contact, without "mailto:"; empty for none.
	Email string
	// EABKeyID and EABHMACKey bind the account to one at the CA's web site (RFC 8555 §7.3.4): both or neither. The HMAC
	// key is in base64, in any of its alphabets.
	EABKeyID, EABHMACKey string
}

// Register finds or makes the account that belongs to key, agrees to the CA's terms, and returns the account's URL. It
// may be called again and again: a key that has an account keeps it, and its contact. The error is an [*Error], in which
// errors.Is finds [ErrAccountClosed] when the key's account was deactivated.
func (c *Client) Register(ctx context.Context, key crypto.Signer, r Registration) (string, error) {
	const op = "register account"
	j, err := c.job(ctx, Account{Key: key})
	if err != nil {
		return "", err
	}
	hmacKey, err := r.check(j.dir.Meta.ExternalAccountRequired)
	if err != nil {
		return "", err
	}
	message := acme.Account{TermsOfServiceAgreed: true, Contact: contacts(r.Email)}
	account, err := j.newAccount(message, r.EABKeyID, hmacKey)
	if err != nil {
		return "", closed(j.failure(op, "", err))
	}
	if account.Location == "" {
		return "", &Error{Op: op, Detail: "the CA's answer does not say where the account is", Reached: true}
	}
	return account.Location, nil
}

// ChangeContact makes email the account's contact, as in [Registration] but not empty (RFC 8555 §7.3.2). The error is an
// [*Error].
func (c *Client) ChangeContact(ctx context.Context, account Account, email string) error {
	j, err := c.job(ctx, account)
	if err != nil {
		return err
	}
	_, err = j.core.Accounts.Update(account.URL, acme.Account{Contact: contacts(email)})
	return closed(j.failure("change contact", "", err))
}

// closed marks the refusal of an account that is deactivated, which has no type of error of its own: the status in the CA's
// text is all that tells it from other things that an account may not do.
func closed(err error) error {
	if e, ok := errors.AsType[*Error](err); ok && e.Type == "unauthorized" && strings.Contains(e.Detail, "deactivated") {
		e.Err = ErrAccountClosed
	}
	return err
}

func (j *job) newAccount(message acme.Account, eabKeyID, eabHMACKey string) (acme.ExtendedAccount, error) {
	if eabKeyID == "" {
		return j.core.Accounts.New(message)
	}
	return j.core.Accounts.NewEAB(message, eabKeyID, eabHMACKey)
}

// check returns the HMAC key in the alphabet of RFC 8555 §7.3.4, or says what is missing.
func (r Registration) check(required bool) (string, error) {
	fault := func(detail string) error {
		return &Error{Op: "register account", Type: "externalAccountRequired", Detail: detail}
	}
	if (r.EABKeyID == "") != (r.EABHMACKey == "") {
		return "", fault("an external account binding needs both its key ID and its HMAC key")
	}
	if r.EABKeyID == "" && required {
		return "", fault("this CA wants an external account binding: set the key ID and the HMAC key from its web site")
	}
	key := strings.NewReplacer("+", "-", "/", "_", "=", "").Replace(strings.TrimSpace(r.EABHMACKey))
	if _, err := base64.RawURLEncoding.DecodeString(key); err != nil {
		return "", fault("the HMAC key of the external account binding is not base64: copy it again from the CA's web site")
	}
	return key, nil
}

func contacts(email string) []string {
	email = strings.TrimPrefix(strings.TrimSpace(email), "mailto:")
	if email == "" {
		return []string{}
	}
	return []string{"mailto:" + email}
}

// checkAccountKey refuses the keys that RFC 8555 §6.2 or the JWS library cannot sign with.
func checkAccountKey(key crypto.Signer) error {
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return nil
	case *ecdsa.PrivateKey:
		if k.Curve == elliptic.P256() || k.Curve == elliptic.P384() {
			return nil
		}
	}
	return &Error{Op: "use account key", Detail: fmt.Sprintf("an account key is ECDSA P-256, ECDSA P-384 or RSA, not %T", key)}
}
