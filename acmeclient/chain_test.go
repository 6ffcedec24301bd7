package acmeclient_test

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"

	"github.com/wildcast/wildcast/acmeclient"
)

// chainOf makes a chain of certificates on paper: the first name is the leaf's, the last that of the root, which is left out.
func chainOf(t *testing.T, names ...string) (chain []byte) {
	t.Helper()
	key := newKey(t)
	for i, name := range names[:len(names)-1] {
		template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}}
		issuer := &x509.Certificate{Subject: pkix.Name{CommonName: names[i+1]}}
		der, err := x509.CreateCertificate(rand.Reader, template, issuer, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return chain
}

func TestThePreferredChainEndsAtItsRootAlsoWhereAnotherRootHasSignedThatOne(t *testing.T) {
	chains := map[string][]byte{
		"cert":   chainOf(t, "leaf", "R3", "Root X1", "DST Root"),
		"cert/1": chainOf(t, "leaf", "R3", "Root X1"),
		"cert/2": chainOf(t, "leaf", "E5", "Root X2"),
		"cert/3": []byte("nothing"),
	}
	for name, want := range map[string]string{
		"Root X1": "cert/1", "root x1": "cert/1", "DST Root": "cert", "Root X2": "cert/2",
		"R3":   "cert", // no root, but an issuer in the chain
		"leaf": "", "Root X3": "",
	} {
		if got := acmeclient.Preferred(chains, name); got != want {
			t.Errorf("%s is in the chain at %q, want %q", name, got, want)
		}
	}
}
