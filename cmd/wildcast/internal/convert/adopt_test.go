package convert_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/wildcast/wildcast/cmd/wildcast/internal/convert"
)

// tlsCertificate is a certificate in PEM.
func tlsCertificate(t *testing.T, key crypto.Signer, names ...string) string {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: names}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestItIsSaidWhatWouldBeOrderedAtOnce(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ name, spec, held, said string }{
		{"as it should be", "", tlsCertificate(t, small, "a.example.com", "b.example.com"), "serves on"},
		{"a wildcard that covers it", "", tlsCertificate(t, small, "*.example.com"), "serves on"},
		{"a key of another type", "", tlsCertificate(t, curve, "a.example.com"), "has a key of type ec256, not rsa2048"},
		{"a key of the type that is asked for", "privateKey: {algorithm: ECDSA}", tlsCertificate(t, curve, "a.example.com"), "serves on"},
		{"another name", "", tlsCertificate(t, small, "b.example.com"), "is not for a.example.com"},
		{"no certificate", "", "none", "holds no certificate"},
	} {
		t.Run(row.name, func(t *testing.T) {
			input := fmt.Sprintf(`{apiVersion: v1, kind: Secret, metadata: {name: a, namespace: web}, data: {tls.crt: %s}}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: a, namespace: web}
spec: {secretName: a, dnsNames: [a.example.com], issuerRef: {name: le}, %s}
`, base64.StdEncoding.EncodeToString([]byte(row.held)), row.spec)
			objects, err := convert.Read("input", strings.NewReader(input))
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range convert.Convert(objects, convert.Options{Home: "cert-manager", Namespace: "default"}).Remarks {
				if r.Path == "spec.secretName" && strings.Contains(r.Text, row.said) {
					return
				}
			}
			t.Errorf("nothing says that it %s", row.said)
		})
	}
}
