package acmetest

import (
	"cmp"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"sync"
	"time"

	pebbleca "github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
)

const (
	standardLifetime = 90 * 24 * time.Hour
	standardRejects  = 5
	// NoRejects as CAOptions.RejectNonces accepts every good nonce.
	NoRejects = -1
	// Identity is the domain by which CAA records and persistent records name the CA.
	Identity = "ca.test"
)

// CAOptions say what the CA is like. The zero value of each field but DNS or Resolver will do.
type CAOptions struct {
	// DNS is where the CA looks for TXT records and addresses.
	DNS *DNS
	// Resolver is the address, host:port, of another DNS server to look at, instead of DNS.
	Resolver string
	// RejectNonces is how many of a hundred good nonces are refused; 0 stands for Pebble's 5, [NoRejects] for none.
	RejectNonces int
	// RequireEAB wants every new account bound to one of EAB: HMAC keys in base64url by key ID.
	RequireEAB bool
	EAB        map[string]string
	// Profiles are the lifetimes of certificates by profile; none: one profile, "default", of 90 days. Where there are
	// several an order has to name one, or gets any.
	Profiles map[string]time.Duration
	// RetryAfter is what the CA asks to wait while it validates or issues, in whole seconds; 0: it does not say.
	RetryAfter time.Duration
	// HTTPPort is where the CA looks at pages for HTTP-01; 0: 5002.
	HTTPPort int
	// Challenges are the types of challenges that the CA offers; none: all that Pebble knows.
	Challenges []string
	// Reuse is how many of a hundred valid authorizations serve an account's later orders as well; 0: as few as Pebble can.
	Reuse int
	// AlternateChains is how many chains the CA offers beside its default one.
	AlternateChains int
}

// CA is a running Pebble with an HTTPS endpoint. Use [StartCA].
type CA struct {
	server *httptest.Server
	store  *db.MemoryStore
	issuer *pebbleca.CAImpl
	pebble http.Handler
	offers []string // types of challenges; none: all

	// guard keeps requests for new orders apart from all others: see the package's comment.
	guard sync.RWMutex

	mu     sync.Mutex
	faults faults
	log    journal
	dates  dates
	before func(step string)
	after  func(step string)
}

// StartCA starts a CA.
func StartCA(o CAOptions) (*CA, error) {
	if o.Resolver == "" && o.DNS == nil {
		return nil, fmt.Errorf("start CA: give it a DNS to look at")
	}
	if o.Resolver == "" {
		o.Resolver = o.DNS.Addr()
	}
	c := &CA{store: db.NewMemoryStore(), offers: o.Challenges}
	for id, key := range o.EAB {
		if err := c.store.AddExternalAccountKeyByID(id, key); err != nil {
			return nil, fmt.Errorf("start CA: %w", err)
		}
	}
	quiet := log.New(io.Discard, "", 0)
	withEnvironment(o, func() {
		c.issuer = pebbleca.New(quiet, c.store, "", "ecdsa", o.AlternateChains, 1, profiles(o.Profiles))
		validator := va.New(quiet, cmp.Or(o.HTTPPort, 5002), 5001, false, o.Resolver, c.store)
		seconds := int(o.RetryAfter / time.Second)
		front := wfe.New(quiet, c.store, validator, c.issuer, []string{Identity}, false, o.RequireEAB, seconds, seconds)
		c.pebble = front.Handler()
	})
	c.server = httptest.NewUnstartedServer(c)
	c.server.Config.ErrorLog = quiet
	c.server.StartTLS()
	return c, nil
}

// environment is held while Pebble reads its settings, which it takes from the process's environment.
var environment sync.Mutex

func withEnvironment(o CAOptions, start func()) {
	environment.Lock()
	defer environment.Unlock()
	rejects := max(0, cmp.Or(o.RejectNonces, standardRejects))
	for name, value := range map[string]string{
		"PEBBLE_VA_NOSLEEP":      "1",
		"PEBBLE_VA_ALWAYS_VALID": "",
		"PEBBLE_AUTHZREUSE":      strconv.Itoa(o.Reuse),
		"PEBBLE_WFE_NONCEREJECT": strconv.Itoa(rejects),
	} {
		if old, set := os.LookupEnv(name); set {
			defer os.Setenv(name, old)
		} else {
			defer os.Unsetenv(name)
		}
		os.Setenv(name, value)
	}
	start()
}

func profiles(lifetimes map[string]time.Duration) map[string]pebbleca.Profile {
	if len(lifetimes) == 0 {
		lifetimes = map[string]time.Duration{"default": standardLifetime}
	}
	all := map[string]pebbleca.Profile{}
	for name, lifetime := range maps.All(lifetimes) {
		all[name] = pebbleca.Profile{Description: name, ValidityPeriod: uint64(lifetime / time.Second)}
	}
	return all
}

// Close stops the endpoint. It waits for requests in flight.
func (c *CA) Close() {
	c.server.CloseClientConnections()
	c.server.Close()
}

// Directory returns the URL of the CA's directory.
func (c *CA) Directory() string { return c.server.URL + wfe.DirectoryPath }

// CABundle returns, in PEM, what a client has to trust to call the CA's endpoint.
func (c *CA) CABundle() []byte { return encode(c.server.Certificate().Raw) }

// Root returns what a client has to trust to accept the CA's certificates.
func (c *CA) Root() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(c.RootPEM())
	return pool
}

// RootPEM is Root in PEM.
func (c *CA) RootPEM() []byte {
	var all []byte
	for i := range c.issuer.GetNumberOfRootCerts() {
		all = append(all, c.issuer.GetRootCert(i).PEM()...)
	}
	return all
}

// RootNames returns the common names of the roots, that of the default chain first.
func (c *CA) RootNames() []string {
	var all []string
	for i := range c.issuer.GetNumberOfRootCerts() {
		all = append(all, c.issuer.GetRootCert(i).Cert.Subject.CommonName)
	}
	return all
}

func encode(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
