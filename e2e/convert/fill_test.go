package convert_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

const issuerWithoutSecrets = `
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: le, namespace: fill}
spec:
  acme:
    server: https://ca.example.com/directory
    privateKeySecretRef: {name: le}
    solvers:
    - selector: {dnsZones: [example.com]}
      dns01: {cloudflare: {apiTokenSecretRef: {name: cloudflare, key: api.token}}}
    - selector: {dnsZones: [example.org]}
      dns01: {webhook: {groupName: acme.example.com, solverName: dnspod, config: {apiID: 12345, apiTokenSecretRef: {name: dnspod, key: token}}}}
---
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: ca, namespace: fill}
spec: {ca: {secretName: pair}}
`

func TestTheCommandsOfTheRemarksCopyWithinTheCluster(t *testing.T) {
	s := tell(t)
	s.must(s.Namespace(s.ctx, "fill", nil))
	at := func(name string) types.NamespacedName { return types.NamespacedName{Namespace: "fill", Name: name} }
	s.keep(at("le"), corev1.SecretTypeOpaque, map[string][]byte{"tls.key": []byte("the account's\nkey")}, nil)
	s.keep(at("cloudflare"), corev1.SecretTypeOpaque, map[string][]byte{"api.token": []byte(`quoted " and \ $(false)`)}, nil)
	s.keep(at("dnspod"), corev1.SecretTypeOpaque, map[string][]byte{"token": []byte("abcdef")}, nil)
	s.keep(at("pair"), corev1.SecretTypeTLS, map[string][]byte{"tls.crt": []byte("certificate\n"), "tls.key": []byte("key\n")}, nil)
	s.write("issuers.yaml", issuerWithoutSecrets)
	s.shell("wildcast convert -f issuers.yaml >wildcast.yaml 2>remarks || [ $? = 3 ]")
	s.shell("kubectl apply --server-side -f wildcast.yaml && grep '^kubectl ' remarks >commands && sh -e commands")
	for name, want := range map[types.NamespacedName]map[string]string{
		at("le-issuer-dns01"):   {"CF_DNS_API_TOKEN": `quoted " and \ $(false)`},
		at("le-issuer-dns01-2"): {"DNSPOD_API_KEY": "12345,abcdef"},
		at("le-issuer.account"): {"tls.key": "the account's\nkey", "server": "https://ca.example.com/directory"},
		at("ca"):                {"tls.crt": "certificate\n", "tls.key": "key\n"},
	} {
		secret := s.stored(name)
		for key, value := range want {
			if got := string(secret.Data[key]); got != value {
				t.Errorf("%s has %s %q, want %q", name, key, got, value)
			}
		}
	}
	if kind := s.stored(at("le-issuer.account")).Type; kind != "wildcast.dev/account" {
		t.Errorf("the account is of type %s", kind)
	}
}
