package certificates_test

import (
	"crypto/ed25519"
	"crypto/x509"
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/e2e/stage"
)

// signer makes an issuer that needs no CA's server.
func (s *scene) signer(namespace, name string, keys map[string]string) {
	s.t.Helper()
	secret := &corev1.Secret{Type: "wildcast.dev/issuer", StringData: keys,
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{stage.Label: s.Name}}}
	_, err := s.Kube.CoreV1().Secrets(namespace).Create(s.ctx, secret, metav1.CreateOptions{})
	s.must(err)
}

// signed waits until the Secret holds a certificate for a host that leads to the ca.crt beside it.
func (s *scene) signed(namespace, name, host string) leaf {
	s.t.Helper()
	var found leaf
	s.until(fmt.Sprintf("%s/%s serves %s", namespace, name, host), func() error {
		secret, err := s.Kube.CoreV1().Secrets(namespace).Get(s.ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(secret.Data["ca.crt"])
		if found, err = readLeaf(secret, roots); err != nil {
			return err
		}
		return found.VerifyHostname(host)
	})
	return found
}

func TestASelfSigningIssuerCertifiesWithoutACA(t *testing.T) {
	s := openBare(t, "selfsigned", stage.Options{})
	infra := s.namespace("infra", nil)
	s.signer(infra, s.Name, map[string]string{"kind": "selfsigned", "keyType": "ed25519", "duration": "100h", "subject": "O=A", "usages": "digital signature,server auth,client auth"})
	s.run()
	s.ingress(infra, "wiki", []string{s.host("wiki")}, nil)
	got := s.signed(infra, "wiki-tls", s.host("wiki"))
	_, isEdwards := got.PublicKey.(ed25519.PublicKey)
	if !isEdwards || got.Subject.String() != "O=A" || len(got.ExtKeyUsage) != 2 || got.NotAfter.Sub(got.NotBefore).Round(time.Hour) != 100*time.Hour {
		t.Errorf("got %v, a %T until %s for %v", got.Subject, got.PublicKey, got.NotAfter, got.ExtKeyUsage)
	}
	s.ordered()
}

func TestAPrivatePKIOfTwoSecretsServesNamespacesThatAreSelected(t *testing.T) {
	s := openBare(t, "pki", stage.Options{})
	infra := s.namespace("infra", nil)
	s.signer(stage.Home, s.Name+"-root", map[string]string{"kind": "selfsigned", "rotateKey": "false"})
	s.signer(stage.Home, s.Name, map[string]string{"kind": "ca", "issuer": s.Name + "-root", "sync": stage.Label + "=" + s.Name})
	s.run()
	s.ingress(infra, "wiki", []string{s.host("wiki")}, nil)
	copied := s.signed(infra, "wiki-tls", s.host("wiki"))
	root := s.stored(home(s.Name + ".authority"))
	if string(copied.secret.Data["ca.crt"]) != string(root.Data["tls.crt"]) {
		t.Error("ca.crt is not the root")
	}
	s.event(infra, "wiki", "Delivered", s.shared().Name)
	s.ordered()
}

func TestACAOfTheUsersSignsAndAPairThatDoesNotFitIsReported(t *testing.T) {
	s := openBare(t, "ownca", stage.Options{})
	infra := s.namespace("infra", nil)
	s.signer(infra, s.Name+"-root", map[string]string{"kind": "selfsigned", "duration": "50h"})
	s.signer(infra, s.Name+"-maker", map[string]string{"kind": "ca", "issuer": s.Name + "-root"})
	s.run()
	var pair map[string][]byte
	s.until("there is a pair", func() error {
		secret, err := s.Kube.CoreV1().Secrets(infra).Get(s.ctx, s.Name+"-maker.authority", metav1.GetOptions{})
		if err == nil {
			pair = secret.Data
		}
		return err
	})
	s.signer(infra, s.Name, map[string]string{"kind": "ca", "tls.crt": string(pair["tls.crt"]), "tls.key": string(pair["tls.key"])})
	s.signer(infra, "odd", map[string]string{"kind": "ca", "tls.crt": string(pair["tls.crt"]), "tls.key": "none", "server": "letsencrypt"})
	s.ingress(infra, "wiki", []string{s.host("wiki")}, exact)
	got := s.signed(infra, "wiki-tls", s.host("wiki"))
	if string(got.secret.Data["ca.crt"]) != string(pair["tls.crt"]) {
		t.Error("ca.crt is not the CA's")
	}
	s.event(infra, "wiki", "CutShort", "ends with its CA")
	s.event(infra, "odd", "InvalidIssuer", "server: means nothing to an issuer of kind ca; remove it", "tls.key: no private key in PEM form")
}

func TestAnIngressChoosesNamesDurationAndLabels(t *testing.T) {
	s := openBare(t, "choices", stage.Options{})
	infra := s.namespace("infra", nil)
	s.signer(infra, s.Name, map[string]string{"kind": "selfsigned"})
	s.run("--default-issuer="+s.Name, "--cert-manager-annotations")
	s.must(s.Ingress(s.ctx, infra, "wiki", "wiki-tls", []string{s.host("wiki")}, map[string]string{
		"kubernetes.io/tls-acme": "true", "wildcast.dev/wildcard": "false", "wildcast.dev/dns-names": s.host("more"),
		"wildcast.dev/duration": "48h", "wildcast.dev/secret-labels": "team=web", "cert-manager.io/usages": "server auth,client auth"}))
	got := s.signed(infra, "wiki-tls", s.host("more"))
	if got.VerifyHostname(s.host("wiki")) != nil || got.NotAfter.Sub(got.NotBefore).Round(time.Hour) != 48*time.Hour ||
		!slices.Equal(got.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}) {
		t.Errorf("got %s until %s for %v", got.DNSNames, got.NotAfter, got.ExtKeyUsage)
	}
	s.until("the Secret has the label", func() error {
		if labels := s.stored(types.NamespacedName{Namespace: infra, Name: "wiki-tls"}).Labels; labels["team"] != "web" {
			return fmt.Errorf("it has %v", labels)
		}
		return nil
	})
	s.must(s.Ingress(s.ctx, infra, "odd", "odd-tls", []string{s.host("odd")}, map[string]string{
		"wildcast.dev/issuer": s.Name, "wildcast.dev/duration": "soon"}))
	s.event(infra, "odd", "InvalidIngress", "wildcast.dev/duration", "such as 720h")
}
