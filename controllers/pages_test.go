package controllers

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clienttesting "k8s.io/client-go/testing"

	"github.com/wildcast/wildcast/acmeclient/acmetest"
	"github.com/wildcast/wildcast/acmeclient/http01"
)

// newPageRig is a rig whose issuer uses HTTP-01, and whose CA finds the controller's pages at www.a.test.
func newPageRig(t *testing.T) *rig {
	t.Helper()
	var r *rig
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { (*r.pages.Load()).ServeHTTP(w, req) }))
	t.Cleanup(server.Close)
	at, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(at.Port())
	if err != nil {
		t.Fatal(err)
	}
	r = newRigWith(t, acmetest.CAOptions{HTTPPort: port})
	r.config.HTTP01 = HTTP01{Service: "pages", Port: 80, AskPort: port}
	r.dns.SetAddress("www.a.test", "127.0.0.1")
	issuer := r.secret(types.NamespacedName{Namespace: home, Name: "le"}).DeepCopy()
	issuer.Data["challenge"], issuer.Data["nameservers"] = []byte("http01"), []byte(r.dns.Addr())
	if err := r.kube.Tracker().Update(secretsResource, issuer, home); err != nil {
		t.Fatal(err)
	}
	r.add(&networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Namespace: "infra", Name: "www", Annotations: map[string]string{AnnotationIssuer: "le"}},
		Spec:       networkingv1.IngressSpec{TLS: []networkingv1.IngressTLS{{Hosts: []string{"www.a.test"}, SecretName: "www-tls"}}},
	})
	return r
}

var pageSecret = types.NamespacedName{Namespace: "infra", Name: "www-tls"}

// standing are the temporary Ingresses.
func (r *rig) standing() (names []string) {
	all, err := r.kube.NetworkingV1().Ingresses(home).List(context.Background(), metav1.ListOptions{})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, ing := range all.Items {
		names = append(names, ing.Name)
	}
	return names
}

func TestEachWriteOfATemporaryIngressMayFailOnce(t *testing.T) {
	for _, verb := range []string{"none", "create", "delete"} {
		t.Run(verb, func(t *testing.T) {
			r := newPageRig(t)
			var failed atomic.Bool
			r.kube.PrependReactor(verb, "ingresses", func(clienttesting.Action) (bool, runtime.Object, error) {
				return failed.CompareAndSwap(false, true), nil, errors.New("the API server is away")
			})
			stop := r.run()
			defer stop()
			r.eventually("the certificate is stored", func() bool { return haveOf(r.secret(pageSecret)).isCertificate() })
			r.eventually("no Ingress is left", func() bool { return len(r.standing()) == 0 })
			if failed.Load() != (verb != "none") {
				t.Errorf("%s failed: %v", verb, failed.Load())
			}
		})
	}
}

func TestATemporaryIngressThatNoChallengeNeedsIsTakenAway(t *testing.T) {
	r := newPageRig(t)
	r.add(&networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{
		Namespace: home, Name: "wildcast-http01-left", Annotations: map[string]string{AnnotationChallengeIssuer: home + "/le"}}})
	elsewhere := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{
		Namespace: "infra", Name: "copied", Annotations: map[string]string{AnnotationChallengeIssuer: home + "/le"}}}
	r.add(elsewhere)
	stop := r.run()
	defer stop()
	r.eventually("no Ingress is left", func() bool { return len(r.standing()) == 0 })
	if _, err := r.kube.NetworkingV1().Ingresses("infra").Get(t.Context(), "copied", metav1.GetOptions{}); err != nil {
		t.Errorf("an Ingress of another namespace: %v", err)
	}
}

func TestATokenThatNobodyKnowsIsNotFoundHoweverManyAsk(t *testing.T) {
	r := newPageRig(t)
	stop := r.run()
	defer stop()
	answers := make(chan int)
	const asked = newsWaiters + 10
	began := time.Now()
	for range asked {
		go func() {
			answer := httptest.NewRecorder()
			(*r.pages.Load()).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, http01.Path+strings.Repeat("x", 43), nil))
			answers <- answer.Code
		}()
	}
	for range asked {
		if code := <-answers; code != http.StatusNotFound {
			t.Errorf("status %d", code)
		}
	}
	if time.Since(began) < newsLimit {
		t.Error("nobody waited for news")
	}
}

func TestAnIssuerOfHTTP01CertifiesExactlyTheHosts(t *testing.T) {
	issuer := &Issuer{Name: types.NamespacedName{Namespace: home, Name: "le"}, HTTP01: true}
	if fault := issuer.attainable([]string{"a.test", "*.a.test"}); !strings.Contains(fault, "*.a.test") {
		t.Errorf("fault is %q", fault)
	}
	if fault := issuer.attainable([]string{"a.test"}); fault != "" {
		t.Errorf("fault is %q", fault)
	}
}
