package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"go.uber.org/zap"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

func TestCopiesAreWrittenOverConnectionsOfTheirOwnAndAllElseOverOne(t *testing.T) {
	protocols := make(chan string, 1)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		protocols <- r.Proto
		w.WriteHeader(http.StatusNotFound)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	clients, err := newClients(&rest.Config{Host: server.URL, TLSClientConfig: rest.TLSClientConfig{Insecure: true}}, &options{kubeAPIQPS: -1}, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	for want, client := range map[string]kubernetes.Interface{"HTTP/1.1": clients.copies, "HTTP/2.0": clients.kube} {
		if _, err := client.CoreV1().Secrets("home").Get(t.Context(), "s", metav1.GetOptions{}); err == nil {
			t.Fatal("there is a Secret")
		}
		if got := <-protocols; got != want {
			t.Errorf("asked over %s, want %s", got, want)
		}
	}
}

func TestTheLeaseIsRenewedWhileManyOtherRequestsWaitForTheirAnswer(t *testing.T) {
	leases := make(chan struct{}, 1)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/leases/") {
			leases <- struct{}{}
			w.WriteHeader(http.StatusNotFound)
			return
		}
		<-r.Context().Done()
	}))
	server.EnableHTTP2 = true
	server.Config.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: 10}
	server.StartTLS()
	defer server.Close()
	config := &rest.Config{Host: server.URL, TLSClientConfig: rest.TLSClientConfig{Insecure: true}}
	clients, err := newClients(config, &options{kubeAPIQPS: 1}, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var others sync.WaitGroup
	for range 50 {
		for _, client := range []kubernetes.Interface{clients.kube, clients.copies} {
			others.Go(func() { _, _ = client.CoreV1().Secrets("home").Get(ctx, "s", metav1.GetOptions{}) }) // it has no answer
		}
	}
	for range 3 {
		if _, err := clients.lease.CoordinationV1().Leases("home").Get(ctx, leaseName, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			t.Fatal(err)
		}
		<-leases
	}
	cancel()
	others.Wait()
}
