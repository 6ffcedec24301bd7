package signers

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"
)

// Authority is a CA's certificate and its key.
type Authority struct {
	Certificate *x509.Certificate
	key         crypto.Signer
	handed      []*x509.Certificate // those that a leaf needs with it: the CA's and those above it, but not a root
	root        *x509.Certificate   // self-signed if there is one, else the last that is known
}

// NewAuthority puts together what an issuer gives: the CA's certificate, perhaps followed by those above it, its key, and
// the root if it is not among them (may be empty). The error says what is wrong with it and the remedy; the time is not
// looked at.
func NewAuthority(chain []byte, key crypto.Signer, root []byte) (*Authority, error) {
	certificates, err := parseCertificates(append(bytes.Clone(chain), append([]byte("\n"), root...)...))
	if err != nil {
		return nil, err
	}
	if len(certificates) == 0 {
		return nil, errors.New("holds no certificate in PEM form; give the CA's")
	}
	a := &Authority{Certificate: certificates[0], key: key}
	a.hand(certificates[0])
	if err := a.check(); err != nil {
		return nil, err
	}
	for _, next := range certificates[1:] {
		if next.Equal(a.root) {
			continue
		}
		if err := a.root.CheckSignatureFrom(next); err != nil {
			return nil, fmt.Errorf("the certificate of %s is not signed by %s, which follows it: %w; put them in order, the signing CA's first",
				a.root.Subject, next.Subject, err)
		}
		a.hand(next)
	}
	return a, nil
}

// hand takes the next certificate on the way to the root.
func (a *Authority) hand(c *x509.Certificate) {
	a.root = c
	if !selfSigned(c) {
		a.handed = append(a.handed, c)
	}
}

// check looks at the CA's certificate itself.
func (a *Authority) check() error {
	public, ok := a.key.Public().(interface{ Equal(crypto.PublicKey) bool })
	switch {
	case !ok || !public.Equal(a.Certificate.PublicKey):
		return errors.New("the key does not belong to the certificate; give the pair of one CA")
	case !a.Certificate.BasicConstraintsValid || !a.Certificate.IsCA:
		return errors.New("the certificate is not a CA's (basicConstraints); make one with CA:TRUE")
	case a.Certificate.KeyUsage != 0 && a.Certificate.KeyUsage&x509.KeyUsageCertSign == 0:
		return errors.New("the certificate may not sign others (keyUsage); make one with keyCertSign")
	}
	return nil
}

// Ends is when the first of the CA's certificates ends.
func (a *Authority) Ends() time.Time {
	ends := a.Certificate.NotAfter
	for _, c := range append([]*x509.Certificate{a.root}, a.handed...) {
		if c.NotAfter.Before(ends) {
			ends = c.NotAfter
		}
	}
	return ends
}

// Signed reports whether a certificate was signed with the CA's key, in its name.
func (a *Authority) Signed(leaf *x509.Certificate) bool {
	return leaf.CheckSignatureFrom(a.Certificate) == nil
}

// Sign makes a certificate. It never outlives the CA, and it is verified as its users will: what the CA's path length and
// name constraints (RFC 5280 §4.2.1.9, §4.2.1.10) rule out is an error, not a certificate.
func (a *Authority) Sign(r Request, now time.Time) (Issued, error) {
	ends := a.Ends()
	if !now.Before(ends) {
		return Issued{}, fmt.Errorf("the certificate of CA %s expired at %s; give the issuer a new pair", a.Certificate.Subject, ends.UTC().Format(time.RFC3339))
	}
	if now.Before(a.Certificate.NotBefore) {
		return Issued{}, fmt.Errorf("the certificate of CA %s is not valid before %s; check the clocks",
			a.Certificate.Subject, a.Certificate.NotBefore.UTC().Format(time.RFC3339))
	}
	if r.CA && a.Certificate.MaxPathLenZero {
		return Issued{}, fmt.Errorf("the path length of CA %s allows no CA below it", a.Certificate.Subject)
	}
	template, err := r.template(now)
	if err != nil {
		return Issued{}, err
	}
	cut := template.NotAfter.After(ends)
	if cut {
		template.NotAfter = ends
	}
	if template.NotBefore.Before(a.Certificate.NotBefore) {
		template.NotBefore = a.Certificate.NotBefore
	}
	der, err := sign(template, a.Certificate, r.Key.Public(), a.key)
	if err != nil {
		return Issued{}, err
	}
	if err := a.verify(der, now); err != nil {
		return Issued{}, err
	}
	chain := encode(der)
	for _, c := range a.handed {
		chain = append(chain, encode(c.Raw)...)
	}
	return Issued{Chain: chain, CA: encode(a.root.Raw), Cut: cut}, nil
}

// verify looks at a new certificate as those will who trust the CA.
func (a *Authority) verify(der []byte, now time.Time) error {
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return fmt.Errorf("read the certificate that was signed: %w", err)
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(a.root)
	for _, c := range a.handed {
		between.AddCert(c)
	}
	_, err = leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		return fmt.Errorf("the CA %s may not certify this: %w", a.Certificate.Subject, err)
	}
	return nil
}

func selfSigned(c *x509.Certificate) bool {
	return bytes.Equal(c.RawIssuer, c.RawSubject) && c.CheckSignatureFrom(c) == nil
}

// parseCertificates reads all certificates in PEM form.
func parseCertificates(text []byte) (found []*x509.Certificate, err error) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("holds a certificate that cannot be read: %w", err)
		}
		found = append(found, c)
	}
	return found, nil
}
