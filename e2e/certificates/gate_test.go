package certificates_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/wildcast/wildcast/e2e/cluster"
)

// gate stands between the process and the API server, and calls a hook before and after each write of a Secret. It can
// refuse requests, too.
type gate struct {
	server *httptest.Server

	mu            sync.Mutex
	before, after func(write)
	refused       func(*http.Request) bool
}

// write is a request to create, update or delete a Secret.
type write struct {
	method string // POST, PUT or DELETE
	path   string
	body   []byte
}

// of reports whether it is about the Secret of that name. A POST has the name in its body alone.
func (w write) of(name string) bool {
	if w.method == http.MethodPost {
		return named(w.body, name)
	}
	return strings.HasSuffix(w.path, "/secrets/"+name)
}

// named finds a name in an encoded object: as protobuf, it follows its length and ends where the next field begins.
func named(body []byte, name string) bool {
	return bytes.Contains(body, append([]byte{'\n', byte(len(name))}, name...))
}

// openGate starts a gate, and returns it with a kubeconfig of the shipped ServiceAccount that leads through it.
func openGate(t *testing.T) (*gate, string) {
	t.Helper()
	path, err := shared.KubeconfigFor(t.Context(), cluster.HomeNamespace, cluster.ServiceAccount)
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.LoadFromFile(path)
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{}
	for _, c := range config.Clusters {
		g.server = httptest.NewUnstartedServer(g.forward(t, c.Server, c.CertificateAuthorityData))
		g.server.EnableHTTP2 = true
		g.server.Config.ErrorLog = log.New(io.Discard, "", 0) // connections are broken on purpose
		g.server.StartTLS()
		c.Server = g.server.URL
		c.CertificateAuthorityData = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: g.server.Certificate().Raw})
	}
	t.Cleanup(func() {
		g.server.CloseClientConnections()
		g.server.Close()
	})
	through := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, through); err != nil {
		t.Fatal(err)
	}
	return g, through
}

func (g *gate) forward(t *testing.T, server string, ca []byte) http.Handler {
	t.Helper()
	target, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true},
		FlushInterval: -1, // watches
		ErrorLog:      log.New(io.Discard, "", 0),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.refuses(r) {
			http.Error(w, "refused", http.StatusInternalServerError)
			return
		}
		if r.Method == http.MethodGet || !strings.Contains(r.URL.Path, "/secrets") {
			proxy.ServeHTTP(w, r)
			return
		}
		g.pass(proxy, w, r)
	})
}

// pass calls the hooks around a write. The answer is held back until after has run.
func (g *gate) pass(proxy http.Handler, w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	about := write{method: r.Method, body: body, path: r.URL.Path}
	g.call(true, about)
	answer := httptest.NewRecorder()
	proxy.ServeHTTP(answer, r)
	if answer.Code < 300 {
		g.call(false, about)
	}
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes()) // the client may have gone
}

func (g *gate) call(first bool, about write) {
	g.mu.Lock()
	hook := g.after
	if first {
		hook = g.before
	}
	g.mu.Unlock()
	if hook != nil {
		hook(about)
	}
}

// hooks sets both hooks; nil ends that. A hook may panic with http.ErrAbortHandler: before, the API server never hears of
// the write, and after, the process never hears of the answer.
func (g *gate) hooks(before, after func(write)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.before, g.after = before, after
}

// refuse has the requests of which it is true answered with status 500.
func (g *gate) refuse(what func(*http.Request) bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refused = what
}

func (g *gate) refuses(r *http.Request) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.refused != nil && g.refused(r)
}
