package vault_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wildcast/wildcast/controllers/signers"
	"github.com/wildcast/wildcast/controllers/signers/vault"
	"github.com/wildcast/wildcast/controllers/signers/vault/vaulttest"
)

func start(t *testing.T) (*vaulttest.Server, vault.Config) {
	t.Helper()
	s, err := vaulttest.Start("a.test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, vault.Config{Server: s.URL(), CABundle: s.CABundle(), Path: "pki", Role: vaulttest.Role, Auth: vault.AuthToken, Token: vaulttest.Token}
}

func request(t *testing.T) signers.Request {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signers.Request{Names: []string{"*.a.test", "a.test"}, Duration: 48 * time.Hour, Key: key}
}

func TestVaultSigns(t *testing.T) {
	s, c := start(t)
	r := request(t)
	r.IPs, r.URIs = []netip.Addr{netip.MustParseAddr("10.0.0.1")}, []string{"spiffe://a.test/web"}
	issued, err := vault.Sign(t.Context(), c, r)
	if err != nil {
		t.Fatal(err)
	}
	chain, err := signers.ParseChain(append(issued.Chain, issued.CA...))
	if err != nil {
		t.Fatal(err)
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AppendCertsFromPEM(s.Root())
	between.AppendCertsFromPEM(issued.Chain)
	if _, err := chain.Leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, DNSName: "x.a.test"}); err != nil {
		t.Error(err)
	}
	if string(issued.CA) != string(s.Root()) || strings.Count(string(issued.Chain), "BEGIN") != 2 || r.DiffersInSANs(chain.Leaf) != "" {
		t.Errorf("got %s", issued.Chain)
	}
	if life := time.Until(chain.Leaf.NotAfter).Round(time.Hour); life != 48*time.Hour {
		t.Errorf("it lasts %s", life)
	}
}

func TestEachAuthMethodLogsIn(t *testing.T) {
	s, c := start(t)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(vaulttest.JWT+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	role, kubernetes := c, c
	role.Auth, role.AuthPath, role.RoleID, role.SecretID = vault.AuthAppRole, "approle", vaulttest.RoleID, vaulttest.SecretID
	kubernetes.Auth, kubernetes.AuthPath, kubernetes.AuthRole, kubernetes.TokenFile = vault.AuthKubernetes, "kubernetes", vaulttest.Role, file
	for _, c := range []vault.Config{role, kubernetes} {
		c.Token = ""
		if _, err := vault.Sign(t.Context(), c, request(t)); err != nil {
			t.Errorf("%s: %v", c.Auth, err)
		}
	}
	if s.Signed() != 2 {
		t.Errorf("it signed %d", s.Signed())
	}
}

func TestWhatVaultRefusesIsToldWithoutTheSecrets(t *testing.T) {
	_, c := start(t)
	for contain, change := range map[string]func(*vault.Config, *signers.Request){
		"it answers 403: 1 error occurred: * permission denied":                  func(c *vault.Config, _ *signers.Request) { c.Token = "S3CRET" },
		"it answers 400: unknown role: other":                                    func(c *vault.Config, _ *signers.Request) { c.Role = "other" },
		"it answers 400: subject alternate name b.test not allowed by this role": func(_ *vault.Config, r *signers.Request) { r.Names = []string{"b.test"} },
		"log in to Vault by approle: it answers 400: invalid role or secret ID": func(c *vault.Config, _ *signers.Request) {
			c.Auth, c.AuthPath, c.SecretID = vault.AuthAppRole, "approle", "S3CRET"
		},
		"read the pod's own token":                      func(c *vault.Config, _ *signers.Request) { c.Auth, c.TokenFile = vault.AuthKubernetes, "/none" },
		"x509: certificate signed by unknown authority": func(c *vault.Config, _ *signers.Request) { c.CABundle = nil },
	} {
		c, r := c, request(t)
		change(&c, &r)
		if _, err := vault.Sign(t.Context(), c, r); err == nil || !strings.Contains(err.Error(), contain) || strings.Contains(err.Error(), "S3CRET") {
			t.Errorf("got %v, want %q", err, contain)
		}
	}
}

func TestSecretsThatAProxyRepeatsAreNotTold(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusForbidden)
		_ = json.NewEncoder(w).Encode(map[string][]string{"errors": {r.Header.Get("X-Vault-Token") + " " + string(body)}})
	}))
	defer proxy.Close()
	token := vault.Config{Server: proxy.URL, Path: "pki", Role: "web", Auth: vault.AuthToken, Token: "the-token"}
	role := vault.Config{Server: proxy.URL, Path: "pki", Role: "web", Auth: vault.AuthAppRole, AuthPath: "approle", RoleID: "role", SecretID: "the-secret"}
	for _, c := range []vault.Config{token, role} {
		_, err := vault.Sign(t.Context(), c, request(t))
		if err == nil || !strings.Contains(err.Error(), "[redacted]") || strings.Contains(err.Error(), "the-") {
			t.Errorf("%s: got %v", c.Auth, err)
		}
	}
}

func TestTheEnvironmentDoesNotCount(t *testing.T) {
	for key, value := range map[string]string{"VAULT_TOKEN": "other", "VAULT_NAMESPACE": "other", "VAULT_ADDR": "https://127.0.0.1:1", "VAULT_SKIP_VERIFY": "true"} {
		t.Setenv(key, value)
	}
	_, c := start(t)
	if _, err := vault.Sign(t.Context(), c, request(t)); err != nil {
		t.Error(err)
	}
}
