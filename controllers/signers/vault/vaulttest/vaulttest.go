// Package vaulttest is a double of Vault for tests: its login and PKI sign endpoints as its API documentation describes
// them, with an intermediate CA below a root.
package vaulttest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/wildcast/wildcast/controllers/signers"
)

// What the double knows.
const (
	Token    = "hvs.the-token"
	RoleID   = "the-role-id"
	SecretID = "the-secret-id"
	JWT      = "the.pods.token"
	Role     = "web" // of the PKI engine at pki, and of the Kubernetes auth method
)

// Server is a Vault that listens on 127.0.0.1.
type Server struct {
	http *httptest.Server
	ca   *signers.Authority
	root []byte

	mu     sync.Mutex
	zone   string
	signed int
	logins []string
}

// Start starts a Vault whose role signs names in the zone.
func Start(zone string) (*Server, error) {
	root, rootCA, err := authority("Vault Root", nil)
	if err != nil {
		return nil, err
	}
	_, between, err := authority("Vault Intermediate", rootCA)
	if err != nil {
		return nil, err
	}
	s := &Server{ca: between, root: root, zone: zone}
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /v1/auth/approle/login", s.login(func(b body) bool { return b.RoleID == RoleID && b.SecretID == SecretID }, "invalid role or secret ID"))
	mux.HandleFunc("PUT /v1/auth/kubernetes/login", s.login(func(b body) bool { return b.Role == Role && b.JWT == JWT }, "permission denied"))
	mux.HandleFunc("PUT /v1/pki/sign/{role}", s.sign)
	s.http = httptest.NewUnstartedServer(mux)
	s.http.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that do not trust it
	s.http.StartTLS()
	return s, nil
}

// authority makes a CA; by is the one above it, nil for a root.
func authority(name string, by *signers.Authority) (chain []byte, ca *signers.Authority, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	r := signers.Request{CA: true, Subject: pkix.Name{CommonName: name}, Duration: 1000 * time.Hour, Key: key}
	make := signers.SelfSign
	if by != nil {
		make = by.Sign
	}
	issued, err := make(r, time.Now())
	if err != nil {
		return nil, nil, err
	}
	ca, err = signers.NewAuthority(issued.Chain, key, issued.CA)
	return issued.Chain, ca, err
}

// Close stops it.
func (s *Server) Close() { s.http.Close() }

// URL is where it listens.
func (s *Server) URL() string { return s.http.URL }

// CABundle is what its HTTPS certificate is trusted by, PEM.
func (s *Server) CABundle() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.http.Certificate().Raw})
}

// Root is the root of what it signs, PEM.
func (s *Server) Root() []byte { return s.root }

// Signed counts what it has signed.
func (s *Server) Signed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.signed
}

// Allow changes the zone whose names its role signs.
func (s *Server) Allow(zone string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.zone = zone
}

// body is that of any request.
type body struct {
	RoleID     string `json:"role_id"`
	SecretID   string `json:"secret_id"`
	Role       string `json:"role"`
	JWT        string `json:"jwt"`
	CSR        string `json:"csr"`
	CommonName string `json:"common_name"`
	AltNames   string `json:"alt_names"`
	IPSans     string `json:"ip_sans"`
	URISans    string `json:"uri_sans"`
	TTL        string `json:"ttl"`
}

func read(r *http.Request) (b body, err error) {
	text, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(text, &b)
	}
	return b, err
}

func (s *Server) login(known func(body) bool, refusal string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		b, err := read(r)
		if err != nil || !known(b) {
			refuse(w, http.StatusBadRequest, refusal)
			return
		}
		token := fmt.Sprintf("hvs.login-%d", time.Now().UnixNano())
		s.mu.Lock()
		s.logins = append(s.logins, token)
		s.mu.Unlock()
		answer(w, map[string]any{"auth": map[string]any{"client_token": token, "policies": []string{"pki"}, "lease_duration": 3600, "renewable": true}})
	}
}

func (s *Server) sign(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if token := r.Header.Get("X-Vault-Token"); token != Token && !slices.Contains(s.logins, token) {
		refuse(w, http.StatusForbidden, "1 error occurred:\n\t* permission denied\n\n")
		return
	}
	if role := r.PathValue("role"); role != Role {
		refuse(w, http.StatusBadRequest, "unknown role: "+role)
		return
	}
	b, err := read(r)
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	issued, err := s.issue(b)
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	s.signed++
	block, rest := pem.Decode(issued.Chain)
	answer(w, map[string]any{"data": map[string]any{
		"certificate": string(pem.EncodeToMemory(block)), "issuing_ca": string(rest),
		"ca_chain": []string{string(rest), string(s.root)},
	}})
}

func (s *Server) issue(b body) (signers.Issued, error) {
	block, _ := pem.Decode([]byte(b.CSR))
	if block == nil {
		return signers.Issued{}, fmt.Errorf("csr contains no data")
	}
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return signers.Issued{}, fmt.Errorf("certificate request could not be parsed: %w", err)
	}
	if b.CommonName == "" {
		return signers.Issued{}, fmt.Errorf("the common_name field is required, or must be provided in a CSR with \"use_csr_common_name\" set to true, unless \"require_cn\" is set to false")
	}
	life, err := time.ParseDuration(b.TTL)
	if err != nil {
		return signers.Issued{}, err
	}
	request := signers.Request{Subject: pkix.Name{CommonName: b.CommonName}, Usages: signers.ServerUsages, Duration: life, Key: public{csr.PublicKey}}
	for _, name := range list(b.AltNames) {
		if name != s.zone && !strings.HasSuffix(name, "."+s.zone) {
			return signers.Issued{}, fmt.Errorf("subject alternate name %s not allowed by this role", name)
		}
		request.Names = append(request.Names, name)
	}
	for _, ip := range list(b.IPSans) {
		request.IPs = append(request.IPs, netip.MustParseAddr(ip))
	}
	request.URIs = list(b.URISans)
	return s.ca.Sign(request, time.Now())
}

func list(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' })
}

// public is a key of which only the public part is known, and needed.
type public struct{ key crypto.PublicKey }

func (p public) Public() crypto.PublicKey { return p.key }

func (p public) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, fmt.Errorf("the private key is not here")
}

func answer(w http.ResponseWriter, what map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(what) // the client may have gone
}

func refuse(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": []string{text}}) // the client may have gone
}
