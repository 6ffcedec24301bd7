package certificates_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/wildcast/wildcast/acmeclient/acmetest"
	"github.com/wildcast/wildcast/e2e/edge"
	"github.com/wildcast/wildcast/e2e/stage"
	"github.com/wildcast/wildcast/e2e/wildcast"
)

// paged is a scene without a DNS solver: its CA sees pages through a real Ingress controller, which redirects to HTTPS.
type paged struct {
	*scene
	edge *edge.Edge
}

func openPaged(t *testing.T, name string, issuer map[string]string) *paged {
	t.Helper()
	e, err := edge.Start(t.Context(), shared)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Stop(); err != nil {
			t.Error(err)
		}
	})
	p := &paged{scene: openBare(t, name, stage.Options{CA: acmetest.CAOptions{HTTPPort: e.HTTP}}), edge: e}
	keys := map[string]string{"challenge": "http01", "ingressClass": edge.Class, "nameservers": p.DNS.Addr()}
	maps.Copy(keys, issuer)
	p.must(p.Issuer(p.ctx, stage.Home, name, keys))
	return p
}

// start runs the process that does the work, and leads the CA to the pages of another one, which does none.
func (p *paged) start() {
	p.t.Helper()
	var second atomic.Pointer[url.URL]
	front := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(second.Load()) }})
	p.t.Cleanup(front.Close)
	port, err := p.edge.Lead(p.ctx, stage.Home, p.Name, front.Listener.Addr().String())
	p.must(err)
	p.t.Cleanup(func() {
		p.must(p.Kube.CoreV1().Services(stage.Home).Delete(context.Background(), p.Name, metav1.DeleteOptions{}))
	})
	args := []string{
		"--log-level=debug", "--http01-port=" + strconv.Itoa(p.edge.HTTP), fmt.Sprintf("--http01-service=%s:%d", p.Name, port),
	}
	p.w = wildcast.New(p.t, shared, wildcast.Options{Args: args})
	p.metric(1, "leader_election_master_status")
	other := wildcast.New(p.t, shared, wildcast.Options{Name: "second", Args: args})
	second.Store(&url.URL{Scheme: "http", Host: other.PagesAddress()})
}

// site makes an Ingress that asks for a certificate, for a program that answers with text.
func (p *paged) site(namespace, name, text string) (host string) {
	p.t.Helper()
	return p.lead(namespace, name, text, map[string]string{"wildcast.dev/issuer": p.Name})
}

// lead makes an Ingress for a program that answers with text, and gives its host an address.
func (p *paged) lead(namespace, name, text string, annotations map[string]string) (host string) {
	p.t.Helper()
	host = p.host(name)
	p.DNS.SetAddress(host, "127.0.0.1")
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) }))
	p.t.Cleanup(app.Close)
	port, err := p.edge.Lead(p.ctx, namespace, name, app.Listener.Addr().String())
	p.must(err)
	backend := networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: name, Port: networkingv1.ServiceBackendPort{Number: port}}}
	_, err = p.Kube.NetworkingV1().Ingresses(namespace).Create(p.ctx, &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Annotations: annotations},
		Spec: networkingv1.IngressSpec{
			IngressClassName: ptr.To(edge.Class),
			TLS:              []networkingv1.IngressTLS{{Hosts: []string{host}, SecretName: name + "-tls"}},
			Rules: []networkingv1.IngressRule{{Host: host, IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
				Paths: []networkingv1.HTTPIngressPath{{Path: "/", PathType: ptr.To(networkingv1.PathTypePrefix), Backend: backend}},
			}}}},
		},
	}, metav1.CreateOptions{})
	p.must(err)
	return host
}

// visit asks a site for its page as a browser would, and returns the serial number of the certificate that it saw and
// verified.
func (p *paged) visit(host, text string) (serial string, err error) {
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{RootCAs: p.CA.Root()},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, "127.0.0.1:"+strconv.Itoa(p.edge.HTTPS))
		},
	}}
	resp, err := client.Get("https://" + host + "/")
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || string(body) != text {
		return "", fmt.Errorf("status %d, page %q: %w", resp.StatusCode, body, err)
	}
	return resp.TLS.PeerCertificates[0].SerialNumber.Text(16), nil
}

// redirects tells whether who comes without TLS is sent to HTTPS, as the CA is.
func (p *paged) redirects(host string) error {
	request, err := http.NewRequestWithContext(p.ctx, http.MethodGet, "http://127.0.0.1:"+strconv.Itoa(p.edge.HTTP)+"/", nil)
	if err != nil {
		return err
	}
	request.Host = host
	resp, err := new(http.Transport).RoundTrip(request)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	to, moved := resp.Header.Get("Location"), resp.StatusCode == http.StatusMovedPermanently || resp.StatusCode == http.StatusPermanentRedirect
	if !moved || !strings.HasPrefix(to, "https://"+host) {
		return fmt.Errorf("status %s, to %q", resp.Status, to)
	}
	return nil
}

// pages are the temporary Ingresses that stand now.
func (p *paged) pages() []networkingv1.Ingress {
	p.t.Helper()
	found, err := p.Kube.NetworkingV1().Ingresses(stage.Home).List(p.ctx, metav1.ListOptions{})
	p.must(err)
	return found.Items
}

func (p *paged) noPages() {
	p.t.Helper()
	p.until("no temporary Ingress is left", func() error {
		if left := p.pages(); len(left) > 0 {
			return fmt.Errorf("there are %d", len(left))
		}
		return nil
	})
}

func TestHTTP01ThroughARealIngressControllerThatRedirectsToHTTPS(t *testing.T) {
	p := openPaged(t, "paged", map[string]string{"renewBefore": "24h"})
	web := p.namespace("web", nil)
	p.CA.SetValidity(-80*day, 90*day)
	p.start()
	host := p.site(web, "shop", "welcome")
	got := p.served(web, "shop-tls", host)
	var seen string
	p.until("a browser sees the certificate", func() (err error) {
		seen, err = p.visit(host, "welcome")
		return err
	})
	if seen != got.serial() {
		t.Errorf("the browser saw %s, stored is %s", seen, got.serial())
	}
	p.must(p.redirects(host))
	p.noPages()

	// A renewal while visitors come: each of them gets a page, under the old certificate or the new one.
	var renewed leaf
	visitors, enough := context.WithCancel(p.ctx)
	var visits sync.WaitGroup
	visits.Go(func() {
		for visitors.Err() == nil {
			if _, err := p.visit(host, "welcome"); err != nil {
				t.Errorf("a visitor met: %v", err)
			}
		}
	})
	p.CA.SetValidity(0, 0)
	p.change(home(p.Name), func(issuer *corev1.Secret) { delete(issuer.Data, "renewBefore") }) // ten days are left of 90
	p.until("the certificate is renewed", func() error {
		if renewed = p.served(web, "shop-tls", host); renewed.serial() == got.serial() {
			return fmt.Errorf("it is the old one")
		}
		return nil
	})
	p.until("a browser sees the new certificate", func() error {
		seen, err := p.visit(host, "welcome")
		if err == nil && seen != renewed.serial() {
			return fmt.Errorf("it sees %s", seen)
		}
		return err
	})
	enough()
	visits.Wait()
	p.noPages()
}

func TestATemporaryIngressThatIsRemovedByHandIsMadeAgain(t *testing.T) {
	p := openPaged(t, "handmade", nil)
	web := p.namespace("web", nil)
	held, release := p.holdAt(acmetest.StepChallenge)
	p.start()
	host := p.site(web, "shop", "welcome")
	p.wait("the CA is about to look", held)
	first := p.pages()
	if len(first) != 1 || first[0].Spec.Rules[0].Host != host || !strings.HasPrefix(first[0].Spec.Rules[0].HTTP.Paths[0].Path, "/.well-known/acme-challenge/") {
		t.Fatalf("temporary Ingresses: %v", first)
	}
	path := first[0].Spec.Rules[0].HTTP.Paths[0].Path
	answer, err := p.page(host, path)
	p.must(err)
	p.must(p.Kube.NetworkingV1().Ingresses(stage.Home).Delete(p.ctx, first[0].Name, metav1.DeleteOptions{}))
	p.until("it is made again", func() error {
		if now := p.pages(); len(now) != 1 || now[0].UID == first[0].UID {
			return fmt.Errorf("there are %d", len(now))
		}
		return nil
	})
	later := p.lead(web, "later", "later", nil)
	p.shows(later, "/", "later") // so the Ingress controller has seen what was made before it
	p.shows(host, path, answer)
	release()
	p.served(web, "shop-tls", host)
	p.ordered(host)
	p.noPages()
}

func (p *paged) shows(host, path, want string) {
	p.t.Helper()
	p.until("the page is there", func() error {
		body, err := p.page(host, path)
		if err == nil && body != want {
			return fmt.Errorf("it is %q", body)
		}
		return err
	})
}

// page asks for a page as a CA would, which does not mind the certificate.
func (p *paged) page(host, path string) (body string, err error) {
	request, err := http.NewRequestWithContext(p.ctx, http.MethodGet, "https://127.0.0.1:"+strconv.Itoa(p.edge.HTTPS)+path, nil)
	if err != nil {
		return "", err
	}
	request.Host = host
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: host},
	}}
	resp, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %s", resp.Status)
	}
	return string(text), err
}

func TestAProcessKilledInAnHTTP01ChallengeLeavesOneOrderAndNoIngress(t *testing.T) {
	p := openPaged(t, "pagekill", nil)
	web := p.namespace("web", nil)
	held, release := p.holdAt(acmetest.StepChallenge)
	p.start()
	host := p.site(web, "shop", "welcome")
	p.wait("the CA is about to look", held)
	p.w.Kill()
	p.w.Wait()
	p.must(p.w.Restart(p.ctx))
	release() // by now somebody answers: a CA that looks at nobody's page fails the order
	p.served(web, "shop-tls", host)
	p.ordered(host)
	p.noPages()
}

func TestWhatIsSeenInsteadOfThePageIsInAnEvent(t *testing.T) {
	p := openPaged(t, "nopage", nil)
	web := p.namespace("web", nil)
	p.run("--http01-port=" + strconv.Itoa(p.edge.HTTP)) // and no Service leads to its pages
	host := p.site(web, "shop", "welcome")
	p.event(web, "shop", "WaitingForHTTP", host, "/.well-known/acme-challenge/", "another page")
	p.noPages()
}

func TestAWildcardCannotBeHadFromAnIssuerWithHTTP01(t *testing.T) {
	s := openBare(t, "pagewild", stage.Options{})
	s.must(s.Issuer(s.ctx, stage.Home, s.Name, map[string]string{"challenge": "http01"}))
	infra := s.namespace("infra", nil)
	s.run()
	s.ingress(infra, "wiki", []string{"*." + s.zone()}, nil)
	s.event(infra, "wiki", "InvalidIngress", "*."+s.zone(), "dns01")
	s.ordered()
}
