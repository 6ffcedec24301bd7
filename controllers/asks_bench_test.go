package controllers

import (
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// BenchmarkAsksOfOneCertificate is what each look at a certificate begins with, when 1,500 Ingresses ask for it.
func BenchmarkAsksOfOneCertificate(b *testing.B) {
	certificate := types.NamespacedName{Namespace: "cert-manager", Name: "wildcard.a.test"}
	s := newAsks()
	for i := range 1500 {
		ingress := types.NamespacedName{Namespace: fmt.Sprintf("ns-%d", i%300), Name: fmt.Sprintf("web-%d", i)}
		s.set(askerID{name: ingress}, []Ask{{
			By: Asker{NamespacedName: ingress, Created: time.Unix(int64(i/100), 0)}, Certificate: certificate,
			Names: []string{"*.a.test"}, SecretName: "tls", Shared: true,
		}})
	}
	for b.Loop() {
		if len(s.forCertificate(certificate)) != 1500 {
			b.Fatal("asks are missing")
		}
	}
}
