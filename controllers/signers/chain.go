package signers

import (
	"bytes"
	"crypto/x509"
	"errors"
)

// Chain is a certificate with those above it.
type Chain struct {
	Leaf  *x509.Certificate
	above []*x509.Certificate // each signed the one before it
}

// ParseChain reads a certificate in PEM form and, from those that follow it in any order, the ones that lead from it to the
// root.
func ParseChain(text []byte) (Chain, error) {
	all, err := parseCertificates(text)
	if err != nil {
		return Chain{}, err
	}
	if len(all) == 0 {
		return Chain{}, errors.New("there is no certificate in PEM form")
	}
	c := Chain{Leaf: all[0]}
	for top := c.Leaf; !selfSigned(top); top = c.above[len(c.above)-1] {
		next := signerOf(top, all[1:])
		if next == nil || len(c.above) >= len(all) {
			break
		}
		c.above = append(c.above, next)
	}
	if len(c.above) == 0 {
		return Chain{}, errors.New("the certificate comes without the CA's")
	}
	return c, nil
}

// signerOf is the one that signed a certificate, nil if it is not among them.
func signerOf(c *x509.Certificate, among []*x509.Certificate) *x509.Certificate {
	for _, candidate := range among {
		if bytes.Equal(c.RawIssuer, candidate.RawSubject) && !c.Equal(candidate) && c.CheckSignatureFrom(candidate) == nil {
			return candidate
		}
	}
	return nil
}

// Issued is the chain as a signature's result.
func (c Chain) Issued() Issued {
	issued := Issued{Chain: encode(c.Leaf.Raw), CA: encode(c.above[len(c.above)-1].Raw)}
	for _, above := range c.above {
		if !selfSigned(above) {
			issued.Chain = append(issued.Chain, encode(above.Raw)...)
		}
	}
	return issued
}
