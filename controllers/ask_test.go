package controllers

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
)

const home = "cert-manager"

func key(text string) types.NamespacedName { return parseName(text) }

// ingress makes an Ingress with one tls entry for the hosts.
func ingress(name, secretName, hosts string, annotations map[string]string) *networkingv1.Ingress {
	at := key(name)
	return &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Namespace: at.Namespace, Name: at.Name, UID: types.UID(name), Annotations: annotations},
		Spec:       networkingv1.IngressSpec{TLS: []networkingv1.IngressTLS{{Hosts: words(hosts), SecretName: secretName}}},
	}
}

func by(issuer string) map[string]string { return map[string]string{AnnotationIssuer: issuer} }

// testRules know the issuer le at home, own in namespace infra, narrow with limits, private with a zone, which signs by
// itself, and broken, which is not valid.
func testRules(namespaceLabels labels.Set) rules {
	le := func(name string) *Issuer {
		return &Issuer{Name: key(name), Namespaces: labels.Everything(), Sync: defaultSync, Kind: KindACME, Traits: Traits{KeyType: EC256}}
	}
	narrow := le(home + "/narrow")
	narrow.Zones, narrow.Namespaces = words("b.test"), labels.SelectorFromSet(labels.Set{"team": "web"})
	private := le(home + "/private")
	private.Kind, private.Zones = KindCA, words("b.test")
	issuers := map[types.NamespacedName]*Issuer{
		key(home + "/le"): le(home + "/le"), key("infra/own"): le("infra/own"), key(home + "/narrow"): narrow, key(home + "/private"): private,
	}
	return rules{home: home, defaultIssuer: "le", namespaceLabels: namespaceLabels,
		issuer: func(name types.NamespacedName) (*Issuer, error) {
			if name == key(home+"/broken") {
				return nil, errors.New("server: missing")
			}
			return issuers[name], nil
		}}
}

// named opts in and names the shared certificate.
func named(certificate string) map[string]string {
	return map[string]string{AnnotationIssuer: "le", AnnotationCertificate: certificate}
}

var optedOut = labels.Set{"cert-manager-tls": "wildcard.a.test", LabelSync: "false"}

var selected = labels.Set{"cert-manager-tls": "wildcard.a.test"}

func TestAnIngressAsksForTheSharedWildcard(t *testing.T) {
	asks, problems := asksOf(requestOf(ingress("infra/wiki", "wiki-tls", "wiki.a.test", by("le"))), testRules(selected))
	if len(problems) > 0 || len(asks) != 1 {
		t.Fatalf("got %v, %v", asks, problems)
	}
	ask := asks[0]
	if ask.Certificate != key(home+"/wildcard.a.test") || !slices.Equal(ask.Names, words("*.a.test")) || !ask.Shared ||
		ask.Target() != key("infra/wiki-tls") || ask.Issuer != key(home+"/le") {
		t.Errorf("got %+v", ask)
	}
}

func TestTheCertificatesNameComesFromItsBaseDomains(t *testing.T) {
	for hosts, want := range map[string]string{
		"wiki.a.test":        "wildcard.a.test",
		"a.test wiki.a.test": "wildcard.a.test",
		"x.y.a.test":         "wildcard.y.a.test",
		"x.b.test x.a.test":  "wildcard.a.test-" + sharedName(words("*.a.test *.b.test"))[len("wildcard.a.test-"):],
	} {
		if got := sharedName(widenAll(words(hosts))); got != want {
			t.Errorf("%s: got %s, want %s", hosts, got, want)
		}
	}
	long := sharedName([]string{"*." + strings.Repeat("a123456789.", 22) + "test"})
	if len(long) > 253-len(".order") {
		t.Errorf("%d characters are too many", len(long))
	}
}

func TestOptingIn(t *testing.T) {
	for _, row := range []struct {
		name        string
		annotations map[string]string
		certManager bool
		issuer      string
	}{
		{"nothing", nil, false, ""},
		{"our annotation", by("le"), false, "le"},
		{"tls-acme with the default issuer", map[string]string{AnnotationTLSACME: "true"}, false, "le"},
		{"tls-acme false", map[string]string{AnnotationTLSACME: "false"}, false, ""},
		{"cert-manager's annotation without the flag", map[string]string{AnnotationClusterIssuer: "x"}, false, ""},
		{"cert-manager's annotation with the flag", map[string]string{AnnotationClusterIssuer: "x"}, true, "x"},
		{"ours before cert-manager's", map[string]string{AnnotationClusterIssuer: "x", AnnotationIssuer: "le"}, true, "le"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := testRules(nil)
			r.certManagerAnnotations = row.certManager
			if got := r.issuerName(requestOf(ingress("a/b", "s", "x.a.test", row.annotations))); got != row.issuer {
				t.Errorf("got issuer %q, want %q", got, row.issuer)
			}
		})
	}
}

func TestProblemsSayTheRemedy(t *testing.T) {
	for _, row := range []struct {
		name    string
		ing     *networkingv1.Ingress
		labels  labels.Set
		reason  string
		contain string
	}{
		{"no secretName", ingress("infra/w", "", "w.a.test", by("le")), selected, ReasonInvalidIngress, "add the name"},
		{"no hosts", ingress("infra/w", "s", "", by("le")), selected, ReasonInvalidIngress, "add the host names"},
		{"unknown issuer", ingress("infra/w", "s", "w.a.test", by("nobody")), selected, ReasonIssuerNotFound, "create it"},
		{"an issuer with its namespace", ingress("infra/w", "s", "w.a.test", by("cert-manager/le")), selected, ReasonInvalidIngress,
			`Issuer "cert-manager/le" cannot be the name of a Secret. Write the name alone of an issuer in namespace infra or ` + home + "."},
		{"invalid issuer", ingress("infra/w", "s", "w.a.test", by("broken")), selected, ReasonIssuerNotReady, "server: missing"},
		{"zone not allowed", ingress("infra/w", "s", "w.a.test", by("narrow")), selected, ReasonNotAllowed,
			"spec.tls[0]: Issuer " + home + "/narrow may not certify *.a.test: its zones are b.test. Have its owner extend them, or name another issuer."},
		{"namespace not allowed", ingress("infra/w", "s", "w.b.test", by("narrow")), selected, ReasonNotAllowed,
			`it serves namespaces with "team=web". Name another issuer, or have an administrator allow it: kubectl label --overwrite namespace infra team=web`},
		{"namespace not selected", ingress("infra/w", "s", "w.a.test", by("le")), nil, ReasonNamespaceNotSelected,
			"kubectl label --overwrite namespace infra cert-manager-tls=wildcard.a.test"},
		{"key type", ingress("infra/w", "s", "w.a.test", map[string]string{AnnotationIssuer: "le", AnnotationKeyType: "dsa"}), selected,
			ReasonInvalidIngress, "use ec256"},
		{"key type that ACME does not know", ingress("infra/w", "s", "w.a.test", with(AnnotationKeyType, "ed25519")), selected, ReasonInvalidIngress, "not certified over ACME"},
		{"wildcard", ingress("infra/w", "s", "w.a.test", with(AnnotationWildcard, "no")), selected, ReasonInvalidIngress, `Annotation wildcast.dev/wildcard: "no" is neither "true" nor "false"; write "false" for a certificate with exactly these hosts.`},
		{"renew-before", ingress("infra/w", "s", "w.a.test", map[string]string{AnnotationIssuer: "le", AnnotationDuration: "24h", AnnotationRenewBefore: "24h"}), selected, ReasonInvalidIngress, "wildcast.dev/renew-before: 24h0m0s is not shorter than the duration, 24h0m0s"},
		{"duration", ingress("infra/w", "s", "w.a.test", with(AnnotationDuration, "soon")), selected, ReasonInvalidIngress, "wildcast.dev/duration: \"soon\" is not a positive duration such as 720h"},
		{"more names", ingress("infra/w", "s", "w.a.test", with(AnnotationDNSNames, "a..b")), selected, ReasonInvalidIngress, "wildcast.dev/dns-names: \"a..b\" is not a DNS name; correct it"},
		{"more names outside the zones", ingress("infra/w", "s", "w.b.test", map[string]string{AnnotationIssuer: "narrow", AnnotationDNSNames: "c.test"}),
			labels.Set{"team": "web"}, ReasonNotAllowed, "may not certify c.test"},
		{"a label", ingress("infra/w", "s", "w.a.test", with(AnnotationSecretLabels, "team web")), selected, ReasonInvalidIngress, "is no label; write for example"},
		{"a label of ours", ingress("infra/w", "s", "w.a.test", with(AnnotationSecretLabels, "wildcast.dev/managed=false")), selected, ReasonInvalidIngress, "remove it"},
		{"the name is no Secret's", ingress("infra/w", "s", "w.a.test", named("My Certificate")), selected, ReasonInvalidIngress, "Give another name"},
		{"the name is a path", ingress("infra/w", "s", "w.a.test", named("../le")), selected, ReasonInvalidIngress, "Give another name"},
		{"the name leaves no room for the record's", ingress("infra/w", "s", "w.a.test", named(strings.Repeat("a", 248))), selected, ReasonInvalidIngress, "Give another name"},
		{"the name is very long", ingress("infra/w", "s", "w.a.test", named(strings.Repeat("a", 2000))), selected, ReasonInvalidIngress, "Give another name"},
		{"the name is a record's", ingress("infra/w", "s", "w.a.test", named("x.order")), selected, ReasonInvalidIngress, "end in .order"},
		{"the name is an account's", ingress("infra/w", "s", "w.a.test", named("le.account")), selected, ReasonInvalidIngress, "end in .account"},
		{"the Secret of an own issuer has a record's name", ingress("infra/w", "w.order", "w.a.test", by("own")), nil, ReasonInvalidIngress, "end in .order"},
		{"the Secret of a copy has a record's name", ingress("infra/w", "w.order", "w.a.test", by("le")), selected, ReasonInvalidIngress, `spec.tls[0]: "w.order" cannot be`},
		{"the Secret of a copy has an account's name", ingress("infra/w", "le.account", "w.a.test", by("le")), selected, ReasonInvalidIngress, "end in .account"},
		{"namespace opts out", ingress("infra/w", "s", "w.a.test", by("le")), optedOut, ReasonNamespaceNotSelected,
			"kubectl label namespace infra wildcast.dev/sync-"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, problems := asksOf(requestOf(row.ing), testRules(row.labels))
			if len(problems) != 1 || problems[0].Reason != row.reason || !strings.Contains(problems[0].Note, row.contain) {
				t.Errorf("got %v", problems)
			}
		})
	}
}

func TestAZoneThatHoldsTheHostsAndNotTheirWildcardIsToldWithTheWayToExactHosts(t *testing.T) {
	r := testRules(selected)
	le, _ := r.issuer(key(home + "/le"))
	le.Zones = words("w.a.test")
	exactHosts := `Or set the annotation wildcast.dev/wildcard: "false", for a certificate with exactly these hosts, which are in them.`
	for hosts, told := range map[string]bool{"w.a.test": true, "w.a.test v.a.test": false} {
		_, problems := asksOf(requestOf(ingress("infra/w", "s", hosts, by("le"))), r)
		if len(problems) != 1 || problems[0].Reason != ReasonNotAllowed || strings.HasSuffix(problems[0].Note, exactHosts) != told {
			t.Errorf("%s: got %v", hosts, problems)
		}
	}
	if asks, problems := asksOf(requestOf(ingress("infra/w", "s", "w.a.test", exactly)), r); len(asks) != 1 || len(problems) != 0 {
		t.Errorf("with exact hosts: got %v, %v", asks, problems)
	}
}

// with opts in and has one annotation more.
func with(annotation, value string) map[string]string {
	return map[string]string{AnnotationIssuer: "le", annotation: value}
}

func TestAnIngressChooses(t *testing.T) {
	ing := ingress("infra/w", "s", "w.a.test", map[string]string{AnnotationIssuer: "le", AnnotationDuration: "48h", AnnotationRenewBefore: "1h",
		AnnotationProfile: "tlsserver", AnnotationPreferredChain: "X1", AnnotationDNSNames: "A.test, v.a.test", AnnotationSecretLabels: "team=web,bad label,tier="})
	asks, problems := asksOf(requestOf(ing), testRules(selected))
	if len(asks) != 1 || len(problems) != 1 || asks[0].Held {
		t.Fatalf("got %v, %v", asks, problems)
	}
	got := asks[0]
	if !got.Traits.equal(traits(t, "duration=48h", "renewBefore=1h", "profile=tlsserver", "preferredChain=X1")) ||
		!slices.Equal(got.Names, words("*.a.test a.test")) || !maps.Equal(got.Template.Labels, map[string]string{"team": "web", "tier": ""}) {
		t.Errorf("got %+v", got)
	}
}

func TestCertManagersAnnotationsChooseWithTheFlag(t *testing.T) {
	annotations := map[string]string{AnnotationClusterIssuer: "le", "cert-manager.io/duration": "48h", "cert-manager.io/renew-before": "1h",
		"cert-manager.io/private-key-algorithm": "RSA", "cert-manager.io/private-key-size": "4096", "cert-manager.io/private-key-rotation-policy": "Never",
		"cert-manager.io/common-name": "cn.a.test", "cert-manager.io/alt-names": "v.a.test", "cert-manager.io/usages": "client auth",
		"cert-manager.io/subject-organizations": "A", AnnotationDuration: "24h"}
	r := testRules(nil)
	r.certManagerAnnotations = true
	annotations[AnnotationWildcard] = "false"
	asks, problems := asksOf(requestOf(ingress("infra/w", "s", "w.a.test", annotations)), r)
	if len(asks) != 1 || len(problems) > 0 || !slices.Equal(asks[0].Names, words("cn.a.test v.a.test w.a.test")) ||
		!asks[0].Traits.equal(traits(t, "duration=24h", "renewBefore=1h", "keyType=rsa4096", "rotateKey=false")) {
		t.Errorf("from an ACME CA: got %+v, %v", asks, problems)
	}
	le, _ := r.issuer(key(home + "/le"))
	le.Kind = KindSelfSigned
	asks, problems = asksOf(requestOf(ingress("infra/w", "s", "w.a.test", annotations)), r)
	want := traits(t, "duration=24h", "renewBefore=1h", "keyType=rsa4096", "rotateKey=false", "usages=client auth", "subject=O=A")
	want.CommonName = "cn.a.test"
	if len(asks) != 1 || len(problems) > 0 || !slices.Equal(asks[0].Names, words("v.a.test w.a.test")) || !asks[0].Traits.equal(want) {
		t.Errorf("from one that signs: got %+v, %v", asks, problems)
	}
	delete(annotations, AnnotationDuration)
	for kind, duration := range map[Kind]time.Duration{KindACME: 0, KindSelfSigned: 48 * time.Hour, KindCA: 48 * time.Hour, KindVault: 48 * time.Hour} {
		le.Kind = kind
		asks, problems = asksOf(requestOf(ingress("infra/w", "s", "w.a.test", annotations)), r)
		if len(asks) != 1 || len(problems) > 0 || asks[0].Duration != duration {
			t.Errorf("from one of kind %s: got %+v, %v", kind, asks, problems)
		}
	}
	annotations[AnnotationDuration] = "24h"
	r.certManagerAnnotations = false
	annotations[AnnotationIssuer] = "le"
	if asks, _ = asksOf(requestOf(ingress("infra/w", "s", "w.a.test", annotations)), r); !asks[0].Traits.equal(traits(t, "duration=24h")) || len(asks[0].Names) != 1 {
		t.Errorf("without the flag: got %+v", asks)
	}
}

func TestZonesHoldForWhatCertManagersAnnotationsChoose(t *testing.T) {
	for annotation, contain := range map[string]string{
		"cert-manager.io/common-name=admin":              `may not certify the common name "admin" for namespace infra`,
		"cert-manager.io/ip-sans=10.96.0.1":              "may not certify the IP address 10.96.0.1",
		"cert-manager.io/uri-sans=spiffe://a.test/admin": "may not certify the URI spiffe://a.test/admin",
		"cert-manager.io/subject-organizations=ops":      "may not certify the subject O=ops",
		"cert-manager.io/usages=client auth":             "may not certify usages other than server auth",
		"cert-manager.io/usages=server auth":             "",
		"cert-manager.io/uri-sans=spiffe://w.b.test/web": "",
	} {
		chosen, value, _ := strings.Cut(annotation, "=")
		r := testRules(nil)
		r.certManagerAnnotations = true
		q := requestOf(ingress("infra/w", "s", "w.b.test", map[string]string{AnnotationClusterIssuer: "private", AnnotationWildcard: "false", chosen: value}))
		asks, problems := asksOf(q, r)
		switch {
		case contain == "":
			if len(asks) != 1 || len(problems) != 0 {
				t.Errorf("%s: got %v, %v", annotation, asks, problems)
			}
		case len(asks) != 0 || len(problems) != 1 || problems[0].Reason != ReasonNotAllowed || !strings.Contains(problems[0].Note, contain):
			t.Errorf("%s: got %v, %v", annotation, asks, problems)
		}
	}
}

func TestKeyTypesOfCertManagerAreRead(t *testing.T) {
	for text, want := range map[string]KeyType{" ": "", "RSA ": RSA2048, " 4096": RSA4096, "ECDSA 384": EC384, "Ed25519 ": Ed25519, "ECDSA 521": "error", "DSA ": "error"} {
		algorithm, size, _ := strings.Cut(text, " ")
		if got, err := certManagerKeyType(algorithm, size); got != want && (want != "error" || err == nil) {
			t.Errorf("%q: got %s, %v", text, got, err)
		}
	}
}

func TestAnEntryWithAProblemDoesNotStopTheOthers(t *testing.T) {
	ing := ingress("infra/w", "", "w.a.test", by("le"))
	ing.Spec.TLS = append(ing.Spec.TLS, networkingv1.IngressTLS{Hosts: words("v.a.test"), SecretName: "v-tls"})
	asks, problems := asksOf(requestOf(ing), testRules(selected))
	if len(asks) != 1 || asks[0].SecretName != "v-tls" || len(problems) != 1 {
		t.Errorf("got %v, %v", asks, problems)
	}
}

func TestAnUnselectedNamespaceAsksForNothing(t *testing.T) {
	if asks, _ := asksOf(requestOf(ingress("infra/w", "s", "w.a.test", by("le"))), testRules(nil)); len(asks) != 0 {
		t.Errorf("got %v", asks)
	}
}

func TestAMissingOrInvalidIssuerHoldsWhatIsThere(t *testing.T) {
	for _, issuer := range words("nobody broken") {
		asks, _ := asksOf(requestOf(ingress("infra/w", "s", "w.a.test", by(issuer))), testRules(nil))
		if len(asks) != 1 || !asks[0].Held || asks[0].Certificate != key(home+"/wildcard.a.test") {
			t.Errorf("%s: got %v", issuer, asks)
		}
	}
}

func TestAnAnnotationWithATypingErrorHoldsWhatIsThere(t *testing.T) {
	ing := ingress("infra/w", "s", "w.a.test", by("le"))
	ing.Annotations[AnnotationKeyType] = "dsa"
	if asks, _ := asksOf(requestOf(ing), testRules(selected)); len(asks) != 1 || !asks[0].Held || asks[0].KeyType != "" {
		t.Errorf("got %v", asks)
	}
	ing.Annotations = map[string]string{AnnotationIssuer: "le", AnnotationWildcard: "no"}
	if asks, _ := asksOf(requestOf(ing), testRules(selected)); len(asks) != 1 || !asks[0].Held || asks[0].Certificate != key(home+"/wildcard.a.test") {
		t.Errorf("got %v", asks)
	}
}

func TestExactModeAndANamespacesOwnIssuerStayInTheNamespace(t *testing.T) {
	exact := ingress("infra/w", "w-tls", "w.a.test v.a.test", by("le"))
	exact.Annotations[AnnotationWildcard] = "false"
	asks, problems := asksOf(requestOf(exact), testRules(nil))
	if len(problems) > 0 || asks[0].Certificate != key("infra/w-tls") || !slices.Equal(asks[0].Names, words("v.a.test w.a.test")) || asks[0].Shared {
		t.Errorf("exact: got %v, %v", asks, problems)
	}
	asks, problems = asksOf(requestOf(ingress("infra/w", "w-tls", "w.a.test", by("own"))), testRules(nil))
	if len(problems) > 0 || asks[0].Certificate != key("infra/w-tls") || !slices.Equal(asks[0].Names, words("*.a.test")) || asks[0].Shared {
		t.Errorf("own issuer: got %v, %v", asks, problems)
	}
}

func TestAWildcardOfAnIssuerForAllNeedsTheLabelAlsoInExactMode(t *testing.T) {
	exact := ingress("infra/w", "w-tls", "*.a.test", by("le"))
	exact.Annotations[AnnotationWildcard] = "false"
	asks, problems := asksOf(requestOf(exact), testRules(nil))
	if len(asks) > 0 || len(problems) != 1 || problems[0].Reason != ReasonNamespaceNotSelected || !strings.Contains(problems[0].Note, "cert-manager-tls=wildcard.a.test") {
		t.Errorf("not selected: got %v, %v", asks, problems)
	}
	asks, problems = asksOf(requestOf(exact), testRules(selected))
	if len(problems) > 0 || len(asks) != 1 || asks[0].Certificate != key("infra/w-tls") || asks[0].Shared {
		t.Errorf("selected: got %v, %v", asks, problems)
	}
}

func TestAnIngressMayNameTheSharedCertificate(t *testing.T) {
	ing := ingress("infra/w", "s", "w.a.test", by("le"))
	ing.Annotations[AnnotationCertificate] = "ipincloud-crt"
	asks, problems := asksOf(requestOf(ing), testRules(labels.Set{"cert-manager-tls": "ipincloud-crt"}))
	if len(problems) > 0 || asks[0].Certificate != key(home+"/ipincloud-crt") {
		t.Errorf("got %v, %v", asks, problems)
	}
}

func TestTheLabelCommandMakesTheNamespaceMatch(t *testing.T) {
	for selector, want := range map[string]string{
		"a=b":            "a=b",
		"a in (y, x),c":  "a=x c=true",
		"!a":             "a-",
		"a notin (x),d=": "a- d=",
	} {
		if got := labelCommand("ns", selector); got != "kubectl label --overwrite namespace ns "+want {
			t.Errorf("%s: got %s", selector, got)
		}
	}
}

func TestAskIndexTellsWhatChanged(t *testing.T) {
	s := newAsks()
	old := Ask{By: Asker{NamespacedName: key("b/new"), Created: time.Unix(9, 0)}, Certificate: key("h/c"), SecretName: "s"}
	older := Ask{By: Asker{NamespacedName: key("a/old"), Created: time.Unix(1, 0)}, Certificate: key("h/c"), SecretName: "s"}
	if changed := s.set(askerID{name: key("b/new")}, []Ask{old}); len(changed) != 1 {
		t.Errorf("a new ask changed %v", changed)
	}
	if changed := s.set(askerID{name: key("b/new")}, []Ask{old}); len(changed) != 0 {
		t.Errorf("the same ask changed %v", changed)
	}
	s.set(askerID{name: key("a/old")}, []Ask{older})
	if got := s.forCertificate(key("h/c")); len(got) != 2 || got[0].By != older.By {
		t.Errorf("got %v, want the older first", got)
	}
	if got := s.forTarget(key("b/s")); len(got) != 1 || got[0].By != old.By {
		t.Errorf("got %v", got)
	}
	if changed := s.set(askerID{name: key("b/new")}, nil); len(changed) != 1 || len(s.forTarget(key("b/s"))) != 0 {
		t.Errorf("a removed ask changed %v", changed)
	}
	if got := s.certificatesFrom(func(types.NamespacedName) bool { return true }); len(got) != 1 {
		t.Errorf("got %v", got)
	}
}
