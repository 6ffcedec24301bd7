package acmeclient

import (
	"cmp"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-acme/lego/v4/acme"
)

// certificateRequest makes the PKCS #10 request: the names and the key, and no common name, which CAs are dropping.
func certificateRequest(names []string, key crypto.Signer) ([]byte, error) {
	return x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: names}, key)
}

// fetch downloads the chain of a valid order and checks that it is the one that was asked for.
func (o *order) fetch() ([]byte, error) {
	const op = "fetch certificate"
	chain, err := o.download()
	if err != nil {
		return nil, o.failure(op, "", err)
	}
	if err := checkLeaf(chain, o.req.Names, o.req.Key); err != nil {
		return nil, &Error{Op: op, Detail: err.Error(), Reached: true, Err: ErrGone}
	}
	return chain, nil
}

// download returns the CA's default chain, or the preferred one among its alternates (RFC 8555 §7.4.2).
func (o *order) download() ([]byte, error) {
	if o.req.PreferredChain == "" {
		chain, _, err := o.core.Certificates.Get(o.state.Certificate, true)
		return chain, err
	}
	chains, err := o.core.Certificates.GetAll(o.state.Certificate, true)
	if err != nil {
		return nil, err
	}
	url := cmp.Or(preferred(chains, o.req.PreferredChain), o.state.Certificate)
	return chains[url].Cert, nil
}

// preferred returns the URL of the chain whose last certificate has an issuer with this common name; else of one in which
// any certificate has; else nothing. The last one counts first, since a root that another root has signed as well issues
// certificates of both chains.
func preferred(chains map[string]*acme.RawCertificate, commonName string) (url string) {
	issued := func(c *x509.Certificate) bool { return strings.EqualFold(c.Issuer.CommonName, commonName) }
	var within string
	for _, url := range slices.Sorted(maps.Keys(chains)) {
		certificates, err := parseChain(chains[url].Cert)
		switch {
		case err != nil:
		case issued(certificates[len(certificates)-1]):
			return url
		case within == "" && slices.ContainsFunc(certificates, issued):
			within = url
		}
	}
	return within
}

func checkLeaf(chain []byte, names []string, key crypto.Signer) error {
	certificates, err := parseChain(chain)
	if err != nil {
		return err
	}
	leaf := certificates[0]
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(leaf.PublicKey) {
		return errors.New("the CA's certificate holds another key")
	}
	if !sameNames(leaf.DNSNames, names) {
		return fmt.Errorf("the CA's certificate holds other names: %s", oneLine(strings.Join(leaf.DNSNames, ", ")))
	}
	return nil
}

// parseChain reads PEM certificates, at least one.
func parseChain(chain []byte) ([]*x509.Certificate, error) {
	var certificates []*x509.Certificate
	for block, rest := pem.Decode(chain); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("parse the CA's chain: %w", err)
		}
		certificates = append(certificates, c)
	}
	if len(certificates) == 0 {
		return nil, errors.New("the CA's answer holds no certificate")
	}
	return certificates, nil
}
