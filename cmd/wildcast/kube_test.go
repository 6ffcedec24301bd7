package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

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
			return clients.reflection().Deletions.CoreV1().Secrets("home").Delete(t.Context(), "s", metav1.DeleteOptions{})
		}},
		{"watch", "HTTP/2.0", func() error {
			_, err := clients.metadata.Resource(copies).Watch(t.Context(), metav1.ListOptions{})
			return err
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

// At the lowest rate the next request may come after almost three hours, which the context does not leave it: it fails at once.
func TestAllClientsTogetherKeepTheLimitAndTheLeaseHasNone(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path)
		w.WriteHeader(http.StatusNotFound)
	}))
	defer server.Close()
	limited := func(clients *clients) []func(context.Context) error {
		secrets := corev1.SchemeGroupVersion.WithResource("secrets")
		return []func(context.Context) error{
			func(ctx context.Context) error {
				return clients.kube.CoreV1().Secrets("home").Delete(ctx, "kube", metav1.DeleteOptions{})
			},
			func(ctx context.Context) error {
				return clients.copies.CoreV1().Secrets("home").Delete(ctx, "copies", metav1.DeleteOptions{})
			},
			func(ctx context.Context) error {
				return clients.metadata.Resource(secrets).Namespace("home").Delete(ctx, "metadata", metav1.DeleteOptions{})
			},
			func(ctx context.Context) error {
				return clients.dynamic.Resource(secrets).Namespace("home").Delete(ctx, "dynamic", metav1.DeleteOptions{})
			},
		}
	}
	for qps, want := range map[float32]int{0.0001: 1, -1: 8, 0: 8} {
		clients, err := newClients(&rest.Config{Host: server.URL}, &options{kubeAPIQPS: qps}, zap.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		asked = nil
		for _, ask := range limited(clients) {
			_, _ = ask(ctx), ask(ctx)
		}
		if len(asked) != want {
			t.Errorf("at a limit of %v the clients have asked for %q, want %d requests", qps, asked, want)
		}
		for range 2 {
			if _, err := clients.lease.CoordinationV1().Leases("home").Get(ctx, leaseName, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
				t.Error(err)
			}
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
