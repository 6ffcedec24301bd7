package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// authority signs certificates of tests.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	a := authority{key: newKey(t), cert: &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test Root"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}}
	der, err := x509.CreateCertificate(rand.Reader, a.cert, a.cert, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// issue makes a TLS Secret for *.a.test, with the certificate's own key or another.
func (a authority) issue(t *testing.T, certified, stored *ecdsa.PrivateKey) *corev1.Secret {
	t.Helper()
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(0xabc), DNSNames: []string{"*.a.test"},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Minute),
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, a.cert, certified.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(stored)
	if err != nil {
		t.Fatal(err)
	}
	s := secretNamed("web", "tls")
	s.Data = map[string][]byte{
		corev1.TLSCertKey:       pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		corev1.TLSPrivateKeyKey: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
	}
	return s
}

func TestACertificateIsGoodForItsHostUnderItsRootWithItsKeyOnly(t *testing.T) {
	root, other := newAuthority(t), newAuthority(t)
	key := newKey(t)
	good := root.issue(t, key, key)
	for _, tc := range []struct {
		name   string
		secret *corev1.Secret
		root   *x509.CertPool
		host   string
		fault  string
	}{
		{"good", good, root.pool(), "wiki.a.test", ""},
		{"another root", good, other.pool(), "wiki.a.test", "unknown authority"},
		{"another host", good, root.pool(), "a.test", "not a.test"},
		{"another key", root.issue(t, key, newKey(t)), root.pool(), "wiki.a.test", "private key does not match"},
		{"no certificate", secretNamed("web", "tls"), root.pool(), "wiki.a.test", "failed to find any PEM data"},
	} {
		path, err := verify(tc.secret, tc.root, tc.host)
		switch {
		case tc.fault == "" && (err != nil || path != "*.a.test <- Test Root"):
			t.Errorf("%s: %q, %v", tc.name, path, err)
		case tc.fault != "" && (err == nil || !strings.Contains(err.Error(), tc.fault)):
			t.Errorf("%s: error %v, want %q", tc.name, err, tc.fault)
		}
	}
}

func TestAVisitTellsWhatTheServerAnswered(t *testing.T) {
	root, key := newAuthority(t), newKey(t)
	served := root.issue(t, key, key)
	answer, err := visit(t.Context(), served, root.pool(), "https://wiki.a.test/")
	if err != nil || answer != "HTTP/1.1 200 OK, TLS 1.3" {
		t.Errorf("%q, %v", answer, err)
	}
	if answer, err = visit(t.Context(), served, newAuthority(t).pool(), "https://wiki.a.test/"); err == nil {
		t.Errorf("a root that nobody signed with was trusted: %q", answer)
	}
}

func TestTheFactsOfACertificateAreThoseThatOpenSSLTells(t *testing.T) {
	got := facts(&x509.Certificate{
		SerialNumber: big.NewInt(0x0abc), DNSNames: []string{"*.a.test", "a.test"},
		Subject: pkix.Name{CommonName: "a.test"}, Issuer: pkix.Name{CommonName: "Test Root"},
		NotBefore: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), NotAfter: time.Date(2026, 4, 12, 3, 4, 5, 0, time.UTC),
	})
	want := `subject=CN=a.test
issuer=CN=Test Root
notBefore=Jan  2 03:04:05 2026 GMT
notAfter=Apr 12 03:04:05 2026 GMT
serial=0ABC
X509v3 Subject Alternative Name:
    DNS:*.a.test, DNS:a.test`
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}
