package acmeclient_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wildcast/wildcast/acmeclient"
	"github.com/wildcast/wildcast/acmeclient/acmetest"
	"github.com/wildcast/wildcast/acmeclient/acmetest/testchild"
	"github.com/wildcast/wildcast/acmeclient/dns01"
)

func TestMain(m *testing.M) {
	testchild.Main()
	os.Exit(m.Run())
}

// world is a CA, a DNS, a client of both, and an account.
type world struct {
	t       testing.TB
	dns     *acmetest.DNS
	ca      *acmetest.CA
	client  *acmeclient.Client
	account acmeclient.Account
	pool    *dns01.Pool
}

func newWorld(t testing.TB, o acmetest.CAOptions) *world {
	t.Helper()
	w := &world{t: t}
	var err error
	w.dns, err = acmetest.StartDNS("a.test", "b.test", "c.test")
	w.must(err)
	t.Cleanup(w.dns.Close)
	o.DNS = w.dns
	w.ca, err = acmetest.StartCA(o)
	w.must(err)
	t.Cleanup(w.ca.Close)
	w.client = w.again()
	w.pool = w.newPool()
	if !o.RequireEAB {
		w.account = w.register(newKey(t))
	}
	return w
}

func (w *world) newPool() *dns01.Pool {
	pool := dns01.NewPool(dns01.Config{Command: testchild.Command(), Timeout: 30 * time.Second})
	w.t.Cleanup(pool.Close)
	return pool
}

// again returns a client that has not spoken to the CA yet.
func (w *world) again() *acmeclient.Client {
	w.t.Helper()
	client, err := acmeclient.New(acmeclient.Config{Directory: w.ca.Directory(), CABundle: w.ca.CABundle()})
	w.must(err)
	w.t.Cleanup(client.Close)
	return client
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) register(key crypto.Signer) acmeclient.Account {
	w.t.Helper()
	url, err := w.client.Register(w.t.Context(), key, acmeclient.Registration{Email: "admin@a.test"})
	w.must(err)
	return acmeclient.Account{Key: key, URL: url}
}

// undecided keeps the CA from looking at a challenge until the step that comes after it is done, or release is called.
func (w *world) undecided(until string) (release func()) {
	release = func() {}
	told := false
	var mu sync.Mutex
	w.ca.Before(func(step string) {
		mu.Lock()
		defer mu.Unlock()
		if step == acmetest.StepChallenge {
			told, release = true, w.dns.Hold()
		}
	})
	w.ca.After(func(step string) {
		mu.Lock()
		defer mu.Unlock()
		if told && step == until {
			release()
		}
	})
	free := func() {
		mu.Lock()
		defer mu.Unlock()
		release()
	}
	w.t.Cleanup(free)
	return free
}

func (w *world) solver() acmeclient.Solver {
	return w.pool.Solver([]dns01.Settings{{
		Name: "test", Provider: "rfc2136", Env: w.dns.SolverEnv(), Nameservers: w.dns.Addrs(),
	}}, nil)
}

func (w *world) request(names ...string) acmeclient.Request {
	return acmeclient.Request{Names: names, Key: newKey(w.t), Profile: "default", Solver: w.solver()}
}

func (w *world) order(req acmeclient.Request) ([]byte, error) {
	return w.client.Order(w.t.Context(), w.account, req)
}

// issued checks a chain against the request and the CA's root.
func (w *world) issued(chain []byte, req acmeclient.Request) *x509.Certificate {
	w.t.Helper()
	certificates := certificatesIn(w.t, chain)
	leaf := certificates[0]
	between := x509.NewCertPool()
	for _, c := range certificates[1:] {
		between.AddCert(c)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: w.ca.Root(), Intermediates: between}); err != nil {
		w.t.Errorf("chain does not verify: %v", err)
	}
	if got, want := slices.Sorted(slices.Values(leaf.DNSNames)), slices.Sorted(slices.Values(req.Names)); !slices.Equal(got, want) {
		w.t.Errorf("leaf has names %v, want %v", got, want)
	}
	if !leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool }).Equal(req.Key.Public()) {
		w.t.Error("leaf has another key")
	}
	return leaf
}

// clean checks that no TXT record is left.
func (w *world) clean() {
	w.t.Helper()
	if left := w.dns.Records(); len(left) > 0 {
		w.t.Errorf("records left behind: %v", left)
	}
}

func certificatesIn(t testing.TB, chain []byte) []*x509.Certificate {
	t.Helper()
	var all []*x509.Certificate
	for block, rest := pem.Decode(chain); block != nil; block, rest = pem.Decode(rest) {
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		t.Fatal("chain is empty")
	}
	return all
}

func newKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func errorOf(t testing.TB, err error) *acmeclient.Error {
	t.Helper()
	e, ok := errors.AsType[*acmeclient.Error](err)
	if !ok {
		t.Fatalf("error is %T (%v), want *acmeclient.Error", err, err)
	}
	return e
}

// says checks that an error's text holds all of the words.
func says(t testing.TB, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one that says %q", words)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q does not say %q", err, word)
		}
	}
}

// solverFunc is a solver made of a function.
type solverFunc func(ctx context.Context, ch acmeclient.Challenge) (func(context.Context) error, error)

func (solverFunc) Type(string) string { return acmeclient.DNS01 }

func (f solverFunc) Present(ctx context.Context, ch acmeclient.Challenge) (func(context.Context) error, error) {
	return f(ctx, ch)
}
