package certificates_test

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// leaf is a TLS Secret and its certificate.
type leaf struct {
	*x509.Certificate
	secret *corev1.Secret
}

// readLeaf reads a TLS Secret: the key belongs to the certificate, and the chain leads to the roots. Expired
// certificates, and those of the past, are read as well.
func readLeaf(s *corev1.Secret, roots *x509.CertPool) (leaf, error) {
	if s.Type != corev1.SecretTypeTLS {
		return leaf{}, fmt.Errorf("it is of type %s", s.Type)
	}
	pair, err := tls.X509KeyPair(s.Data[corev1.TLSCertKey], s.Data[corev1.TLSPrivateKeyKey])
	if err != nil {
		return leaf{}, err
	}
	between := x509.NewCertPool()
	for _, der := range pair.Certificate[1:] {
		between.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	_, err = pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: time.Now()})
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		err = nil
	}
	return leaf{pair.Leaf, s}, err
}

// at reads a time from the Secret's annotations.
func (l leaf) at(t *testing.T, annotation string) time.Time {
	t.Helper()
	when, err := time.Parse(time.RFC3339, l.secret.Annotations[annotation])
	if err != nil {
		t.Fatal(err)
	}
	return when
}

// serial is the certificate's, as annotations show it.
func (l leaf) serial() string { return l.SerialNumber.Text(16) }

// describeKey is the curve or the length of the certificate's key.
func describeKey(l leaf) string {
	switch key := l.PublicKey.(type) {
	case *ecdsa.PublicKey:
		return key.Curve.Params().Name
	case *rsa.PublicKey:
		return strconv.Itoa(key.N.BitLen())
	}
	return fmt.Sprintf("%T", l.PublicKey)
}
