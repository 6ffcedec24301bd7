package sidecar

import (
	"crypto/tls"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestAFileForEachKeyAndACombinedOneForAPair(t *testing.T) {
	pair := tlsSecret(t, "shop", "web")
	for _, row := range []struct {
		name     string
		secret   *corev1.Secret
		combined string
		want     []string
	}{
		{"a pair", pair, "", []string{"tls.crt", "tls.key"}},
		{"a combined pair", pair, "web.pem", []string{"tls.crt", "tls.key", "web.pem"}},
		{"no pair", opaque("shop", "users", map[string]string{"htpasswd": "a:b"}), "web.pem", []string{"htpasswd"}},
		{"a certificate alone", opaque("shop", "ca", map[string]string{"tls.crt": "any"}), "web.pem", []string{"tls.crt"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			files, err := filesOf(row.secret, row.combined)
			if got := names(files); err != nil || !slices.Equal(got, row.want) {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestTheCombinedFileIsAPairWhateverTheChainEndsWith(t *testing.T) {
	for _, end := range []string{"", "\n", "\n\n"} {
		secret := tlsSecret(t, "shop", "web")
		secret.Data["tls.crt"] = append(secret.Data["tls.crt"][:len(secret.Data["tls.crt"])-1], end...)
		files, err := filesOf(secret, "web.pem")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tls.X509KeyPair(files["web.pem"], files["web.pem"]); err != nil {
			t.Errorf("with %q at the chain's end: %v", end, err)
		}
	}
}

func TestASecretThatNoServerCouldUseIsRefused(t *testing.T) {
	one, other := tlsSecret(t, "shop", "web"), tlsSecret(t, "shop", "web")
	with := func(key string, value []byte) *corev1.Secret {
		changed := one.DeepCopy()
		changed.Data[key] = value
		return changed
	}
	opaquePair := with("tls.key", other.Data["tls.key"])
	opaquePair.Type = corev1.SecretTypeOpaque
	broken := slices.Concat(one.Data["tls.crt"], []byte("-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n"))
	for _, row := range []struct {
		name   string
		secret *corev1.Secret
		why    string
	}{
		{"no data", opaque("shop", "web", nil), "it is empty"},
		{"no certificate", with("tls.crt", nil), "its tls.crt is empty"},
		{"blanks for a key", with("tls.key", []byte(" \n")), "its tls.key is empty"},
		{"another's key", with("tls.key", other.Data["tls.key"]), "its tls.key does not fit its tls.crt"},
		{"another's key, untyped", opaquePair, "its tls.key does not fit its tls.crt"},
		{"no PEM", with("tls.crt", []byte("none")), "its tls.key does not fit its tls.crt"},
		{"a chain that cannot be read", with("tls.crt", broken), "the chain in its tls.crt cannot be read"},
		{"the name of the combined file", with("web.pem", []byte("x")), "give another name to --combined"},
		{"a name that leads out", opaque("shop", "web", map[string]string{"..data": "x"}), `key "..data"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			files, err := filesOf(row.secret, "web.pem")
			if files != nil || err == nil || !strings.Contains(err.Error(), row.why) {
				t.Errorf("got %q, %v", names(files), err)
			}
			if err != nil && strings.Contains(err.Error(), string(one.Data["tls.key"][40:60])) {
				t.Error("the error holds the key")
			}
		})
	}
}

func TestWhatIsSecretIsTakenOutOfATextAndCertificatesAreNot(t *testing.T) {
	secret := tlsSecret(t, "shop", "web")
	secret.Data["password"] = []byte("correct horse\nab\n")
	text := "ab " + string(secret.Data["tls.crt"]) + string(secret.Data["tls.key"]) + "it is correct horse"
	got := redact(text, secret)
	want := "ab " + string(secret.Data["tls.crt"]) + "-----BEGIN PRIVATE KEY-----\n[redacted]\n[redacted]\n[redacted]\n-----END PRIVATE KEY-----\nit is [redacted]"
	if got != want {
		t.Errorf("got %s", got)
	}
}
