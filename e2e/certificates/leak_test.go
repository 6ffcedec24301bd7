package certificates_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/wildcast/wildcast/e2e/internal/ports"
	"github.com/wildcast/wildcast/e2e/stage"
)

// leaks is a scene in which everything fails whose answer may repeat a secret.
type leaks struct {
	*scene
	namespace string
	secrets   map[string]string // by what they are
	pages     *pages
}

// secret makes one that can be recognised, and notes it.
func (l *leaks) secret(what string) string {
	text := strings.ReplaceAll(what, " ", "-") + "-" + rand.Text()
	l.secrets[what] = text
	return text
}

// encoded is secret in base64, as keys of symmetric algorithms are given. Neither form may be told.
func (l *leaks) encoded(what string) string {
	text := base64.RawURLEncoding.EncodeToString([]byte(l.secret(what + " decoded")))
	l.secrets[what] = text
	return text
}

// key makes a private key in PEM, and notes one of its lines.
func (l *leaks) key(what string) string {
	l.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	l.must(err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	l.must(err)
	text := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	l.secrets[what] = middleLine(text)
	return text
}

// middleLine is a line of a private key in PEM that says enough of it.
func middleLine(text string) string { return strings.Split(text, "\n")[2] }

// parrot answers everything with all that it was sent.
func parrot(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	said := fmt.Sprintf("%s %s %v %s", r.Method, r.URL, r.Header, body)
	w.WriteHeader(http.StatusForbidden)
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": []string{said}, "message": said})
}

// issuer makes an issuer in the home namespace and an Ingress that asks it for a certificate.
func (l *leaks) issuer(name string, keys map[string]string) {
	l.t.Helper()
	if keys["kind"] == "" {
		l.must(l.Issuer(l.ctx, stage.Home, name, keys))
	} else {
		l.signer(stage.Home, name, keys)
	}
	l.ask(name, name, l.host(name))
}

func (l *leaks) ask(name, issuer, host string) {
	l.t.Helper()
	l.ingress(l.namespace, name, []string{host}, map[string]string{"wildcast.dev/issuer": issuer, "wildcast.dev/wildcard": "false"})
}

// pages stand between the CA and wildcast's pages for HTTP-01: the CA sees nonsense, and wildcast what it serves.
type pages struct {
	port string

	mu   sync.Mutex
	to   *url.URL
	last string // a key authorization
}

func openPages(t *testing.T) *pages {
	t.Helper()
	p := &pages{}
	through := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			p.mu.Lock()
			defer p.mu.Unlock()
			r.SetURL(p.to)
		},
		ModifyResponse: func(r *http.Response) error {
			body, err := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			p.mu.Lock()
			defer p.mu.Unlock()
			p.last = string(body)
			return err
		},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.UserAgent(), "Pebble") {
			fmt.Fprint(w, "nonsense")
			return
		}
		through.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	_, p.port, _ = net.SplitHostPort(server.Listener.Addr().String())
	return p
}

func (p *pages) lead(address string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.to = &url.URL{Scheme: "http", Host: address}
}

func (p *pages) seen() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

// eab is the key of an external account that the CA knows.
const eab = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"

func openLeaks(t *testing.T) *leaks {
	t.Helper()
	l := &leaks{secrets: map[string]string{"EAB key": eab}, pages: openPages(t)}
	o := stage.Options{Zones: []string{"leaks-cloud.test", "leaks-web.test", "leaks-tsig.test", "leaks-text.test", "leaks-file.test"}}
	o.CA.RequireEAB, o.CA.EAB = true, map[string]string{"kid-1": eab}
	var err error
	if o.CA.HTTPPort, err = strconv.Atoi(l.pages.port); err != nil {
		t.Fatal(err)
	}
	l.scene = openBare(t, "leaks", o)
	l.namespace = l.scene.namespace("infra", nil)
	return l
}

// solvers make five, one for each zone, all of which fail.
func (l *leaks) solvers() {
	l.t.Helper()
	cloud := l.cloudflare()
	cloud.Refuse(true)
	account := cloud.Account("leaks-cloud.test")
	l.secrets["Cloudflare token"] = account["CF_DNS_API_TOKEN"]
	l.solve("leaks-cloud.test", account)

	web := httptest.NewServer(http.HandlerFunc(parrot))
	l.t.Cleanup(web.Close)
	password := l.secret("httpreq password")
	l.secrets["httpreq login"] = basic("lodger", password)
	l.solve("leaks-web.test", map[string]string{"provider": "httpreq", "HTTPREQ_ENDPOINT": web.URL, "HTTPREQ_MODE": "RAW",
		"HTTPREQ_USERNAME": "lodger", "HTTPREQ_PASSWORD": password})

	tsig := l.DNS.Account("leaks-tsig.test")
	tsig["DNSUPDATE_TSIG_SECRET"] = base64.StdEncoding.EncodeToString([]byte(l.secret("TSIG secret")))
	l.secrets["TSIG key"] = tsig["DNSUPDATE_TSIG_SECRET"]
	l.solve("leaks-tsig.test", tsig)
	text := l.DNS.Account("leaks-text.test")
	text["DNSUPDATE_TSIG_SECRET"] = "%" + l.secret("TSIG secret that is no base64")
	l.solve("leaks-text.test", text)
	l.solve("leaks-file.test", map[string]string{"provider": "gcloud", "GCE_PROJECT": "p",
		"GCE_SERVICE_ACCOUNT": `{"type": "service_account", "private_key": "` + l.secret("cloud account") + `"}`})
	l.must(l.Solver(l.ctx, stage.Home, "leaks-odd", map[string]string{"provider": "cloudflare", "zones": "odd.test",
		"token": l.secret("token under a wrong name")}))
}

// issuers make those that fail by themselves.
func (l *leaks) issuers() {
	l.t.Helper()
	good := map[string]string{"eabKeyID": "kid-1", "eabHMACKey": eab, "sync": "stage=" + l.Name}
	with := func(more map[string]string) map[string]string {
		all := maps.Clone(good)
		maps.Copy(all, more)
		return all
	}
	l.must(l.Issuer(l.ctx, stage.Home, l.Name, good))
	l.issuer("leaks-eab", with(map[string]string{"eabHMACKey": l.encoded("wrong EAB key")}))
	l.issuer("leaks-eabtext", with(map[string]string{"eabHMACKey": "%" + l.secret("EAB key that is no base64")}))
	l.issuer("leaks-bundle", with(map[string]string{"caBundle": l.key("key for caBundle"), "apiToken": l.secret("key that does not exist")}))
	l.issuer("leaks-url", with(map[string]string{"server": "https://user:" + l.secret("password in an URL") + "@127.0.0.1:1/dir"}))
	l.issuer("leaks-ca", map[string]string{"kind": "ca", "tls.crt": string(l.CA.RootPEM()), "tls.key": l.key("CA key that does not fit")})
	l.issuer("leaks-catext", map[string]string{"kind": "ca", "tls.crt": "none", "tls.key": l.secret("CA key that is no PEM")})

	vault := httptest.NewTLSServer(http.HandlerFunc(parrot))
	l.t.Cleanup(vault.Close)
	trust := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: vault.Certificate().Raw}))
	keys := map[string]string{"kind": "vault", "server": vault.URL, "caBundle": trust, "role": "web", "sync": "stage=" + l.Name}
	byToken, byRole := maps.Clone(keys), maps.Clone(keys)
	byToken["token"] = l.secret("Vault token")
	l.issuer("leaks-vault", byToken)
	byRole["auth"], byRole["roleID"], byRole["secretID"] = "approle", "the-role", l.secret("Vault secret ID")
	l.issuer("leaks-approle", byRole)
}

// contexts makes a kubeconfig that leads to a server which refuses everything, and a source for it.
func (l *leaks) contexts() (file string) {
	l.t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(parrot))
	l.t.Cleanup(server.Close)
	config := clientcmdapi.NewConfig()
	config.Clusters["over"] = &clientcmdapi.Cluster{Server: server.URL, InsecureSkipTLSVerify: true}
	config.AuthInfos["over"] = &clientcmdapi.AuthInfo{Token: l.secret("token of a context")}
	config.AuthInfos["odd"] = &clientcmdapi.AuthInfo{ClientKeyData: []byte(l.secret("client key of a context")), ClientCertificateData: []byte("none")}
	config.Contexts["over"] = &clientcmdapi.Context{Cluster: "over", AuthInfo: "over"}
	config.Contexts["odd"] = &clientcmdapi.Context{Cluster: "over", AuthInfo: "odd"}
	file = filepath.Join(l.t.TempDir(), "contexts")
	l.must(clientcmd.WriteToFile(*config, file))
	source := &corev1.Secret{StringData: map[string]string{"password": l.secret("source")}, ObjectMeta: metav1.ObjectMeta{
		Name: "source", Annotations: map[string]string{"wildcast.dev/sync": "false-ns=x", "wildcast.dev/sync-contexts": "over,odd"}}}
	_, err := l.Kube.CoreV1().Secrets(l.namespace).Create(l.ctx, source, metav1.CreateOptions{})
	l.must(err)
	return file
}

// belongs checks that each secret is where it belongs, so that it could be found where it does not.
func (l *leaks) belongs(file string) {
	l.t.Helper()
	there, err := os.ReadFile(file)
	l.must(err)
	for _, namespace := range []string{l.namespace, stage.Home} {
		list, err := l.Kube.CoreV1().Secrets(namespace).List(l.ctx, metav1.ListOptions{})
		l.must(err)
		for _, secret := range list.Items {
			for _, value := range secret.Data {
				there = append(append(there, '\n'), value...)
			}
		}
	}
	for what, secret := range l.secrets {
		elsewhere := strings.HasSuffix(what, "decoded") || what == "TSIG secret" || what == "httpreq login" || what == "key authorization" ||
			strings.HasSuffix(what, "context")
		if !elsewhere && !bytes.Contains(there, []byte(secret)) {
			l.t.Errorf("the %s is nowhere", what)
		}
	}
}

// made notes the private keys that wildcast has made.
func (l *leaks) made() {
	l.t.Helper()
	for _, namespace := range []string{l.namespace, stage.Home} {
		list, err := l.Kube.CoreV1().Secrets(namespace).List(l.ctx, metav1.ListOptions{})
		l.must(err)
		for _, secret := range list.Items {
			for key, value := range secret.Data {
				if strings.Contains(string(value), "PRIVATE KEY") {
					l.secrets["key in "+secret.Name+" "+key] = middleLine(string(value))
				}
			}
		}
	}
}

// freeAddress is one that nobody else takes until the test ends.
func freeAddress(t *testing.T) string {
	t.Helper()
	var holder ports.Holder
	taken, err := holder.Take(1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(holder.Release)
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(taken[0]))
}

func TestNoFailureTellsASecret(t *testing.T) {
	l := openLeaks(t)
	l.solvers()
	l.issuers()
	file := l.contexts()
	l.must(l.Issuer(l.ctx, stage.Home, "leaks-pages", map[string]string{"eabKeyID": "kid-1", "eabHMACKey": eab,
		"challenge": "http01", "nameservers": l.DNS.Addr(), "ingressClass": "none"}))
	l.DNS.SetAddress(l.host("pages"), "127.0.0.1")
	l.status = freeAddress(t)
	l.run("--cluster-name=here", "--http01-port="+l.pages.port, "--contexts-kubeconfig="+file, "--status-address="+l.status)
	l.pages.lead(l.w.PagesAddress())

	for _, zone := range []string{"cloud", "web", "tsig", "text", "file"} {
		l.ask(zone, l.Name, "www.leaks-"+zone+".test")
	}
	l.ask("pages", "leaks-pages", l.host("pages"))
	for _, name := range []string{"cloud", "web", "tsig", "text", "file", "pages", "leaks-vault", "leaks-approle"} {
		l.event(l.namespace, name, "OrderFailed")
	}
	for _, name := range []string{"leaks-eab", "leaks-eabtext", "leaks-bundle", "leaks-url", "leaks-ca", "leaks-catext"} {
		l.event(l.namespace, name, "IssuerNotReady")
	}
	l.event(stage.Home, "leaks-odd", "InvalidSolver")
	l.event(l.namespace, "source", "TargetFailed")

	l.secrets["key authorization"] = l.pages.seen()
	l.made()
	l.belongs(file)
	l.neverTold(l.namespace, slices.Sorted(maps.Values(l.secrets))...)
}
