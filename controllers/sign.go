package controllers

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/controllers/signers"
	"github.com/wildcast/wildcast/controllers/signers/vault"
)

// How long a certificate lives that this package signs, if nobody says.
const (
	leafDuration = 90 * 24 * time.Hour
	caDuration   = 10 * 365 * 24 * time.Hour
)

// authoritySuffix is what the name of the Secret with a CA's pair has more than the issuer that signs with it.
const authoritySuffix = ".authority"

// authorityName is the name of the Secret in which the pair is kept that another issuer has made for this one.
func authorityName(issuer types.NamespacedName) types.NamespacedName {
	return types.NamespacedName{Namespace: issuer.Namespace, Name: issuer.Name + authoritySuffix}
}

// sign makes the certificate that v wants with what its issuer has, and returns the chain.
func (c *Controller) sign(ctx context.Context, v *view) ([]byte, error) {
	r := v.want.request()
	r.Key = v.record.Key
	issued, err := v.want.Issuer.sign(ctx, r, v.now)
	if err != nil {
		return nil, err
	}
	if issued.Cut {
		c.told.askers(v.want.Asks, corev1.EventTypeWarning, ReasonCutShort, "Issue", fmt.Sprintf(
			"Certificate %s ends with its CA at %s, before the %s that it should last. Give issuer %s a new CA.",
			v.name, v.want.Issuer.Authority.Ends().UTC().Format(time.RFC3339), r.Duration, v.want.Issuer.Name))
	}
	v.record.CA = issued.CA
	return issued.Chain, nil
}

func (i *Issuer) sign(ctx context.Context, r signers.Request, now time.Time) (signers.Issued, error) {
	switch i.Kind {
	case KindCA:
		return i.Authority.Sign(r, now)
	case KindVault:
		return vault.Sign(ctx, i.Vault, r)
	}
	return signers.SelfSign(r, now)
}

// request is what an issuer is asked to sign; the key is still to come.
func (w *Want) request() signers.Request {
	usages, life := w.Usages, leafDuration
	switch {
	case w.CA:
		life = caDuration
	case usages.IsZero():
		usages = signers.ServerUsages
	}
	return signers.Request{
		Names: w.Names, IPs: w.IPs, URIs: w.URIs, Subject: w.name(), Usages: usages, CA: w.CA, Duration: cmp.Or(w.Duration, life),
	}
}

// unlike says in what else than names and key a certificate is not as its issuer would sign it now, empty for nothing.
// What an ACME CA makes of a request is its own affair, what Vault does is but for the addresses, and so is a certificate that was handed over. Its lifetime is not
// looked at: another duration is for the next certificate.
func (w *Want) unlike(have *Have) string {
	if w.Issuer.Kind == KindACME || !have.Managed {
		return ""
	}
	r := w.request()
	r.Key = have.Key
	if w.Issuer.Kind == KindVault {
		return r.DiffersInSANs(have.Leaf)
	}
	if fault := r.Differs(have.Leaf); fault != "" {
		return fault
	}
	if a := w.Issuer.Authority; a != nil && !a.Signed(have.Leaf) {
		return "another CA has signed it"
	}
	return ""
}

// completed returns the issuer with the pair that another issuer has made for it, once there is one.
func (c *Controller) completed(issuer *Issuer) *Issuer {
	have := secret(c.caches.managed, authorityName(issuer.Name))
	if issuer.Root == "" || have == nil {
		return issuer
	}
	key, err := parseKey(have.Data[corev1.TLSPrivateKeyKey])
	if err != nil {
		return issuer
	}
	if authority, err := signers.NewAuthority(have.Data[corev1.TLSCertKey], key, have.Data[caKey]); err == nil {
		issuer.Authority = authority
	}
	return issuer
}

// askForAuthority asks for the pair of an issuer that has another issuer make it.
func (c *Controller) askForAuthority(name types.NamespacedName) {
	s := secret(c.caches.issuers, name)
	if s == nil {
		c.passOn(c.asks.set(askerID{AskerIssuer, name}, nil))
		return
	}
	issuer, err := c.parseIssuer(s)
	if err != nil {
		return // what it has asked for stays as it is
	}
	by := Asker{AskerIssuer, name, s.UID, s.CreationTimestamp.Time}
	asks, problems := c.rulesFor(name.Namespace).authorityAsk(by, issuer)
	c.passOn(c.asks.set(by.id(), asks))
	c.told.problems(by, problems)
}

// authorityAsk is what an issuer asks of the one that makes its pair; nothing if none does. That one is in the same
// namespace: a CA below one that serves other namespaces could certify what no zones allow.
func (r rules) authorityAsk(by Asker, issuer *Issuer) (asks []Ask, problems []Problem) {
	if issuer.Root == "" {
		return nil, nil
	}
	name := types.NamespacedName{Namespace: by.Namespace, Name: issuer.Root}
	root, err := r.issuer(name)
	var fault string
	switch {
	case err != nil:
		fault = fmt.Sprintf("%s is not valid: %v.", name, err)
	case root == nil:
		fault = fmt.Sprintf("there is no Secret %.253s of type %s; create it in this namespace, with kind selfsigned.", name, TypeIssuer)
	case root.Kind != KindCA && root.Kind != KindSelfSigned:
		fault = fmt.Sprintf("%s is of kind %s, which certifies no CAs; name one of kind selfsigned or ca.", name, root.Kind)
	}
	if fault != "" {
		problems = []Problem{{ReasonInvalidIssuer, "issuer: " + fault}}
	}
	kept := authorityName(issuer.Name)
	return []Ask{{
		By: by, Certificate: kept, Issuer: name, SecretName: kept.Name, Held: fault != "",
		Traits: Traits{CommonName: issuer.Name.Name, CA: true},
	}}, problems
}

// reconcileSigner notes the state of an issuer that signs by itself.
func (c *Controller) reconcileSigner(ctx context.Context, s *corev1.Secret, issuer *Issuer) (time.Duration, error) {
	if issuer.Kind == KindVault {
		return 0, c.note(ctx, s, StatusReady, fmt.Sprintf("Certificates are signed at %s with role %s.", issuer.Vault.Server, issuer.Vault.Role), "", "")
	}
	if issuer.Kind == KindSelfSigned {
		return 0, c.note(ctx, s, StatusReady, "Each certificate is signed with its own key.", "", "")
	}
	if issuer.Authority == nil {
		return 0, c.note(ctx, s, StatusInvalid, fmt.Sprintf("Issuer %s has not made the CA's pair yet; see: kubectl describe -n %s secret %s",
			issuer.Root, s.Namespace, issuer.Root), "", "")
	}
	now, ends := time.Now(), issuer.Authority.Ends()
	signs := strings.TrimSpace("Signs as " + issuer.Authority.Certificate.Subject.String())
	if !now.Before(ends) {
		return 0, c.note(ctx, s, StatusInvalid, fmt.Sprintf("tls.crt: the CA's certificate expired at %s; give a new pair", ends.UTC().Format(time.RFC3339)), "", ReasonInvalidIssuer)
	}
	return until(ends, now), c.note(ctx, s, StatusReady, fmt.Sprintf("%s, until %s.", signs, ends.UTC().Format(time.RFC3339)), "", "")
}

// issuersFrom names the issuers whose pair an issuer of that name makes.
func (c *Controller) issuersFrom(root string) (names []types.NamespacedName) {
	for _, o := range c.caches.issuers.GetStore().List() {
		if s, ok := o.(*corev1.Secret); ok && strings.TrimSpace(string(s.Data["issuer"])) == root {
			names = append(names, nameOf(s))
		}
	}
	return names
}
