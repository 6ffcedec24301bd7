package acmeclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/go-acme/lego/v4/acme/api"
)

// Config names one CA.
type Config struct {
	// Directory is the URL of the CA's directory (RFC 8555 §7.1.1), https only; see [DirectoryURL].
	Directory string
	// CABundle holds PEM certificates that are trusted beside the system's roots when the CA's endpoint is called.
	CABundle []byte
	// UserAgent tells the CA who calls, as "wildcast/1.2.3" (RFC 8555 §6.1 requires one).
	UserAgent string
}

// Client talks to one CA. It holds connections and the CA's directory, but no account, and is safe for concurrent use.
type Client struct {
	directoryURL string
	userAgent    string
	transport    *http.Transport
	directories  directoryCache
}

// New returns a client of the CA that cfg names. It checks cfg and calls nobody.
func New(cfg Config) (*Client, error) {
	u, err := url.Parse(cfg.Directory)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("directory %q is no https URL: give the one from the CA's documentation", cfg.Directory)
	}
	roots, err := trust(cfg.CABundle)
	if err != nil {
		return nil, err
	}
	agent := cfg.UserAgent
	if agent == "" {
		agent = "wildcast"
	}
	quietLego()
	return &Client{
		directoryURL: cfg.Directory,
		userAgent:    agent,
		transport:    newTransport(roots),
		directories:  directoryCache{turn: make(chan struct{}, 1)},
	}, nil
}

// Close closes idle connections. Work in flight goes on.
func (c *Client) Close() {
	c.transport.CloseIdleConnections()
}

// trust returns the system's roots and those of the bundle; nil stands for the system's alone.
func trust(bundle []byte) (*x509.CertPool, error) {
	if len(bundle) == 0 {
		return nil, nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(bundle) {
		return nil, errors.New("CA bundle holds no PEM certificate: give one or more CERTIFICATE blocks")
	}
	return roots, nil
}

func newTransport(roots *x509.CertPool) *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:       &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: time.Minute,
		ExpectContinueTimeout: time.Second,
		IdleConnTimeout:       90 * time.Second,
		MaxIdleConns:          256,
		MaxIdleConnsPerHost:   128,
		ForceAttemptHTTP2:     true,
	}
}

// job is one piece of work for one account: lego's api.Core knows no context, so each piece of work gets a core, an
// http.Client and a transport of its own that carry the context.
type job struct {
	*exchange
	core *api.Core
	host string
}

// job returns the tools for work that lives as long as ctx does.
func (c *Client) job(ctx context.Context, acct Account) (*job, error) {
	if err := checkAccountKey(acct.Key); err != nil {
		return nil, err
	}
	dir, err := c.directory(ctx)
	if err != nil {
		return nil, err
	}
	x := newExchange(ctx, c, dir)
	core, err := api.New(&http.Client{Transport: x}, c.userAgent, c.directoryURL, acct.URL, acct.Key)
	if err != nil {
		return nil, x.failure("read directory", "", err)
	}
	return &job{exchange: x, core: core, host: hostOf(dir.NewOrder)}, nil
}

func hostOf(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return ""
	}
	return u.Host
}
