package certificates_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/e2e/stage"
	"github.com/wildcast/wildcast/e2e/wildcast"
)

// letsEncrypt is the host of the CA whose limits are known.
const letsEncrypt = "acme-v02.api.letsencrypt.org"

// impersonate makes the scene's CA answer as Let's Encrypt to a process that uses the proxy, and returns the proxy's URL
// and what has to be trusted.
func (s *scene) impersonate() (proxy string, bundle []byte) {
	s.t.Helper()
	certificate := s.selfSigned(letsEncrypt)
	front := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/directory" {
			r.URL.Path = "/dir"
		}
		s.CA.ServeHTTP(w, r)
	}))
	front.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	front.Config.ErrorLog = log.New(io.Discard, "", 0)
	front.StartTLS()
	s.t.Cleanup(front.Close)
	through := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || r.Host != letsEncrypt+":443" {
			http.Error(w, "not here", http.StatusForbidden)
			return
		}
		join(w, front.Listener.Addr().String())
	}))
	s.t.Cleanup(through.CloseClientConnections)
	s.t.Cleanup(through.Close)
	return through.URL, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})
}

// join makes the client's connection one to the address.
func join(w http.ResponseWriter, address string) {
	server, err := net.Dial("tcp", address)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer server.Close()
	w.WriteHeader(http.StatusOK)
	client, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer client.Close()
	go func() {
		_, _ = io.Copy(server, buffered) // ends with either connection
		_ = server.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(client, server)
}

func (s *scene) selfSigned(host string) tls.Certificate {
	s.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s.must(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{host}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(day),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	s.must(err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestTheLimitOfASetOfNamesStopsAnOrderBeforeTheCADoesAlsoAcrossARestart(t *testing.T) {
	s := openBare(t, "budget", stage.Options{})
	proxy, bundle := s.impersonate()
	s.must(s.Issuer(s.ctx, stage.Home, s.Name, map[string]string{"server": "letsencrypt", "caBundle": string(bundle)}))
	s.must(s.Solver(s.ctx, stage.Home, s.Name+"-dns", nil))
	infra := s.namespace("infra", nil)
	s.w = wildcast.New(t, shared, wildcast.Options{Args: []string{"--log-level=debug", "--leader-elect=false"}, Env: []string{"HTTPS_PROXY=" + proxy, "NO_PROXY="}})
	began := time.Now().Truncate(time.Second)
	s.ingress(infra, "wiki", []string{s.host("wiki")}, exact)
	name := types.NamespacedName{Namespace: infra, Name: "wiki-tls"}
	now := s.served(infra, "wiki-tls", s.host("wiki"))
	left := []string{"limit", "certificates-of-set", "of", s.host("wiki")}
	s.metric(4, "wildcast_ca_budget_left", left...)
	orders := []string{s.host("wiki")}
	for i := range 4 {
		s.annotate(name, "wildcast.dev/renew", fmt.Sprint(i))
		now = s.renewed(name, now)
		orders = append(orders, s.host("wiki"))
	}
	s.metric(0, "wildcast_ca_budget_left", left...)

	s.annotate(name, "wildcast.dev/renew", "once too often")
	event := s.event(infra, "wiki", "RateLimited", "allows 5 certificates for exactly "+s.host("wiki"), "The order is made at ")
	_, text, _ := strings.Cut(event.Note, "The order is made at ")
	at, err := time.Parse(time.RFC3339, strings.TrimSuffix(text, "."))
	s.must(err)
	if at.Before(began.Add(7*day)) || at.After(time.Now().Add(7*day)) {
		t.Errorf("it goes on at %s, want a week after %s", at, began)
	}
	next := []string{"namespace", infra, "name", "wiki-tls"}
	s.metric(float64(at.Unix()), "wildcast_certificate_next_attempt_timestamp_seconds", next...)
	s.barrier() // others are served
	s.ordered(orders...)
	s.must(s.w.Restart(s.ctx))
	s.metric(float64(at.Unix()), "wildcast_certificate_next_attempt_timestamp_seconds", next...)
	s.metric(0, "wildcast_ca_budget_left", left...)
	s.barrier()
	s.ordered(orders...)

	s.change(recordOf(name), func(record *corev1.Secret) { s.age(record, 8*day) }) // the week passes
	s.must(s.w.Restart(s.ctx))
	s.renewed(name, now)
	s.barrier()
	s.ordered(append(orders, s.host("wiki"))...)
}

// age makes the oldest of a record's attempts older.
func (s *scene) age(record *corev1.Secret, by time.Duration) {
	s.t.Helper()
	var attempts []map[string]any
	s.must(json.Unmarshal(record.Data["attempts"], &attempts))
	attempts[0]["at"] = time.Now().Add(-by).UTC().Format(time.RFC3339)
	text, err := json.Marshal(attempts)
	s.must(err)
	record.Data["attempts"] = text
}
