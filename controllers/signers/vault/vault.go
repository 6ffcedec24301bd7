// Package vault has certificates signed by HashiCorp Vault's PKI secrets engine, or by OpenBao's, which speaks the same.
package vault

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/wildcast/wildcast/controllers/signers"
)

// Config says which Vault signs, and who asks.
type Config struct {
	Server   string // URL
	CABundle []byte // PEM, empty for the system's roots
	Path     string // where the PKI engine is mounted
	Role     string // of the PKI engine
	Auth     Auth
	AuthPath string // where the auth method is mounted
	AuthRole string // AuthKubernetes
	Token    string // AuthToken
	RoleID   string // AuthAppRole
	SecretID string // AuthAppRole
	// TokenFile is where AuthKubernetes finds the pod's own token; empty for where Kubernetes puts it.
	TokenFile string
}

// Auth is how Vault knows who asks.
type Auth string

// The auth methods.
const (
	AuthToken      Auth = "token"
	AuthAppRole    Auth = "approle"
	AuthKubernetes Auth = "kubernetes"
)

const podToken = "/var/run/secrets/kubernetes.io/serviceaccount/token"

// timeout bounds each request.
const timeout = 30 * time.Second

// Sign has a certificate signed. Names and key are checked: what Vault's role leaves out is an error.
func Sign(ctx context.Context, c Config, r signers.Request) (signers.Issued, error) {
	client, err := c.client()
	if err != nil {
		return signers.Issued{}, err
	}
	if err := c.login(ctx, client); err != nil {
		return signers.Issued{}, err
	}
	body, err := request(r)
	if err != nil {
		return signers.Issued{}, err
	}
	answer, err := client.Logical().WriteWithContext(ctx, strings.Trim(c.Path, "/")+"/sign/"+c.Role, body)
	if err != nil {
		return signers.Issued{}, fmt.Errorf("have Vault sign with role %s: %w", c.Role, told(err, client.Token()))
	}
	return c.read(answer, r)
}

// client is a client that knows nothing but what the configuration says, whatever this process's environment does.
func (c Config) client() (*api.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if len(c.CABundle) > 0 {
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(c.CABundle)
		transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	client, err := api.NewClient(&api.Config{
		Address: c.Server, HttpClient: &http.Client{Transport: transport}, Timeout: timeout, MaxRetries: 1, DisableRedirects: true,
	})
	if err != nil {
		return nil, fmt.Errorf("set up client of Vault: %w", err)
	}
	client.ClearToken()
	client.ClearNamespace()
	return client, nil
}

// login gives the client a token.
func (c Config) login(ctx context.Context, client *api.Client) error {
	var body map[string]any
	secret := c.SecretID
	switch c.Auth {
	case AuthAppRole:
		body = map[string]any{"role_id": c.RoleID, "secret_id": secret}
	case AuthKubernetes:
		token, err := c.podToken()
		if err != nil {
			return fmt.Errorf("read the pod's own token: %w", err)
		}
		secret = token
		body = map[string]any{"role": c.AuthRole, "jwt": secret}
	default:
		client.SetToken(c.Token)
		return nil
	}
	answer, err := client.Logical().WriteWithContext(ctx, "auth/"+strings.Trim(c.AuthPath, "/")+"/login", body)
	if err != nil {
		return fmt.Errorf("log in to Vault by %s: %w", c.Auth, told(err, secret))
	}
	if answer == nil || answer.Auth == nil {
		return fmt.Errorf("log in to Vault by %s: the answer has no token", c.Auth)
	}
	client.SetToken(answer.Auth.ClientToken)
	return nil
}

func (c Config) podToken() (string, error) {
	file := c.TokenFile
	if file == "" {
		file = podToken
	}
	token, err := os.ReadFile(file)
	return strings.TrimSpace(string(token)), err
}

// told is what Vault says, in one line and without the secret that it was sent, which a proxy before it may repeat. No
// other error has a secret in it.
func told(err error, secret string) error {
	refusal, ok := errors.AsType[*api.ResponseError](err)
	if !ok {
		return err
	}
	words := strings.Join(strings.Fields(strings.Join(refusal.Errors, "; ")), " ")
	if secret != "" {
		words = strings.ReplaceAll(words, secret, "[redacted]")
	}
	return fmt.Errorf("it answers %d: %s", refusal.StatusCode, words)
}

// request is the body of a signature's request.
func request(r signers.Request) (map[string]any, error) {
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: r.Subject, DNSNames: r.Names}, r.Key)
	if err != nil {
		return nil, fmt.Errorf("make certificate request: %w", err)
	}
	var ips []string
	for _, ip := range r.IPs {
		ips = append(ips, ip.String())
	}
	body := map[string]any{
		"csr":                  string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr})),
		"common_name":          commonName(r),
		"alt_names":            strings.Join(r.Names, ","),
		"ip_sans":              strings.Join(ips, ","),
		"uri_sans":             strings.Join(r.URIs, ","),
		"exclude_cn_from_sans": true,
		"ttl":                  fmt.Sprintf("%ds", int(r.Duration.Seconds())),
		"format":               "pem",
	}
	return body, nil
}

// commonName is the request's, else its first name: most roles demand one. It has room for 64 characters.
func commonName(r signers.Request) string {
	names := append([]string{r.Subject.CommonName}, r.Names...)
	fits := slices.IndexFunc(names, func(name string) bool { return name != "" && len(name) <= 64 })
	if fits < 0 {
		return ""
	}
	return names[fits]
}

// read takes the chain from Vault's answer.
func (c Config) read(answer *api.Secret, r signers.Request) (signers.Issued, error) {
	fault := func(what string) (signers.Issued, error) {
		return signers.Issued{}, fmt.Errorf("have Vault sign with role %s: %s", c.Role, what)
	}
	if answer == nil {
		return fault("the answer is empty")
	}
	text, _ := answer.Data["certificate"].(string)
	issuing, _ := answer.Data["issuing_ca"].(string)
	above, _ := answer.Data["ca_chain"].([]any)
	for _, part := range append([]any{issuing}, above...) {
		if pem, ok := part.(string); ok {
			text += "\n" + pem
		}
	}
	chain, err := signers.ParseChain([]byte(text))
	if err != nil {
		return fault(err.Error())
	}
	if missing := lacking(chain.Leaf, r); missing != "" {
		return fault(missing)
	}
	return chain.Issued(), nil
}

// lacking says what of a request a certificate does not have, empty for nothing.
func lacking(leaf *x509.Certificate, r signers.Request) string {
	if public, ok := r.Key.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !public.Equal(leaf.PublicKey) {
		return "the certificate is for another key"
	}
	for _, name := range r.Names {
		if !slices.Contains(leaf.DNSNames, name) {
			return fmt.Sprintf("the certificate is not for %s; see allowed_domains of the role", name)
		}
	}
	if r.DiffersInSANs(leaf) != "" {
		return "the certificate is for other IP addresses or URIs; see allow_ip_sans and allowed_uri_sans of the role"
	}
	return ""
}
