// Package pki runs a real HashiCorp Vault beside a cluster of the suites: a root CA and an intermediate one below it, whose
// role "web" signs, and three ways to log in that may use it.
//
// It is built once from its Go module (e2e/vault).
package pki

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/hashicorp/vault/api"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	certutil "k8s.io/client-go/util/cert"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/internal/child"
	"github.com/wildcast/wildcast/e2e/internal/gobuild"
	"github.com/wildcast/wildcast/e2e/internal/ports"
)

// Role is the role of the PKI engine at the path "pki", of AppRole, and of the Kubernetes auth method.
const Role = "web"

// Build returns the folder that holds vault, after building it if it must.
func Build(ctx context.Context, log io.Writer) (string, error) {
	return cluster.BuildTools(ctx, gobuild.Programs{
		Name: "vault", Log: log,
		Packages: []string{"."},
		What:     "Vault, once: about 3 minutes on 2 cores",
		Flags:    func() ([]string, error) { return []string{"-ldflags=-s -w"}, nil },
	})
}

// Vault is a running Vault.
type Vault struct {
	URL      string
	CABundle string // PEM, what its HTTPS certificate is trusted by
	Root     string // PEM, of what it signs
	Token    string // may use the role and nothing else
	RoleID   string // of AppRole
	SecretID string

	admin *api.Client
	ports ports.Holder
	child *child.Child
}

// Start runs a Vault whose Kubernetes auth method asks the cluster whose a token is, and lets in the ServiceAccount
// given as namespace and name.
func Start(ctx context.Context, c *cluster.Cluster, namespace, serviceAccount string) (*Vault, error) {
	programs, err := Build(ctx, os.Stderr)
	if err != nil {
		return nil, err
	}
	v := &Vault{}
	if err := v.run(ctx, filepath.Join(programs, "vault"), c.Dir()); err != nil {
		v.Stop()
		return nil, err
	}
	if err := errors.Join(v.engines(ctx), v.logins(ctx, c, namespace, serviceAccount)); err != nil {
		v.Stop()
		return nil, err
	}
	return v, nil
}

// run starts the server and waits until it answers.
func (v *Vault) run(ctx context.Context, program, dir string) error {
	taken, err := v.ports.Take(1)
	if err != nil {
		return err
	}
	at := "127.0.0.1:" + strconv.Itoa(taken[0])
	certificate, key, err := certutil.GenerateSelfSignedCertKey("127.0.0.1", nil, nil)
	if err != nil {
		return fmt.Errorf("make certificate for Vault: %w", err)
	}
	in := func(name string) string { return filepath.Join(dir, "vault-"+strconv.Itoa(taken[0])+name) }
	if err := errors.Join(os.WriteFile(in(".crt"), certificate, 0o600), os.WriteFile(in(".key"), key, 0o600)); err != nil {
		return err
	}
	v.URL, v.CABundle = "https://"+at, string(certificate)
	v.child, err = child.Start(child.Spec{
		Path: program,
		Args: []string{"-address", at, "-cert", in(".crt"), "-key", in(".key"), "-token-file", in(".token")},
		Dir:  dir,
		Log:  in(".log"),
	})
	if err != nil {
		return err
	}
	if v.admin, err = v.client(); err != nil {
		return err
	}
	return v.await(ctx, in(".token"))
}

func (v *Vault) client() (*api.Client, error) {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(v.CABundle))
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	return api.NewClient(&api.Config{Address: v.URL, HttpClient: &http.Client{Transport: transport}})
}

// await waits for the root token, which is there before the server answers, and for an answer.
func (v *Vault) await(ctx context.Context, tokenFile string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		token, err := os.ReadFile(tokenFile)
		if err == nil {
			v.admin.SetToken(string(token))
			_, err = v.admin.Sys().HealthWithContext(ctx)
		}
		if err == nil {
			return nil
		}
		select {
		case <-v.child.Done():
			return fmt.Errorf("vault has ended: %s", v.child.Tail(2000))
		case <-ctx.Done():
			return fmt.Errorf("vault does not answer: %w: %s", err, v.child.Tail(2000))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// write does a request, and returns the answer's data.
func (v *Vault) write(ctx context.Context, path string, data map[string]any) (map[string]any, error) {
	answer, err := v.admin.Logical().WriteWithContext(ctx, path, data)
	if err != nil {
		return nil, fmt.Errorf("set up Vault: %s: %w", path, err)
	}
	if answer == nil {
		return nil, nil
	}
	return answer.Data, nil
}

// engines makes the two CAs.
func (v *Vault) engines(ctx context.Context) error {
	for _, path := range []string{"root", "pki"} {
		err := v.admin.Sys().MountWithContext(ctx, path, &api.MountInput{Type: "pki", Config: api.MountConfigInput{MaxLeaseTTL: "87600h"}})
		if err != nil {
			return fmt.Errorf("mount PKI engine: %w", err)
		}
	}
	root, err := v.write(ctx, "root/root/generate/internal", map[string]any{"common_name": "Vault Root", "key_type": "ec", "ttl": "8760h"})
	if err != nil {
		return err
	}
	v.Root, _ = root["certificate"].(string)
	asked, err := v.write(ctx, "pki/intermediate/generate/internal", map[string]any{"common_name": "Vault Intermediate", "key_type": "ec"})
	if err != nil {
		return err
	}
	signed, err := v.write(ctx, "root/root/sign-intermediate", map[string]any{"csr": asked["csr"], "common_name": "Vault Intermediate", "ttl": "8000h"})
	if err != nil {
		return err
	}
	chain := fmt.Sprintf("%s\n%s", signed["certificate"], v.Root)
	_, err = v.write(ctx, "pki/intermediate/set-signed", map[string]any{"certificate": chain})
	return err
}

// Allow makes the role sign names in a zone, and no others.
func (v *Vault) Allow(ctx context.Context, zone string) error {
	_, err := v.write(ctx, "pki/roles/"+Role, map[string]any{
		"allowed_domains": zone, "allow_bare_domains": true, "allow_subdomains": true, "allow_wildcard_certificates": true,
		"key_type": "any", "max_ttl": "2000h",
	})
	return err
}

// logins lets in whoever has the token, knows the role's and secret's identifier, or is the ServiceAccount.
func (v *Vault) logins(ctx context.Context, c *cluster.Cluster, namespace, serviceAccount string) error {
	if err := v.admin.Sys().PutPolicyWithContext(ctx, Role, `path "pki/sign/`+Role+`" { capabilities = ["update"] }`); err != nil {
		return fmt.Errorf("make policy: %w", err)
	}
	if err := v.Grant(ctx); err != nil {
		return err
	}
	for _, method := range []string{"approle", "kubernetes"} {
		if err := v.admin.Sys().EnableAuthWithOptionsWithContext(ctx, method, &api.EnableAuthOptions{Type: method}); err != nil {
			return fmt.Errorf("enable %s: %w", method, err)
		}
	}
	return errors.Join(v.appRole(ctx), v.kubernetes(ctx, c, namespace, serviceAccount))
}

func (v *Vault) appRole(ctx context.Context) error {
	if _, err := v.write(ctx, "auth/approle/role/"+Role, map[string]any{"token_policies": Role}); err != nil {
		return err
	}
	role, err := v.admin.Logical().ReadWithContext(ctx, "auth/approle/role/"+Role+"/role-id")
	if err != nil {
		return fmt.Errorf("read role's identifier: %w", err)
	}
	secret, err := v.write(ctx, "auth/approle/role/"+Role+"/secret-id", nil)
	if err != nil {
		return err
	}
	v.RoleID, _ = role.Data["role_id"].(string)
	v.SecretID, _ = secret["secret_id"].(string)
	return nil
}

func (v *Vault) kubernetes(ctx context.Context, c *cluster.Cluster, namespace, serviceAccount string) error {
	admin := c.Admin()
	token, err := reviewer(ctx, admin)
	if err != nil {
		return err
	}
	_, err = v.write(ctx, "auth/kubernetes/config", map[string]any{
		"kubernetes_host": admin.Host, "kubernetes_ca_cert": string(admin.CAData), "token_reviewer_jwt": token, "disable_local_ca_jwt": true,
	})
	if err != nil {
		return err
	}
	_, err = v.write(ctx, "auth/kubernetes/role/"+Role, map[string]any{
		"bound_service_account_names": serviceAccount, "bound_service_account_namespaces": namespace, "token_policies": Role,
	})
	return err
}

// reviewer makes a ServiceAccount that may ask whose a token is, and a token of it.
func reviewer(ctx context.Context, admin *rest.Config) (token string, err error) {
	kube, err := kubernetes.NewForConfig(admin)
	if err != nil {
		return "", err
	}
	named := metav1.ObjectMeta{GenerateName: "vault-reviewer-"}
	accounts := kube.CoreV1().ServiceAccounts(metav1.NamespaceDefault)
	account, err := accounts.Create(ctx, &corev1.ServiceAccount{ObjectMeta: named}, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("make reviewer: %w", err)
	}
	_, err = kube.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: named,
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: account.Namespace, Name: account.Name}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "system:auth-delegator"},
	}, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("let reviewer ask: %w", err)
	}
	answer, err := accounts.CreateToken(ctx, account.Name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("make reviewer's token: %w", err)
	}
	return answer.Status.Token, nil
}

// Grant makes another token.
func (v *Vault) Grant(ctx context.Context) error {
	token, err := v.admin.Auth().Token().CreateWithContext(ctx, &api.TokenCreateRequest{Policies: []string{Role}, NoDefaultPolicy: true})
	if err != nil {
		return fmt.Errorf("make token: %w", err)
	}
	v.Token = token.Auth.ClientToken
	return nil
}

// Revoke makes the token worthless.
func (v *Vault) Revoke(ctx context.Context) error {
	return v.admin.Auth().Token().RevokeTreeWithContext(ctx, v.Token)
}

// Stop ends the server.
func (v *Vault) Stop() {
	if v.child != nil {
		v.child.Kill()
	}
	v.ports.Release()
}
