package syncer

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// TestTypes: what Secrets have and ConfigMaps have not.
func TestTypes(t *testing.T) {
	playSecrets(t, []scene{
		{"one key of a TLS Secret makes an Opaque copy", func(w *world) {
			w.put("home/s", syncTo("team=web"), annotate(AnnotationSyncKeys, "ca.crt"), func(s *corev1.Secret) {
				s.Type, s.Data = corev1.SecretTypeTLS, map[string][]byte{"ca.crt": []byte("c"), "tls.crt": []byte("c"), "tls.key": []byte("k")}
			})
			w.start()
			w.wantData("blue/s", "ca.crt=c")
			if got := w.want("blue/s").Type; got != corev1.SecretTypeOpaque {
				w.t.Error(got)
			}
		}},
		{"a source made again with another type replaces its copies", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.del("home/s")
			w.put("home/s", syncTo("team=web"), func(s *corev1.Secret) { s.Type = "example.com/x" })
			if got := w.want("blue/s").Type; got != "example.com/x" {
				w.t.Error(got)
			}
		}},
		{"an object of another type is replaced when it is handed over", func(w *world) {
			w.put("blue/s", annotate(AnnotationAdopt, "true"), func(s *corev1.Secret) { s.Type = "example.com/x" })
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.wantCopies("blue/s red/s")
		}},
		{"what must not leave its place is not reflected", func(w *world) {
			for i, never := range []corev1.SecretType{"kubernetes.io/service-account-token", "helm.sh/release.v1", "bootstrap.kubernetes.io/token", "wildcast.dev/issuer", "wildcast.dev/account"} {
				w.put("home/s"+string(rune('0'+i)), syncTo(""), func(s *corev1.Secret) { s.Type = never })
			}
			w.start()
			w.wantCopies("")
		}},
	})
}
