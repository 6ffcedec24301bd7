package certificates_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/wildcast/wildcast/controllers/signers"
	"github.com/wildcast/wildcast/controllers/signers/vault"
	"github.com/wildcast/wildcast/e2e/pki"
	"github.com/wildcast/wildcast/e2e/stage"
)

// vault runs a real Vault that signs names in the scene's zone.
func (s *scene) vault() *pki.Vault {
	s.t.Helper()
	v, err := pki.Start(s.ctx, shared, stage.Home, "wildcast")
	s.must(err)
	s.t.Cleanup(v.Stop)
	s.must(v.Allow(s.ctx, s.zone()))
	return v
}

func TestVaultSignsForAnIngress(t *testing.T) {
	s := openBare(t, "vault", stage.Options{})
	v := s.vault()
	infra := s.namespace("infra", nil)
	s.signer(infra, s.Name, map[string]string{"kind": "vault", "server": v.URL, "caBundle": v.CABundle, "role": pki.Role,
		"auth": "approle", "roleID": v.RoleID, "secretID": v.SecretID, "duration": "100h"})
	s.signer(infra, "pods", map[string]string{"kind": "vault", "server": v.URL, "role": pki.Role, "auth": "kubernetes", "authRole": "x"})
	s.run()
	s.ingress(infra, "wiki", []string{s.host("wiki")}, nil)
	got := s.signed(infra, "wiki-tls", s.host("wiki"))
	if strings.TrimSpace(string(got.secret.Data["ca.crt"])) != strings.TrimSpace(v.Root) {
		t.Error("ca.crt is not Vault's root")
	}
	if life := got.NotAfter.Sub(got.NotBefore).Round(time.Hour); life != 100*time.Hour {
		t.Errorf("it lasts %s", life)
	}
	s.ingress(infra, "odd", []string{"odd.other.test"}, exact)
	s.event(infra, "odd", "OrderFailed", "odd.other.test not allowed by this role")
	s.event(infra, "pods", "InvalidIssuer", "may use the pod's own token")
}

func TestVaultThatNoLongerKnowsTheTokenIsToldWithoutItAndANewTokenServes(t *testing.T) {
	s := openBare(t, "token", stage.Options{})
	v := s.vault()
	infra := s.namespace("infra", nil)
	s.signer(infra, s.Name, map[string]string{"kind": "vault", "server": v.URL, "caBundle": v.CABundle, "role": pki.Role, "token": v.Token})
	s.must(v.Revoke(s.ctx))
	s.run()
	s.ingress(infra, "wiki", []string{s.host("wiki")}, nil)
	s.event(infra, "wiki", "OrderFailed", "403: permission denied")
	s.neverTold(infra, v.Token)
	s.must(v.Grant(s.ctx))
	secrets := s.Kube.CoreV1().Secrets(infra)
	issuer, err := secrets.Get(s.ctx, s.Name, metav1.GetOptions{})
	s.must(err)
	issuer.Data["token"] = []byte(v.Token)
	_, err = secrets.Update(s.ctx, issuer, metav1.UpdateOptions{})
	s.must(err)
	s.signed(infra, "wiki-tls", s.host("wiki"))
}

// The issuer cannot be told where the pod's token lies, and there is no pod here: the signer is asked itself.
func TestVaultKnowsWildcastByThePodsOwnTokenAndNobodyElse(t *testing.T) {
	s := openBare(t, "podtoken", stage.Options{})
	v := s.vault()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s.must(err)
	sign := func(serviceAccount string) (signers.Issued, error) {
		return vault.Sign(s.ctx, vault.Config{
			Server: v.URL, CABundle: []byte(v.CABundle), Path: "pki", Role: pki.Role,
			Auth: vault.AuthKubernetes, AuthPath: "kubernetes", AuthRole: pki.Role, TokenFile: s.tokenOf(serviceAccount),
		}, signers.Request{Names: []string{s.host("wiki")}, Duration: time.Hour, Key: key})
	}
	issued, err := sign("wildcast")
	s.must(err)
	if len(issued.Chain) == 0 {
		t.Error("there is no chain")
	}
	if _, err := sign("default"); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("another ServiceAccount: %v", err)
	}
}

// tokenOf is a file with a token of a ServiceAccount in the home namespace.
func (s *scene) tokenOf(serviceAccount string) string {
	s.t.Helper()
	answer, err := s.Kube.CoreV1().ServiceAccounts(stage.Home).CreateToken(context.WithoutCancel(s.ctx), serviceAccount, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	s.must(err)
	file := filepath.Join(s.t.TempDir(), corev1.ServiceAccountTokenKey)
	s.must(os.WriteFile(file, []byte(answer.Status.Token), 0o600))
	return file
}
