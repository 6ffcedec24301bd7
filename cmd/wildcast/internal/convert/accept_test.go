package convert_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/wildcast/wildcast/controllers"
)

// pair is a CA's certificate and key in PEM.
func pair(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text}))
}

// as decodes an object. Fields that the type does not have are errors.
func as[T any](t *testing.T, object map[string]any) T {
	t.Helper()
	var typed T
	text, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&typed); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return typed
}

// incomplete are objects that lack something which a remark says is to be added by hand.
var incomplete = map[string]string{
	"private-pki.txtar vault-kubernetes": "role: missing",
}

func TestWildcastReadsWhatComesOut(t *testing.T) {
	certificate, key := pair(t)
	for _, s := range scenarios(t) {
		for _, object := range s.result.Objects {
			name := fmt.Sprint(filepath.Base(s.path), " ", object["metadata"].(map[string]any)["name"])
			err := read(t, object, map[string]string{"tls.crt": certificate, "ca.crt": certificate, "caBundle": certificate, "tls.key": key}, options(string(s.Comment)).Home)
			want := incomplete[name]
			if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// read has wildcast's own parser read an object. Where the input has no real PEM, pems has some.
func read(t *testing.T, object map[string]any, pems map[string]string, home string) error {
	t.Helper()
	switch object["kind"] {
	case "Secret":
		secret := as[corev1.Secret](t, object)
		if secret.Data == nil {
			secret.Data = map[string][]byte{}
		}
		for k, v := range secret.StringData {
			if p := pems[k]; p != "" {
				v = p
			}
			secret.Data[k] = []byte(v)
		}
		switch secret.Type {
		case controllers.TypeIssuer:
			_, err := controllers.ParseIssuer(&secret)
			return err
		case controllers.TypeSolver:
			_, err := controllers.ParseSolver(&secret, home, "")
			return err
		}
	case "ConfigMap":
		m := as[corev1.ConfigMap](t, object)
		if m.Labels[controllers.LabelCertificate] == "true" {
			_, err := controllers.ParseStanding(&m)
			return err
		}
	case "Ingress":
		ingress := as[networkingv1.Ingress](t, object)
		return checkAnnotations(ingress.Annotations)
	case "Gateway":
		gateway := unstructured.Unstructured{Object: object}
		return checkAnnotations(gateway.GetAnnotations())
	}
	return nil
}

// checkAnnotations looks for what is cert-manager's still, and for values that a key of an issuer could not have.
func checkAnnotations(annotations map[string]string) error {
	asKey := map[string]string{controllers.AnnotationKeyType: "keyType", controllers.AnnotationDuration: "duration", controllers.AnnotationRenewBefore: "renewBefore"}
	data := map[string]string{"dnsNames": "example.com"}
	for key, value := range annotations {
		if strings.Contains(key, "cert-manager") || strings.Contains(key, "certmanager") {
			return fmt.Errorf("it has the annotation %s", key)
		}
		if asKey[key] != "" {
			data[asKey[key]] = value
		}
	}
	_, err := controllers.ParseStanding(&corev1.ConfigMap{Data: data})
	return err
}
