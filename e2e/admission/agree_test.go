package admission

import (
	"math/rand/v2"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/wildcast/wildcast/controllers"
	"github.com/wildcast/wildcast/syncer"
)

// dice draws the same objects in each run.
func dice() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// draw is an object drawn at random, as data, and what wildcast says about it.
type draw func(*rand.Rand) (object runtime.Object, data values, verdict error)

// agree draws objects: none that wildcast accepts is refused, and of the others enough are.
func agree(t *testing.T, draws int, draw draw) {
	t.Helper()
	accepted, caught, missed := 0, 0, 0
	for d, i := dice(), 0; i < draws; i++ {
		object, data, verdict := draw(d)
		words, yes := refused(t, create(t.Context(), object))
		switch {
		case verdict == nil && yes:
			t.Errorf("wildcast accepts %q, and the policy refuses it: %s", data, words)
		case verdict == nil:
			accepted++
		case yes:
			caught++
		default:
			missed++
		}
	}
	t.Logf("%d accepted by both; of what wildcast refuses, %d were refused and %d left to it", accepted, caught, missed)
	if accepted < draws/20 || caught < missed {
		t.Errorf("too few: %d accepted, %d refused, %d left to wildcast", accepted, caught, missed)
	}
}

func pick(d *rand.Rand, from ...string) string { return from[d.IntN(len(from))] }

// around puts white space around a value now and then.
func around(d *rand.Rand, value string) string {
	if d.IntN(4) > 0 {
		return value
	}
	return pick(d, "", " ", "\t", "\u00a0", "\v") + value + pick(d, "", "\n", " ", "\r\n", "\u2003")
}

// some draws a few keys of a table, each with one of its values.
func some(d *rand.Rand, most int, table map[string][]string, order []string) values {
	data := values{}
	for range d.IntN(most + 1) {
		key := pick(d, order...)
		data[key] = around(d, pick(d, table[key]...))
	}
	return data
}

func TestNoIssuerThatWildcastAcceptsIsRefused(t *testing.T) {
	table := map[string][]string{
		"kind": {"acme", "ca", "selfsigned", "", "x"}, "server": {"letsencrypt", "LetsEncrypt", "https://ca.example.com/d", "", "x"},
		"challenge": {"dns01", "http01", "", "x"}, "ingressClass": {"traefik", ""}, "nameservers": {"10.0.0.1:53", ""}, "email": {"a@example.com", ""}, "eabKeyID": {"id", ""}, "eabHMACKey": {"a2V5", ""},
		"keyType": {"ec256", "ed25519", "rsa2048", "", "x"}, "rotateKey": {"true", "false", "x"}, "issuer": {"root", "", "it"}, "fallback": {"other", ""},
		"zones": {"example.com"}, "sync": {"a=b"}, "subject": {"O=x", ""}, "usages": {"client auth", ""}, "duration": {"1h"}, "foo": {"x"},
		"auth": {"token", "approle", "kubernetes", "", "x"}, "role": {"web", ""}, "token": {"t", ""}, "roleID": {"r"}, "secretID": {"s"}, "authRole": {"w"},
	}
	vault := []string{"auth", "auth", "role", "role", "role", "token", "roleID", "secretID", "authRole", "keyType", "usages", "foo"}
	order := []string{"kind", "kind", "kind", "server", "server", "server", "challenge", "challenge", "ingressClass", "nameservers", "email", "eabKeyID", "eabHMACKey", "eabKeyID", "eabHMACKey",
		"keyType", "rotateKey", "issuer", "issuer", "fallback", "zones", "sync", "subject", "usages", "duration", "foo"}
	agree(t, 600, func(d *rand.Rand) (runtime.Object, values, error) {
		data := some(d, 5, table, order)
		if data["server"] == "" && d.IntN(2) == 0 {
			data["server"] = "letsencrypt"
		}
		if d.IntN(4) == 0 {
			data = some(d, 7, table, vault)
			data["kind"], data["server"] = around(d, "vault"), "https://vault.example.com"
		}
		s := secret(controllers.TypeIssuer, data)
		_, err := controllers.ParseIssuer(s)
		return s, data, err
	})
}

func TestNoSolverThatWildcastAcceptsIsRefused(t *testing.T) {
	table := map[string][]string{
		"provider": {"cloudflare", "rfc2136", "exec", "manual", ""}, "zones": {"example.com", ""}, "nameservers": {"8.8.8.8:53", ""}, "onTimeout": {"fail", "proceed", "", "x"}, "EXEC_PATH": {"program"},
		"recursiveOnly": {"true", "false", "x"}, "followCNAME": {"true", "false", "x"}, "ambient": {"true", "false", "x", ""},
		"CF_DNS_API_TOKEN": {"x", ""}, "GCE_FILE": {"x", ""}, "A_PATH": {"x"}, "PATH": {"x"}, "LD_X": {"x"}, "token": {"x"},
	}
	order := []string{"zones", "nameservers", "onTimeout", "EXEC_PATH", "recursiveOnly", "followCNAME", "ambient", "ambient", "CF_DNS_API_TOKEN", "GCE_FILE", "A_PATH",
		"PATH", "LD_X", "token"}
	agree(t, 600, func(d *rand.Rand) (runtime.Object, values, error) {
		data := some(d, 3, table, order)
		if d.IntN(8) > 0 {
			data["provider"] = around(d, pick(d, table["provider"]...))
		}
		s := secret(controllers.TypeSolver, data)
		s.Namespace = metav1.NamespaceDefault
		_, err := controllers.ParseSolver(s, metav1.NamespaceDefault, "/programs")
		return s, data, err
	})
}

// traits are values that standing certificates and Ingresses read alike, by the key of the one and the annotation of the other.
var traits = map[string]struct {
	annotation string
	values     []string
}{
	"keyType":     {"wildcast.dev/key-type", []string{"ec256", "ed25519", "rsa4096", "RSA", "dsa"}},
	"duration":    {"wildcast.dev/duration", []string{"1h", "1h30m", "2160h0m0s", ".5h", "1.h", "+1h", "1µs", "1μs", "01h", "-1h", "0", "0h", "h", "90d", "1", "1h ", "1 h", "."}},
	"renewBefore": {"wildcast.dev/renew-before", []string{"1s", "1ns", "5ms", "1us", "x", "1w"}},
	"dnsNames": {"wildcast.dev/dns-names", []string{"a.example.com", "*.example.com", "A.Example.com.", "a,b", "a b\nc\td", ",a,", "bücher.example",
		"xn--bcher-kva.example", "a_b", "a..b", "-a", "a-", "*.*.a", "*", "https://a", "a.example.com\v", "a\u3000b", "ａ.example", "10.0.0.1", "fd00::1", strings.Repeat("a", 63) + ".example", strings.Repeat("a", 64) + ".example"}},
}

func TestNoStandingCertificateThatWildcastAcceptsIsRefused(t *testing.T) {
	table := map[string][]string{
		"issuer": {"letsencrypt", ""}, "secretName": {"tls", "a.b", "A", "", "a.order", strings.Repeat("a", 247), strings.Repeat("a", 248)},
		"sync": {"", "true", "false", "{name}", "a=b", "a in (b)", "a b"}, "commonName": {"x y", ""}, "rotateKey": {"true", "false", "x", ""},
		"ipSans":  {"10.0.0.1", "::1, ::ffff:1.2.3.4", "10.0.0.x", "fe80::1%eth0", ""},
		"uriSans": {"spiffe://a/b", "urn:a", "a.b:c", "/a", "a", ""}, "profile": {"", "x"}, "foo": {"x"},
	}
	order := []string{"issuer", "secretName", "secretName", "sync", "sync", "commonName", "rotateKey", "ipSans", "uriSans", "profile", "foo"}
	for key, trait := range traits {
		table[key] = trait.values
	}
	order = append(order, "keyType", "duration", "duration", "renewBefore", "dnsNames", "dnsNames", "dnsNames")
	agree(t, 900, func(d *rand.Rand) (runtime.Object, values, error) {
		data := some(d, 3, table, order)
		if d.IntN(3) > 0 {
			data["dnsNames"] = pick(d, table["dnsNames"]...)
		}
		m := standing(data)
		_, err := controllers.ParseStanding(m)
		return m, data, err
	})
}

func TestNoAnnotationOfAnIngressThatWildcastReadsIsRefused(t *testing.T) {
	for key, trait := range traits {
		for _, value := range trait.values {
			_, verdict := controllers.ParseStanding(standing(values{"commonName": "x", key: value}))
			words, yes := refused(t, create(t.Context(), ingress(values{trait.annotation: value})))
			if verdict == nil && yes {
				t.Errorf("wildcast reads %s: %q, and the policy refuses it: %s", trait.annotation, value, words)
			}
		}
	}
}

// tokens are what label selectors are made of, and a little more.
var tokens = []string{"a", "in", "notin", "example.com/team", "a.b", "A_b-c", "-a", "a/", "1", "x", "=", "==", "!=", "=", "!", "<", ">", "in", "in", "notin",
	"(", ")", "(b)", "(b,c)", "()", "(,)", ",", ",", " ", " ", " ", "\t", "\n", "\r", "\f", ":", "é", "{name}", strings.Repeat("v", 63), strings.Repeat("v", 64)}

func TestTheGrammarOfSelectorsIsThatOfTheParser(t *testing.T) {
	valid, invalid := 0, 0
	for d, i := dice(), 0; i < 1500; i++ {
		var text strings.Builder
		for range d.IntN(9) {
			text.WriteString(pick(d, tokens...))
		}
		selector := text.String()
		_, wrong := labels.Parse(selector)
		words, yes := refused(t, create(t.Context(), source(values{syncer.AnnotationSync: selector})))
		switch {
		case wrong == nil && yes:
			t.Errorf("%q is a selector, and was refused: %s", selector, words)
		case wrong != nil && !yes && selector != "true" && selector != "false":
			t.Errorf("%q is none, and was accepted: %v", selector, wrong)
		case yes:
			invalid++
		default:
			valid++
		}
	}
	t.Logf("%d valid selectors, %d others", valid, invalid)
	if valid < 200 || invalid < 200 {
		t.Errorf("just %d valid ones and %d others were drawn", valid, invalid)
	}
}

func TestNoSourceThatWildcastAcceptsIsRefused(t *testing.T) {
	table := map[string][]string{
		"wildcast.dev/sync": {"", "true", "false", "a=b", "a b", "a=b,"}, "kubed.appscode.com/sync": {"", "false", "a=b", "a:b"},
		"wildcast.dev/sync-as": {"a", "a.b", "A", "", strings.Repeat("a", 253), strings.Repeat("a", 254)}, "wildcast.dev/sync-keys": {"a", "a,,b", ",", "", " "},
	}
	order := []string{"wildcast.dev/sync", "kubed.appscode.com/sync", "wildcast.dev/sync-as", "wildcast.dev/sync-keys"}
	agree(t, 600, func(d *rand.Rand) (runtime.Object, values, error) {
		annotations := some(d, 4, table, order)
		_, err := syncer.ParseRule("it", annotations)
		return source(annotations), annotations, err
	})
}
