package controllers

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/wildcast/wildcast/acmeclient/dns01"
)

func secretWith(pairs ...string) *corev1.Secret {
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: "le"}, Data: map[string][]byte{}}
	for _, pair := range pairs {
		k, v, _ := strings.Cut(pair, "=")
		s.Data[k] = []byte(v)
	}
	return s
}

func TestAnIssuerIsReadWithItsDefaults(t *testing.T) {
	issuer, err := ParseIssuer(secretWith("server=letsencrypt-staging\n", "email=a@example.com"))
	if err != nil {
		t.Fatal(err)
	}
	if issuer.Server != "https://acme-staging-v02.api.letsencrypt.org/directory" || issuer.KeyType != EC256 || !issuer.rotates() ||
		issuer.SyncFor("wildcard.a.test") != "cert-manager-tls=wildcard.a.test" || !issuer.Namespaces.Empty() {
		t.Errorf("got %+v", issuer)
	}
}

func TestAnIssuerIsReadWithAllItsKeys(t *testing.T) {
	issuer, err := ParseIssuer(secretWith("kind=acme", "challenge=dns01", "server=https://ca.example/dir", "eabKeyID=id", "eabHMACKey=key",
		"preferredChain=ISRG Root X1", "profile=shortlived", "zones=A.test, b.test", "namespaces=team in (web)", "sync=tls={name},!no",
		"keyType=rsa2048", "rotateKey=false", "renewBefore=720h"))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(issuer.Zones, words("a.test b.test")) || issuer.Namespaces.String() != "team in (web)" || issuer.rotates() ||
		issuer.RenewBefore != 720*time.Hour || issuer.Profile != "shortlived" || issuer.KeyType != RSA2048 ||
		issuer.SyncFor(strings.Repeat("x", 70)) != "tls="+LabelValue(strings.Repeat("x", 70))+",!no" {
		t.Errorf("got %+v", issuer)
	}
}

func TestAnIssuerOfHTTP01IsReadWithItsKeys(t *testing.T) {
	issuer, err := ParseIssuer(secretWith("challenge=http01", "server=letsencrypt", "ingressClass=traefik", "nameservers=10.0.0.1:53,[::1]:53"))
	if err != nil {
		t.Fatal(err)
	}
	if !issuer.HTTP01 || issuer.IngressClass != "traefik" || !slices.Equal(issuer.Nameservers, words("10.0.0.1:53 [::1]:53")) {
		t.Errorf("got %+v", issuer)
	}
}

func TestEachFaultOfAnIssuerIsNamedWithItsRemedy(t *testing.T) {
	for fault, contain := range map[string]string{
		"":                        "server: missing",
		"server=nowhere":          "letsencrypt",
		"kind=magic":              `"magic" is not supported`,
		"challenge=tls-alpn-01":   "neither dns01 nor http01",
		"ingressClass=Trae fik":   "name of an IngressClass",
		"ingressClass=traefik":    "only for challenge http01",
		"nameservers=8.8.8.8":     "10.96.0.10:53",
		"email=Me <a@b.c>":        "plain e-mail",
		"eabKeyID=x":              "set both",
		"zones=a..b":              "not a DNS name",
		"namespaces=a in":         "not a label selector",
		"sync=((":                 "not a label selector",
		"keyType=dsa":             "use ec256",
		"rotateKey=no":            `neither "true" nor "false"`,
		"renewBefore=soon":        "720h",
		"duration=-1h":            "720h",
		"usages=server auth":      "means nothing to an issuer of kind acme; remove it, or set kind to ca or selfsigned",
		"token=x":                 "set kind to vault",
		"issuer=root":             "set kind to ca",
		"tls.key=x":               "set kind to ca",
		"caBundle=not a bundle":   "PEM",
		"servr=letsencrypt":       "servr: unknown key",
		"email=x@example.com,bad": "plain e-mail",
	} {
		if _, err := ParseIssuer(secretWith(fault)); err == nil || !strings.Contains(err.Error(), contain) {
			t.Errorf("%s: got %v, want %q", fault, err, contain)
		}
	}
}

func TestEachFaultOfAnIssuerThatSignsIsNamedWithItsRemedy(t *testing.T) {
	for fault, contain := range map[string]string{
		"kind=vault":                                 "role: missing; name the role of the PKI engine that shall sign; token: missing; give a token, or set auth to",
		"kind=vault;server=letsencrypt":              "write for example https://vault.example.com:8200",
		"kind=vault;auth=approle;roleID=x":           "secretID: missing",
		"kind=vault;auth=kubernetes":                 "authRole: missing",
		"kind=vault;auth=ldap":                       "use token, approle or kubernetes",
		"kind=vault;role=sign/web":                   "whose mount is the key path",
		"kind=vault;usages=any":                      "usages: means nothing to an issuer of kind vault",
		"kind=ca":                                    "tls.crt, tls.key: missing; give",
		"kind=ca;tls.crt=x;tls.key=y":                "tls.key: no private key in PEM form",
		"kind=ca;issuer=le":                          "name one of kind selfsigned",
		"kind=ca;issuer=root;tls.crt=x":              "issuer: it makes the CA's pair, which is here already; remove it, or",
		"kind=ca;issuer=r;server=letsencrypt":        "server: means nothing to an issuer of kind ca; remove it, or set kind to acme",
		"kind=selfsigned;profile=shortlived":         "profile: means nothing to an issuer of kind selfsigned",
		"kind=selfsigned;challenge=dns01":            "challenge: means nothing",
		"kind=selfsigned;usages=server auth,magic":   `"magic" is no usage; use any`,
		"kind=selfsigned;subject=O=A,X=B":            `"X=B" is no attribute of a subject; use O`,
		"kind=selfsigned;ipSans=10.0.0":              "write for example 10.0.0.1",
		"kind=selfsigned;uriSans=/web":               "write for example spiffe://",
		"kind=selfsigned;keyType=dsa":                "use ec256",
		"kind=selfsigned;duration=1h;renewBefore=2h": "renewBefore: 2h0m0s is not shorter than duration",
	} {
		if _, err := ParseIssuer(secretWith(strings.Split(fault, ";")...)); err == nil || !strings.Contains(err.Error(), contain) {
			t.Errorf("%s: got %v, want %q", fault, err, contain)
		}
	}
}

func TestAnIssuerThatSignsIsReadWithAllItsKeys(t *testing.T) {
	issuer, err := ParseIssuer(secretWith("kind=selfsigned", "keyType=ed25519", "duration=2160h", "usages=server auth,client auth", `subject=O=A\, B,OU=Web`,
		"ipSans=fd00::1, 10.0.0.1", "uriSans=spiffe://a.test/web"))
	if err != nil {
		t.Fatal(err)
	}
	if issuer.KeyType != Ed25519 || issuer.Duration != 2160*time.Hour || len(issuer.Usages.Ext) != 2 || issuer.Subject.String() != `OU=Web,O=A\, B` ||
		len(issuer.IPs) != 2 || issuer.IPs[0].String() != "10.0.0.1" || issuer.URIs[0] != "spiffe://a.test/web" {
		t.Errorf("got %+v", issuer)
	}
}

func TestOnlyAtHomeMayAnIssuerShowThePodsTokenToVault(t *testing.T) {
	issuer, err := ParseIssuer(secretWith("kind=vault", "server=https://vault.test:8200", "role=web", "auth=kubernetes", "authRole=wildcast"))
	if err != nil {
		t.Fatal(err)
	}
	if issuer.Vault.AuthPath != "kubernetes" || issuer.Vault.Path != "pki" {
		t.Errorf("got %+v", issuer.Vault)
	}
	if err := issuer.allowedIn(home); err != nil {
		t.Error(err)
	}
	if err := issuer.allowedIn("elsewhere"); err == nil || !strings.Contains(err.Error(), "use token or approle") {
		t.Errorf("got %v", err)
	}
}

func TestAnIssuersSecretsDoNotStandInItsErrors(t *testing.T) {
	_, err := ParseIssuer(secretWith("eabHMACKey=S3CRET", "server=letsencrypt"))
	if err == nil || strings.Contains(err.Error(), "S3CRET") {
		t.Errorf("got %v", err)
	}
}

func TestASolverIsRead(t *testing.T) {
	solver, err := ParseSolver(secretWith("provider=cloudflare", "zones=example.com", "CF_DNS_API_TOKEN=t\n", "nameservers=127.0.0.1:53", "ambient=true", "onTimeout=proceed"), home, "")
	if err != nil {
		t.Fatal(err)
	}
	if solver.Provider != "cloudflare" || solver.Env["CF_DNS_API_TOKEN"] != "t" || !slices.Equal(solver.Zones, words("example.com")) || !solver.FollowCNAME || !solver.Ambient || !solver.Proceed {
		t.Errorf("got %+v", solver)
	}
}

func TestEachFaultOfASolverIsNamedWithItsRemedy(t *testing.T) {
	for fault, contain := range map[string]string{
		"zones=a.test":                           "provider",
		"provider=route53 nothing;token=S3CRET":  "token: unknown key",
		"provider=route53;ambient=yes":           `neither "true" nor "false"`,
		"provider=route53;onTimeout=wait":        `neither "fail" nor "proceed"`,
		"provider=route53;ambient=true":          "credentials of your own",
		"provider=route53;zones=a..b":            "not a DNS name",
		"provider=route53;nameservers=not an ip": "write it as in 8.8.8.8:53",
	} {
		_, err := ParseSolver(secretWith(strings.Split(fault, ";")...), "elsewhere", "/programs")
		if err == nil || !strings.Contains(err.Error(), contain) || strings.Contains(err.Error(), "S3CRET") {
			t.Errorf("%s: got %v, want %q", fault, err, contain)
		}
	}
}

func TestASolverOfPersistentRecordsShowsTheRecordsOfTheAccountsBesideIt(t *testing.T) {
	account := func(name, domains, url string) *corev1.Secret {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: name + accountSuffix},
			Data: map[string][]byte{accountCAs: []byte(domains), accountURL: []byte(url)}}
	}
	persist := dns01.Settings{Provider: dns01.Persist}
	if got := readiness(dns01.Settings{Provider: "cloudflare"}, []*corev1.Secret{account("le", "ca.test", "https://ca.test/1")}); got != "The settings are complete." {
		t.Errorf("a vendor's says %q", got)
	}
	if got := readiness(persist, []*corev1.Secret{account("le", "ca.test", ""), account("silent", "", "https://ca.test/1")}); !strings.Contains(got, "No issuer beside it has an account yet") {
		t.Errorf("without accounts it says %q", got)
	}
	got := readiness(persist, []*corev1.Secret{account("le", "ca.test,old.test", "https://ca.test/1"), account("a", "b.test", "https://b.test/2")})
	want := `with the value "b.test; accounturi=https://b.test/2; policy=wildcard" for issuer a, or "ca.test; accounturi=https://ca.test/1; policy=wildcard" for issuer le.`
	if !strings.Contains(got, want) || !strings.Contains(got, "_validation-persist.example.com") {
		t.Errorf("with accounts it says %q", got)
	}
}

func TestLabelValuesAreCutAndStayDistinct(t *testing.T) {
	a, b := strings.Repeat("a.", 40)+"x", strings.Repeat("a.", 40)+"y"
	if LabelValue("short") != "short" || len(LabelValue(a)) > 63 || LabelValue(a) == LabelValue(b) {
		t.Errorf("got %s and %s", LabelValue(a), LabelValue(b))
	}
}
