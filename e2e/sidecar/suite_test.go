package sidecar_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/sidecar"
	"github.com/wildcast/wildcast/e2e/stage"
)

var shared *cluster.Cluster

func TestMain(m *testing.M) {
	os.Exit(cluster.Main(m, cluster.Options{Audit: true, AuditUsers: []string{cluster.Username("rights", account)}}, func(ctx context.Context, c *cluster.Cluster) error {
		shared = c
		return c.Apply(ctx, "manifests/base")
	}))
}

const (
	patience = 2 * time.Minute
	account  = "tls-files" // of the shipped manifests
	secret   = "web-tls"   // that they name
)

// pod is a site whose Secret is in a namespace of its own, with the shipped rights.
type pod struct {
	*testing.T
	*sidecar.Site
	kube       kubernetes.Interface
	namespace  string
	kubeconfig string
	authority  authority
}

// open applies manifests/sidecar/NAME to a namespace. The sidecar does not run yet.
func open(t *testing.T, name, namespace string) *pod {
	t.Helper()
	return openBy(t, name, namespace, func(p *pod) {
		checkout, err := cluster.Checkout()
		p.must(err)
		_, err = shared.Kubectl(t.Context(), "apply", "--namespace", namespace, "--server-side", "--validate=strict", "--kustomize", checkout+"/manifests/sidecar/"+name)
		p.must(err)
	})
}

// openBy is open, where apply applies what is shipped.
func openBy(t *testing.T, name, namespace string, apply func(*pod)) *pod {
	t.Helper()
	p := &pod{T: t, namespace: namespace, authority: newAuthority(t)}
	var err error
	p.kube, err = kubernetes.NewForConfig(shared.Admin())
	p.must(err)
	_, err = p.kube.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace, Labels: map[string]string{
		"pod-security.kubernetes.io/enforce": "restricted", namespace: "web",
	}}}, metav1.CreateOptions{})
	if !apierrors.IsAlreadyExists(err) { // the test runs again
		p.must(err)
	}
	apply(p)
	p.kubeconfig, err = shared.KubeconfigFor(t.Context(), namespace, account)
	p.must(err)
	p.until("the rights are known", func() error { // the API server's authorizer learns of them in a moment
		_, err := shared.KubectlWith(t.Context(), p.kubeconfig, nil, "auth", "can-i", "watch", "secret/"+secret, "-n", namespace)
		return err
	})
	dir, err := os.MkdirTemp("", "wildcast-sidecar-")
	p.must(err)
	p.must(os.Chmod(dir, 0o755)) // nginx' workers are another user's if it is root's
	p.Site, err = sidecar.Open(name, dir)
	p.must(err)
	t.Cleanup(p.end)
	return p
}

func (p *pod) end() {
	p.Site.Close()
	if p.Failed() {
		p.Logf("the sidecar's log:\n%s\nthe server's:\n%s", p.Logs(), p.ServerLogs())
	}
	_ = os.RemoveAll(p.Dir) // below the system's folder for temporary files
	_ = p.kube.CoreV1().Secrets(p.namespace).Delete(context.Background(), secret, metav1.DeleteOptions{})
}

func (p *pod) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

func (p *pod) until(what string, condition func() error) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context(), patience)
	defer cancel()
	if err := stage.Until(ctx, condition); err != nil {
		p.Fatalf("waited in vain until %s: %v", what, err)
	}
}

// start runs the sidecar, and waits until there are files.
func (p *pod) start(more ...string) {
	p.Helper()
	p.must(p.StartSidecar(p.Context(), p.kubeconfig, p.namespace, more...))
	p.must(p.Ready(p.Context()))
}

// put makes the Secret, or replaces what is in it.
func (p *pod) put(chain, key []byte) {
	p.Helper()
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: secret}, Type: corev1.SecretTypeTLS, Data: map[string][]byte{"tls.crt": chain, "tls.key": key}}
	secrets := p.kube.CoreV1().Secrets(p.namespace)
	_, err := secrets.Update(p.Context(), s, metav1.UpdateOptions{})
	if apierrors.IsNotFound(err) {
		_, err = secrets.Create(p.Context(), s, metav1.CreateOptions{})
	}
	p.must(err)
}

// renew puts a new certificate into the Secret, and returns its serial number.
func (p *pod) renew() string {
	p.Helper()
	chain, key, serial := p.authority.issue(p.T)
	p.put(chain, key)
	return serial
}

// serves waits until the server has the certificate of that serial number.
func (p *pod) serves(serial string) {
	p.Helper()
	p.until("certificate "+serial+" is served", func() error {
		is, err := sidecar.Visit(p.Addr, host, p.authority.pool)
		if err == nil && is != serial {
			err = fmt.Errorf("it serves %s", is)
		}
		return err
	})
}

const host = "www.a.test"

// authority is a CA.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pool *x509.CertPool
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	a := authority{pool: x509.NewCertPool()}
	a.key = newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.cert = sign(t, template, template, a.key.Public(), a.key)
	a.pool.AddCert(a.cert)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t *testing.T, template, parent *x509.Certificate, public any, key *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// issue makes a certificate for the host.
func (a authority) issue(t *testing.T) (chain, key []byte, serial string) {
	t.Helper()
	number, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		t.Fatal(err)
	}
	private := newKey(t)
	cert := sign(t, &x509.Certificate{
		SerialNumber: number, DNSNames: []string{host}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}, a.cert, private.Public(), a.key)
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), number.Text(16)
}
