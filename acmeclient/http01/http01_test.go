package http01_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wildcast/wildcast/acmeclient"
	"github.com/wildcast/wildcast/acmeclient/acmetest"
	"github.com/wildcast/wildcast/acmeclient/http01"
)

const someToken = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"

func TestThePageOfAKnownTokenIsItsKeyAuthorization(t *testing.T) {
	handler := http01.Handler{Thumbprint: func(_ context.Context, token string) (string, bool) {
		return "thumbprint", token == someToken
	}}
	for _, test := range []struct {
		method, path string
		status       int
		body         string
	}{
		{http.MethodGet, http01.Path + someToken, 200, someToken + ".thumbprint"},
		{http.MethodHead, http01.Path + someToken, 200, someToken + ".thumbprint"},
		{http.MethodPost, http01.Path + someToken, 405, "ask with GET\n"},
		{http.MethodGet, http01.Path + strings.Repeat("x", 43), 404, "404 page not found\n"},
		{http.MethodGet, http01.Path + "../" + someToken, 404, "404 page not found\n"},
		{http.MethodGet, http01.Path + "short", 404, "404 page not found\n"},
		{http.MethodGet, "/", 404, "404 page not found\n"},
	} {
		answer := httptest.NewRecorder()
		r := httptest.NewRequest(test.method, "/", nil)
		r.URL.Path = test.path
		handler.ServeHTTP(answer, r)
		if answer.Code != test.status || answer.Body.String() != test.body {
			t.Errorf("%s %s: %d %q", test.method, test.path, answer.Code, answer.Body)
		}
	}
}

// world is a CA that looks at pages of a server, and an account.
type world struct {
	t       *testing.T
	client  *acmeclient.Client
	account acmeclient.Account
	dns     *acmetest.DNS
	port    int
	routed  atomic.Int32 // routes that are open
	handler atomic.Pointer[http.HandlerFunc]
}

func newWorld(t *testing.T) *world {
	w := &world{t: t}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { (*w.handler.Load())(rw, r) }))
	t.Cleanup(server.Close)
	where, err := url.Parse(server.URL)
	w.must(err)
	w.port, err = strconv.Atoi(where.Port())
	w.must(err)
	w.dns, err = acmetest.StartDNS("a.test")
	w.must(err)
	t.Cleanup(w.dns.Close)
	w.dns.SetAddress("www.a.test", "127.0.0.1")
	ca, err := acmetest.StartCA(acmetest.CAOptions{DNS: w.dns, HTTPPort: w.port})
	w.must(err)
	t.Cleanup(ca.Close)
	w.client, err = acmeclient.New(acmeclient.Config{Directory: ca.Directory(), CABundle: ca.CABundle()})
	w.must(err)
	t.Cleanup(w.client.Close)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	w.must(err)
	address, err := w.client.Register(t.Context(), key, acmeclient.Registration{})
	w.must(err)
	w.account = acmeclient.Account{Key: key, URL: address}
	thumbprint, err := w.account.Thumbprint()
	w.must(err)
	w.serve(http01.Handler{Thumbprint: func(context.Context, string) (string, bool) { return thumbprint, w.routed.Load() > 0 }}.ServeHTTP)
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) serve(f http.HandlerFunc) { w.handler.Store(&f) }

func (w *world) config() http01.Config {
	return http01.Config{Port: w.port, Nameservers: w.dns.Addrs(), Route: func(context.Context, string, string) (func(context.Context) error, error) {
		w.routed.Add(1)
		return func(context.Context) error { w.routed.Add(-1); return nil }, nil
	}}
}

func (w *world) order(cfg http01.Config, names ...string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	w.must(err)
	_, err = w.client.Order(w.t.Context(), w.account, acmeclient.Request{
		Names: names, Key: key, Profile: "default", Solver: http01.New(cfg),
	})
	return err
}

func TestACertificateIsIssuedByTheHandlersPage(t *testing.T) {
	w := newWorld(t)
	w.must(w.order(w.config(), "www.a.test"))
	if n := w.routed.Load(); n != 0 {
		t.Errorf("%d routes are left", n)
	}
}

func TestAPageThatComesLateIsWaitedForBehindARedirect(t *testing.T) {
	w := newWorld(t)
	good := *w.handler.Load()
	secure := httptest.NewTLSServer(good)
	t.Cleanup(secure.Close)
	_, port, _ := strings.Cut(strings.TrimPrefix(secure.URL, "https://"), ":")
	var looks atomic.Int32
	w.serve(func(rw http.ResponseWriter, r *http.Request) {
		if looks.Add(1) <= 3 {
			http.NotFound(rw, r)
			return
		}
		http.Redirect(rw, r, "https://www.a.test:"+port+r.URL.Path, http.StatusMovedPermanently)
	})
	w.must(w.order(w.config(), "www.a.test"))
	if looks.Load() < 5 {
		t.Errorf("%d looks: the CA was asked before the page was there", looks.Load())
	}
}

func TestWhatIsSeenInsteadOfThePageIsToldAndTheCADecides(t *testing.T) {
	w := newWorld(t)
	w.serve(func(rw http.ResponseWriter, r *http.Request) { http.Error(rw, "no route", http.StatusBadGateway) })
	cfg := w.config()
	cfg.Patience = 200 * time.Millisecond
	var told []string
	cfg.Waiting = func(address, seen string) { told = append(told, address, seen) }
	err := w.order(cfg, "www.a.test")
	if e, ok := errors.AsType[*acmeclient.Error](err); !ok || !e.Reached || w.routed.Load() != 0 {
		t.Errorf("order ended with %v, %d routes left", err, w.routed.Load())
	}
	if len(told) != 2 || !strings.HasSuffix(told[0], http01.Path+"...") || told[1] != "status 502 Bad Gateway" {
		t.Errorf("told %q", told)
	}
}

func TestAHostThatDoesNotResolveIsNamed(t *testing.T) {
	w := newWorld(t)
	cfg := w.config()
	cfg.Patience = 200 * time.Millisecond
	var told string
	cfg.Waiting = func(_, seen string) { told = seen }
	if err := w.order(cfg, "nowhere.a.test"); err == nil {
		t.Error("the order succeeded")
	}
	if !strings.Contains(told, "nowhere.a.test") {
		t.Errorf("told %q", told)
	}
}

func TestAWildcardCannotBeHadWithAPage(t *testing.T) {
	w := newWorld(t)
	if err := w.order(w.config(), "*.a.test"); err == nil || !strings.Contains(err.Error(), "http-01") {
		t.Errorf("error is %v", err)
	}
	_, err := http01.New(w.config()).Present(t.Context(), acmeclient.Challenge{Type: acmeclient.DNS01, Domain: "a.test"})
	if err == nil || !strings.Contains(err.Error(), "dns01") {
		t.Errorf("error is %v", err)
	}
}

func TestARouteThatFailsEndsTheOrder(t *testing.T) {
	w := newWorld(t)
	cfg := w.config()
	refused := errors.New("no quota for ingresses")
	cfg.Route = func(context.Context, string, string) (func(context.Context) error, error) { return nil, refused }
	if err := w.order(cfg, "www.a.test"); !errors.Is(err, refused) {
		t.Errorf("error is %v", err)
	}
}
