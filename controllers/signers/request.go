package signers

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"time"
)

// Request says which certificate is wanted.
type Request struct {
	Names    []string // DNS names
	IPs      []netip.Addr
	URIs     []string
	Subject  pkix.Name
	Usages   Usages
	CA       bool // it signs others
	Duration time.Duration
	Key      crypto.Signer // of the certificate
}

// Issued is a certificate.
type Issued struct {
	Chain []byte // PEM, leaf first, without the root
	CA    []byte // PEM of the root, or of what stands for it
	Cut   bool   // it ends with its CA, before the duration that was asked for
}

// skew is how far the validity of a certificate begins in the past, since clocks differ.
const skew = 5 * time.Minute

// template is the certificate of the request, without its serial number.
func (r *Request) template(now time.Time) (*x509.Certificate, error) {
	t := &x509.Certificate{
		Subject:               r.Subject,
		DNSNames:              r.Names,
		NotBefore:             now.Add(-skew).Truncate(time.Second),
		NotAfter:              now.Add(r.Duration).Truncate(time.Second),
		KeyUsage:              r.keyUsage(),
		ExtKeyUsage:           r.Usages.Ext,
		BasicConstraintsValid: true,
		IsCA:                  r.CA,
	}
	for _, ip := range r.IPs {
		t.IPAddresses = append(t.IPAddresses, net.IP(ip.AsSlice()))
	}
	for _, text := range r.URIs {
		uri, err := url.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("read URI: %w", err)
		}
		t.URIs = append(t.URIs, uri)
	}
	return t, nil
}

// keyUsage leaves out of the request's usages what a key cannot do: only RSA keys encipher others.
func (r *Request) keyUsage() x509.KeyUsage {
	usage := r.Usages.Key
	if r.CA {
		return usage | x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	}
	if _, ok := r.Key.Public().(*rsa.PublicKey); !ok {
		usage &^= x509.KeyUsageKeyEncipherment | x509.KeyUsageDataEncipherment
	}
	return usage
}

// SelfSign makes a certificate that is its own CA.
func SelfSign(r Request, now time.Time) (Issued, error) {
	template, err := r.template(now)
	if err != nil {
		return Issued{}, err
	}
	der, err := sign(template, template, r.Key.Public(), r.Key)
	if err != nil {
		return Issued{}, err
	}
	text := encode(der)
	return Issued{Chain: text, CA: text}, nil
}

// sign gives the template a serial number and signs it.
func sign(template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) (der []byte, err error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("draw serial number: %w", err)
	}
	template.SerialNumber = serial.Add(serial, big.NewInt(1)) // never zero
	if der, err = x509.CreateCertificate(rand.Reader, template, parent, public, key); err != nil {
		return nil, fmt.Errorf("sign certificate: %w", err)
	}
	return der, nil
}

// encode is certificates in PEM form.
func encode(ders ...[]byte) (text []byte) {
	for _, der := range ders {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return text
}

// Differs says in what a certificate is not as the request wants it, empty for nothing. Its DNS names and its validity are
// not compared.
func (r *Request) Differs(leaf *x509.Certificate) string {
	want, err := r.template(leaf.NotBefore)
	switch {
	case err != nil:
		return err.Error()
	case want.Subject.String() != leaf.Subject.String():
		return "it has another subject"
	case want.KeyUsage != leaf.KeyUsage || !slices.Equal(want.ExtKeyUsage, leaf.ExtKeyUsage):
		return "it is for other usages"
	case want.IsCA != leaf.IsCA:
		return "it may sign others, or may not, against what is wanted"
	}
	return r.DiffersInSANs(leaf)
}

// DiffersInSANs is the part of Differs about IP addresses and URIs.
func (r *Request) DiffersInSANs(leaf *x509.Certificate) string {
	want, err := r.template(leaf.NotBefore)
	switch {
	case err != nil:
		return err.Error()
	case !slices.Equal(texts(want.IPAddresses), texts(leaf.IPAddresses)):
		return "it is for other IP addresses"
	case !slices.Equal(texts(want.URIs), texts(leaf.URIs)):
		return "it is for other URIs"
	}
	return ""
}

// texts are values as text, in order.
func texts[T fmt.Stringer](values []T) (out []string) {
	for _, v := range values {
		out = append(out, v.String())
	}
	slices.Sort(out)
	return out
}
