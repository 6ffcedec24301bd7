package manifests_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/wildcast/wildcast/e2e/internal/page"
	"github.com/wildcast/wildcast/e2e/stage"
	"github.com/wildcast/wildcast/e2e/wildcast"
)

// readme is README.md, with a CA and a DNS server that take the places of Let's Encrypt and Cloudflare.
type readme struct {
	*testing.T
	*stage.Stage
	guide *page.Guide
}

func openReadme(t *testing.T) *readme {
	t.Helper()
	guide, err := page.Open("README.md")
	if err != nil {
		t.Fatal(err)
	}
	st, err := stage.Open(shared, "readme", stage.Options{Zones: []string{"example.com"}})
	if err != nil {
		t.Fatal(err)
	}
	m := &readme{t, st, guide}
	t.Cleanup(m.leave)
	m.run("kubectl delete --ignore-not-found -k manifests/examples") // which another test applies
	m.must(st.Namespace(t.Context(), "wiki", nil))
	m.must(st.Ingress(t.Context(), "wiki", "wiki", "wiki-tls", []string{"wiki.example.com"}, nil))
	return m
}

// leave removes what the commands have made beside the manifests, and waits, since the test may run again.
func (m *readme) leave() {
	for _, made := range []string{"configmap gateway -n cert-manager", "namespace wiki"} {
		_, err := shared.Kubectl(context.Background(), append([]string{"delete", "--ignore-not-found"}, strings.Fields(made)...)...)
		m.must(err)
	}
	m.must(m.Close(context.Background()))
}

func (m *readme) must(err error) {
	m.Helper()
	if err != nil {
		m.Fatal(err)
	}
}

func (m *readme) until(what string, condition func() error) {
	m.Helper()
	ctx, cancel := context.WithTimeout(m.Context(), 2*time.Minute)
	defer cancel()
	if err := stage.Until(ctx, condition); err != nil {
		m.Fatalf("waited in vain until %s: %v", what, err)
	}
}

func (m *readme) take(begins string) string {
	m.Helper()
	line, err := m.guide.Take(begins)
	m.must(err)
	return line
}

func (m *readme) run(line string) string {
	m.Helper()
	out, err := page.Type(m.Context(), shared, line)
	m.must(err)
	return out
}

// typed takes a command and runs it, and returns what it prints.
func (m *readme) typed(begins string) string {
	m.Helper()
	return m.run(m.take(begins))
}

// standIn has the issuer that the overlay makes ask the stage's CA.
func (m *readme) standIn() {
	m.Helper()
	secrets := m.Kube.CoreV1().Secrets(stage.Home)
	issuer, err := secrets.Get(m.Context(), "letsencrypt-staging", metav1.GetOptions{})
	m.must(err)
	issuer.StringData = map[string]string{"server": m.CA.Directory(), "caBundle": string(m.CA.CABundle())}
	_, err = secrets.Update(m.Context(), issuer, metav1.UpdateOptions{})
	m.must(err)
}

// token makes the solver's Secret with a token of a file, and another in its place: Cloudflare is not here.
func (m *readme) token() {
	m.Helper()
	file := filepath.Join(m.TempDir(), "token.txt")
	m.must(os.WriteFile(file, []byte("token"), 0o600))
	m.run(strings.Replace(m.take("kubectl -n cert-manager create secret generic cloudflare "), "token.txt", file, 1))
	m.must(m.Kube.CoreV1().Secrets(stage.Home).Delete(m.Context(), "cloudflare", metav1.DeleteOptions{}))
	m.must(m.Solver(m.Context(), stage.Home, "cloudflare", map[string]string{"zones": "example.com"}))
}

// ready returns an error until an issuer is ready.
func (m *readme) ready(name string) error {
	issuer, err := m.Kube.CoreV1().Secrets(stage.Home).Get(m.Context(), name, metav1.GetOptions{})
	if err == nil && issuer.Annotations["wildcast.dev/status"] != "Ready" {
		err = errors.New(issuer.Annotations["wildcast.dev/message"])
	}
	return err
}

func TestTheCommandsOfTheREADMELeadToACertificate(t *testing.T) {
	m := openReadme(t)
	m.typed("kubectl apply --server-side -k manifests/overlays/letsencrypt-staging")
	m.standIn()
	m.token()
	wildcast.New(t, shared, wildcast.Options{Args: []string{"--leader-elect=false"}})

	m.typed("kubectl label namespace wiki ")
	m.typed("kubectl -n wiki annotate ingress wiki wildcast.dev/issuer=letsencrypt-staging")
	ingress := m.take("kubectl -n wiki describe ingress wiki")
	m.until("the Ingress tells that its Secret is there", func() error {
		if told := m.run(ingress); !strings.Contains(told, "Delivered") {
			return errors.New(told)
		}
		return nil
	})
	if told := m.typed("kubectl -n wiki describe secret wiki-tls"); !strings.Contains(told, "wildcast.dev/origin.name=wildcard.example.com") {
		t.Errorf("of the Secret is told %s", told)
	}
	if told := m.typed("kubectl get secrets -A -l "); !strings.Contains(told, "wiki-tls") {
		t.Errorf("copies are %s", told)
	}
	m.typed("kubectl -n cert-manager create configmap gateway ")
	m.typed("kubectl -n cert-manager label configmap gateway ")
	for _, name := range []string{"root", "private"} {
		m.typed("kubectl -n cert-manager create secret generic " + name + " ")
		m.until(name+" is ready", func() error { return m.ready(name) })
	}
	m.take("kubectl get clusterissuers,") // of cert-manager, which the suite of convert has
	if left := m.guide.Left(); len(left) > 0 {
		t.Errorf("no test runs %q", left)
	}
}
