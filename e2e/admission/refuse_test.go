package admission

import (
	"context"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/wildcast/wildcast/controllers"
)

// values are annotations of an Ingress or a source, or the data of a Secret or ConfigMap.
type values = map[string]string

// row is an object and the words with which it is refused, none if it is accepted.
type row struct {
	values values
	words  string
}

func try(t *testing.T, rows []row, object func(values) runtime.Object) {
	t.Helper()
	for _, row := range rows {
		words, yes := refused(t, create(t.Context(), object(row.values)))
		switch {
		case row.words == "" && yes:
			t.Errorf("%q was refused: %s", row.values, words)
		case row.words != "" && !yes:
			t.Errorf("%q was accepted", row.values)
		case !strings.Contains(words, row.words):
			t.Errorf("%q was refused with\n%s\nnot\n%s", row.values, words, row.words)
		}
	}
}

func TestIngressesWithMalformedAnnotationsAreRefused(t *testing.T) {
	long := strings.Repeat("a", 248)
	try(t, []row{
		{nil, ""},
		{values{"wildcast.dev/issuer": "letsencrypt"}, ""},
		{values{"wildcast.dev/issuer": ""}, ""},
		{values{"wildcast.dev/issuer": " letsencrypt\n"}, ""},
		{values{"wildcast.dev/issuer": "cert-manager/letsencrypt"}, `Annotation wildcast.dev/issuer: "cert-manager/letsencrypt" cannot be the name of a Secret`},
		{values{"wildcast.dev/issuer": "Letsencrypt"}, `Annotation wildcast.dev/issuer: "Letsencrypt" cannot be`},
		{values{"wildcast.dev/issuer": strings.Repeat("a", 254)}, "cannot be the name of a Secret"},
		{values{"wildcast.dev/wildcard": "false"}, ""},
		{values{"wildcast.dev/wildcard": "true"}, ""},
		{values{"wildcast.dev/wildcard": "no"}, `Annotation wildcast.dev/wildcard: "no" is neither "true" nor "false"; write "false" for a certificate with exactly these hosts.`},
		{values{"wildcast.dev/key-type": " rsa4096 "}, ""},
		{values{"wildcast.dev/key-type": "rsa1024"}, `Annotation wildcast.dev/key-type: "rsa1024" is no key type; use ec256, ec384, rsa2048, rsa3072, rsa4096, or ed25519`},
		{values{"wildcast.dev/duration": "2160h", "wildcast.dev/renew-before": "1h30m"}, ""},
		{values{"wildcast.dev/duration": "1.5h", "wildcast.dev/renew-before": ".5s"}, ""},
		{values{"wildcast.dev/duration": "+1h", "wildcast.dev/renew-before": "10µs"}, ""},
		{values{"wildcast.dev/duration": "90d"}, `Annotation wildcast.dev/duration: "90d" is not a positive duration such as 720h.`},
		{values{"wildcast.dev/duration": "-1h"}, `"-1h" is not a positive duration`},
		{values{"wildcast.dev/renew-before": "0h"}, `Annotation wildcast.dev/renew-before: "0h" is not a positive duration`},
		{values{"wildcast.dev/renew-before": "720"}, `Annotation wildcast.dev/renew-before: "720" is not a positive duration`},
		{values{"wildcast.dev/dns-names": "a.example.com, *.B.example.com.\n\tbücher.example"}, ""},
		{values{"wildcast.dev/dns-names": "a.example.com,https://b.example.com"}, `Annotation wildcast.dev/dns-names: "https://b.example.com" is not a DNS name; correct it.`},
		{values{"wildcast.dev/dns-names": "a_b.example.com"}, `"a_b.example.com" is not a DNS name`},
		{values{"wildcast.dev/dns-names": "*.*.example.com"}, `"*.*.example.com" is not a DNS name`},
		{values{"wildcast.dev/dns-names": long + ".example.com"}, `.example.com" is not a DNS name`},
		{values{"wildcast.dev/secret-labels": "team=web, example.com/tier=edge,empty="}, ""},
		{values{"wildcast.dev/secret-labels": "team=web,tier"}, `Annotation wildcast.dev/secret-labels: "tier" is no label; write for example team=web,tier=edge.`},
		{values{"wildcast.dev/secret-namespace": "istio-ingress"}, ""},
		{values{"wildcast.dev/secret-namespace": "a.b"}, `Annotation wildcast.dev/secret-namespace: "a.b" cannot be the name of a namespace; name the one`},
		{values{"wildcast.dev/secret-labels": "a b=c"}, `"a b=c" is no label`},
		{values{"wildcast.dev/certificate": "ipincloud-crt"}, ""},
		{values{"wildcast.dev/certificate": "ipincloud_crt"}, `"ipincloud_crt" cannot be the name of a certificate's Secret`},
		{values{"wildcast.dev/certificate": long}, "cannot be the name of a certificate's Secret"},
		{values{"wildcast.dev/certificate": "wiki.order"}, `"wiki.order" cannot be the name of a certificate's Secret: wildcast keeps its own state under names`},
		{values{"wildcast.dev/profile": "", "wildcast.dev/preferred-chain": "ISRG Root X1"}, ""},
	}, func(v values) runtime.Object { return ingress(v) })
}

func TestAnIngressForASecretWhoseNameIsWildcastsOwnIsRefused(t *testing.T) {
	for name, want := range map[string]bool{"web.tls": false, "web.order": true, "web.account": true, "web.authority": true} {
		for _, wildcard := range []string{"true", "false"} {
			it := ingress(values{"wildcast.dev/issuer": "letsencrypt", "wildcast.dev/wildcard": wildcard})
			it.Spec.TLS[0].SecretName = name
			if _, got := refused(t, create(t.Context(), it)); got != want {
				t.Errorf("secretName %s, with wildcard %s, was refused: %t", name, wildcard, got)
			}
		}
	}
}

const pem = "-----BEGIN"

func TestMalformedIssuersAreRefused(t *testing.T) {
	try(t, []row{
		{values{"server": "letsencrypt"}, ""},
		{values{"kind": "acme", "server": "https://ca.example.com/directory", "challenge": "dns01", "keyType": "ec384", "rotateKey": "false", "zones": "example.com"}, ""},
		{values{"kind": "", "server": "letsencrypt", "challenge": "", "keyType": ""}, ""},
		{values{"kind": "acme\n", "server": "letsencrypt\n", "challenge": "dns01\n", "keyType": " ec256", "rotateKey": "true\u00a0"}, ""},
		{values{"kind": "selfsigned", "subject": "O=Example", "keyType": "ed25519"}, ""},
		{values{"kind": "ca", "issuer": "root"}, ""},
		{values{"kind": "ca", "tls.crt": pem, "tls.key": pem}, ""},
		{values{"kind": "letsencrypt"}, "kind: it is not supported by this version; use acme or ca or selfsigned or vault"},
		{values{}, `server: missing; set it to "letsencrypt", "letsencrypt-staging" or the URL of an ACME directory`},
		{values{"server": ""}, "server: missing"},
		{values{"server": "letsencrypt", "e-mail": "a@example.com"}, "e-mail: unknown key; this version knows auth, authPath, authRole,"},
		{values{"kind": "selfsigned", "server": "letsencrypt"}, "server: means nothing to an issuer of kind selfsigned; remove it, or set kind to acme"},
		{values{"server": "letsencrypt", "usages": "client auth"}, "usages: means nothing to an issuer of kind acme; remove it, or set kind to ca or selfsigned"},
		{values{"server": "letsencrypt", "challenge": "tlsalpn01"}, "challenge: it is neither dns01 nor http01"},
		{values{"server": "letsencrypt", "keyType": "rsa1024"}, "keyType: it is no key type; use ec256,"},
		{values{"server": "letsencrypt", "keyType": "ed25519"}, "keyType: ed25519 keys are not certified over ACME; use ec256, ec384, rsa2048, rsa3072 or rsa4096"},
		{values{"server": "letsencrypt", "rotateKey": "no"}, `rotateKey: it is neither "true" nor "false"`},
		{values{"server": "letsencrypt", "rotateKey": ""}, `rotateKey: it is neither "true" nor "false"`},
		{values{"server": "zerossl", "eabKeyID": "id"}, "eabKeyID, eabHMACKey: one of the two is missing; set both or neither"},
		{values{"server": "zerossl", "eabKeyID": "id", "eabHMACKey": "key"}, ""},
		{values{"server": "zerossl", "eabKeyID": "\n"}, ""},
		{values{"kind": "ca"}, "tls.crt, tls.key: missing; give the CA's certificate and key,"},
		{values{"kind": "ca", "issuer": "root", "tls.key": pem}, "issuer: it makes the CA's pair, which is here already;"},
		{values{"kind": "vault", "server": "https://vault.example.com:8200", "role": "web", "token": "t"}, ""},
		{values{"kind": "vault", "server": "https://vault.example.com:8200", "role": "web", "auth": "kubernetes", "authRole": "wildcast"}, ""},
		{values{"kind": "vault", "server": "https://vault.example.com:8200", "role": "web", "auth": "approle\n"}, ""},
		{values{"kind": "vault", "role": "web"}, "server: missing; give the URL of Vault, such as https://vault.example.com:8200"},
		{values{"kind": "vault", "server": "https://vault.example.com:8200", "role": "web"}, "token: missing; give a token, or set auth to approle or kubernetes"},
		{values{"kind": "vault", "server": "https://vault.example.com:8200", "role": "web", "auth": "approle", "roleID": "r"}, "secretID: missing; give the AppRole's secret_id"},
		{values{"kind": "vault", "server": "https://vault.example.com:8200", "role": "web", "auth": "cert"}, "auth: it is not supported; use token, approle or kubernetes"},
	}, func(v values) runtime.Object { return secret(controllers.TypeIssuer, v) })
}

func TestMalformedSolversAreRefused(t *testing.T) {
	try(t, []row{
		{values{"provider": "cloudflare", "zones": "example.com", "CF_DNS_API_TOKEN": "token"}, ""},
		{values{"provider": "cloudflare\n", "followCNAME": "false\n", "ambient": "true", "AWS_SHARED_CREDENTIALS_FILE": "/x"}, ""},
		{values{"CF_DNS_API_TOKEN": "token"}, "provider is missing: give lego's code of your DNS provider, such as cloudflare or route53"},
		{values{"provider": ""}, "provider is missing"},
		{values{"provider": "exec"}, "provider exec needs ambient"},
		{values{"provider": "manual"}, "provider manual is not offered, since a solver must not wait for a person"},
		{values{"provider": "persist", "zones": "example.com", "onTimeout": "proceed"}, ""},
		{values{"provider": "persist", "CF_DNS_API_TOKEN": "token"}, "provider persist changes no DNS and takes no settings of a vendor"},
		{values{"provider": "cloudflare", "onTimeout": "never"}, `onTimeout: it is neither "fail" nor "proceed"`},
		{values{"provider": "cloudflare", "zone": "example.com"}, "zone: unknown key; write provider, zones, nameservers,"},
		{values{"provider": "cloudflare", "cf_dns_api_token": "token"}, "cf_dns_api_token: unknown key"},
		{values{"provider": "cloudflare", "followCNAME": "yes"}, `followCNAME: it is neither "true" nor "false"`},
		{values{"provider": "cloudflare", "LD_PRELOAD": "x"}, `setting "LD_PRELOAD" is not the provider's: remove it`},
		{values{"provider": "gcloud", "GCE_SERVICE_ACCOUNT_FILE": "/x"}, `setting "GCE_SERVICE_ACCOUNT_FILE" names a file: give the value itself instead`},
		{values{"provider": "cloudflare", "recursiveOnly": "true"}, "recursiveOnly needs nameservers: name the resolvers that are to be asked"},
		{values{"provider": "cloudflare", "recursiveOnly": "true", "nameservers": "8.8.8.8:53"}, ""},
	}, func(v values) runtime.Object { return secret(controllers.TypeSolver, v) })
}

func TestMalformedStandingCertificatesAreRefused(t *testing.T) {
	try(t, []row{
		{values{"issuer": "letsencrypt", "dnsNames": "example.com, *.example.com", "sync": "gateway in (public)"}, ""},
		{values{"dnsNames": "example.com\nwww.example.com\n", "secretName": " web-tls ", "sync": "{name}", "keyType": "ec384\n"}, ""},
		{values{"ipSans": "10.0.0.1, ::ffff:10.0.0.2", "uriSans": "spiffe://example.com/web"}, ""},
		{values{"commonName": "anything at all"}, ""},
		{values{"issuer": "letsencrypt"}, "dnsNames: missing; list the names that the certificate is for"},
		{values{"dnsNames": " \n"}, "dnsNames: missing"},
		{values{"dnsNames": "example.com", "dnsName": "x"}, "dnsName: unknown key; this version knows commonName, dnsNames,"},
		{values{"dnsNames": "example..com"}, `dnsNames: "example..com" is not a DNS name`},
		{values{"dnsNames": strings.Repeat("a", 64)}, `aaa" is not a DNS name`},
		{values{"dnsNames": "example.com", "issuer": "a/b"}, `issuer: "a/b" cannot be the name of a Secret`},
		{values{"dnsNames": "example.com", "secretName": "Web"}, `secretName: "Web" cannot be the name of a certificate's Secret`},
		{values{"dnsNames": "example.com", "secretName": ""}, `secretName: "" cannot be the name of a certificate's Secret`},
		{values{"dnsNames": "example.com", "secretName": "web.order"}, "wildcast keeps its own state under names that end in .order, .account and .authority"},
		{values{"dnsNames": "example.com", "sync": "a b"}, `sync: "a b" is not a label selector; write for example cert-manager-tls={name}`},
		{values{"dnsNames": "example.com", "keyType": "dsa"}, `keyType: "dsa" is no key type`},
		{values{"dnsNames": "example.com", "rotateKey": "no"}, `rotateKey: "no" is neither "true" nor "false"`},
		{values{"dnsNames": "example.com", "duration": "90d"}, `duration: "90d" is not a positive duration such as 720h`},
		{values{"dnsNames": "example.com", "renewBefore": ""}, `renewBefore: "" is not a positive duration`},
		{values{"ipSans": "10.0.0.x"}, `ipSans: "10.0.0.x" is no IP address`},
		{values{"uriSans": "/web"}, `uriSans: "/web" is no absolute URI`},
	}, func(v values) runtime.Object { return standing(v) })
}

func TestMalformedSourcesAreRefusedOfBothKinds(t *testing.T) {
	rows := []row{
		{values{"wildcast.dev/sync": ""}, ""},
		{values{"wildcast.dev/sync": "true"}, ""},
		{values{"wildcast.dev/sync": "team in (red, blue),!legacy"}, ""},
		{values{"wildcast.dev/sync": "team=web", "wildcast.dev/sync-as": "a.b", "wildcast.dev/sync-keys": "tls.crt, ca.crt"}, ""},
		{values{"kubed.appscode.com/sync": "false"}, ""},
		{values{"wildcast.dev/sync-contexts": "one,two"}, ""},
		{values{"wildcast.dev/sync": "team=web,"}, `wildcast.dev/sync is no label selector: "team=web,". Write it like team=web, or like env in (test,prod),!hidden`},
		{values{"wildcast.dev/sync": "team in web"}, `wildcast.dev/sync is no label selector: "team in web"`},
		{values{"wildcast.dev/sync": "team:web"}, `wildcast.dev/sync is no label selector: "team:web"`},
		{values{"wildcast.dev/sync": "team=" + strings.Repeat("x", 64)}, "wildcast.dev/sync is no label selector"},
		{values{"kubed.appscode.com/sync": "team:web"}, `kubed.appscode.com/sync is no label selector: "team:web"`},
		{values{"wildcast.dev/sync": "false", "kubed.appscode.com/sync": "team:web"}, ""},
		{values{"wildcast.dev/sync": "", "wildcast.dev/sync-as": "A"}, `wildcast.dev/sync-as: "A" cannot be the name of a copy`},
		{values{"wildcast.dev/sync-as": "A"}, ""},
		{values{"wildcast.dev/sync": "", "wildcast.dev/sync-keys": " , "}, "wildcast.dev/sync-keys names no key: give a comma list such as tls.crt,ca.crt,"},
		{values{"wildcast.dev/sync-contexts": ","}, "wildcast.dev/sync-contexts names no context: give a comma list of contexts,"},
	}
	try(t, rows, func(v values) runtime.Object { return source(v) })
	try(t, rows, func(v values) runtime.Object {
		s := secret(corev1.SecretTypeOpaque, nil)
		s.Annotations = v
		return s
	})
}

func TestWhatWildcastWritesIsNotJudged(t *testing.T) {
	broken := source(values{"wildcast.dev/sync": "a b"})
	broken.Labels = values{controllers.LabelManaged: "true"}
	if err := create(t.Context(), broken); err != nil {
		t.Error(err)
	}
	certificate := standing(values{"dnsNames": "example.com"})
	certificate.Annotations = values{"kubed.appscode.com/sync": "a b"}
	if err := create(t.Context(), certificate); err != nil {
		t.Error(err)
	}
}

// before makes an object that was there before the policies were, by taking the label away under which it is not judged.
func before(t *testing.T, name string, annotations values) *corev1.ConfigMap {
	t.Helper()
	m := source(annotations)
	m.Name, m.Labels = name, values{controllers.LabelManaged: "true"}
	made, err := client.CoreV1().ConfigMaps(metav1.NamespaceDefault).Create(t.Context(), m, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.CoreV1().ConfigMaps(made.Namespace).Delete(context.Background(), made.Name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	made.Labels = nil
	made, err = client.CoreV1().ConfigMaps(metav1.NamespaceDefault).Update(t.Context(), made, metav1.UpdateOptions{})
	if err != nil {
		t.Fatal(fmt.Errorf("what it had before was judged: %w", err))
	}
	return made
}

func TestWhatHasBeenThereBeforeStopsNobody(t *testing.T) {
	maps := client.CoreV1().ConfigMaps(metav1.NamespaceDefault)
	old := before(t, "old", values{"wildcast.dev/sync": "a b"})
	old.Data = values{"key": "other"}
	old, err := maps.Update(t.Context(), old, metav1.UpdateOptions{})
	if err != nil {
		t.Fatalf("a change of something else: %v", err)
	}
	old.Annotations["wildcast.dev/sync"] = "a b c"
	if _, err := maps.Update(t.Context(), old, metav1.UpdateOptions{}); err == nil {
		t.Error("a change for the worse was accepted")
	}
	delete(old.Annotations, "wildcast.dev/sync")
	if _, err := maps.Update(t.Context(), old, metav1.UpdateOptions{}); err != nil {
		t.Errorf("the remedy: %v", err)
	}
}

// words of a refusal go to whoever applies, and to the audit log.
func TestNoRefusalShowsAValueOfASecret(t *testing.T) {
	for _, object := range []*corev1.Secret{
		secret(controllers.TypeIssuer, values{"kind": "hunter2", "server": "hunter2"}),
		secret(controllers.TypeIssuer, values{"server": "hunter2", "challenge": "hunter2"}),
		secret(controllers.TypeSolver, values{"provider": "cloudflare", "ambient": "hunter2"}),
		secret(controllers.TypeSolver, values{"provider": "cloudflare", "LD_X": "hunter2"}),
	} {
		err := create(t.Context(), object)
		if err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "aHVudGVyMg") {
			t.Errorf("%v was refused with: %v", object.Data, err)
		}
	}
}
