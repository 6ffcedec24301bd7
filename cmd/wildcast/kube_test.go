package main

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"go.uber.org/zap"
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
