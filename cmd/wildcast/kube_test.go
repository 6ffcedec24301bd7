package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

func TestCopiesAreMadeOverConnectionsOfTheirOwnAndAllElseGoesOverOne(t *testing.T) {
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
	copies := corev1.SchemeGroupVersion.WithResource("secrets")
	for _, row := range []struct {
		what, want string
		ask        func() error
	}{
		{"create a copy", "HTTP/1.1", func() error {
			_, err := clients.copies.CoreV1().Secrets("home").Create(t.Context(), &corev1.Secret{}, metav1.CreateOptions{})
			return err
		}},
		{"delete a copy", "HTTP/2.0", func() error {
			return clients.metadata.Resource(copies).Namespace("home").Delete(t.Context(), "s", metav1.DeleteOptions{})
		}},
		{"read", "HTTP/2.0", func() error {
			_, err := clients.kube.CoreV1().Secrets("home").Get(t.Context(), "s", metav1.GetOptions{})
			return err
		}},
	} {
		if err := row.ask(); !apierrors.IsNotFound(err) {
			t.Fatalf("%s: %v", row.what, err)
		}
		if got := <-protocols; got != row.want {
			t.Errorf("%s over %s, want %s", row.what, got, row.want)
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
