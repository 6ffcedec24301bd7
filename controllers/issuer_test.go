package controllers

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	if issuer.Server != "https://acme-staging-v02.api.letsencrypt.org/directory" || issuer.KeyType != EC256 || !issuer.RotateKey ||
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
	if !slices.Equal(issuer.Zones, words("a.test b.test")) || issuer.Namespaces.String() != "team in (web)" || issuer.RotateKey ||
		issuer.RenewBefore != 720*time.Hour || issuer.Profile != "shortlived" || issuer.KeyType != RSA2048 ||
		issuer.SyncFor(strings.Repeat("x", 70)) != "tls="+LabelValue(strings.Repeat("x", 70))+",!no" {
		t.Errorf("got %+v", issuer)
	}
}

func TestEachFaultOfAnIssuerIsNamedWithItsRemedy(t *testing.T) {
	for fault, contain := range map[string]string{
		"":                        "server: missing",
		"server=nowhere":          "letsencrypt",
		"kind=vault":              `"vault" is not supported`,
		"challenge=http01":        "use dns01",
		"email=Me <a@b.c>":        "plain e-mail",
		"eabKeyID=x":              "set both",
		"zones=a..b":              "not a DNS name",
		"namespaces=a in":         "not a label selector",
		"sync=((":                 "not a label selector",
		"keyType=ed25519":         "not certified over ACME",
		"keyType=dsa":             "use ec256",
		"rotateKey=no":            `neither "true" nor "false"`,
		"renewBefore=soon":        "720h",
		"caBundle=not a bundle":   "PEM",
		"servr=letsencrypt":       "servr: unknown key",
		"email=x@example.com,bad": "plain e-mail",
	} {
		if _, err := ParseIssuer(secretWith(fault)); err == nil || !strings.Contains(err.Error(), contain) {
			t.Errorf("%s: got %v, want %q", fault, err, contain)
		}
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
		"zones=a.test":                     "provider",
		"provider=x nothing;token=S3CRET":  "token: unknown key",
		"provider=x;ambient=yes":           `neither "true" nor "false"`,
		"provider=x;onTimeout=wait":        `neither "fail" nor "proceed"`,
		"provider=x;ambient=true":          "credentials of your own",
		"provider=x;zones=a..b":            "not a DNS name",
		"provider=x;nameservers=not an ip": "write it as in 8.8.8.8:53",
	} {
		_, err := ParseSolver(secretWith(strings.Split(fault, ";")...), "elsewhere", "/programs")
		if err == nil || !strings.Contains(err.Error(), contain) || strings.Contains(err.Error(), "S3CRET") {
			t.Errorf("%s: got %v, want %q", fault, err, contain)
		}
	}
}

func TestLabelValuesAreCutAndStayDistinct(t *testing.T) {
	a, b := strings.Repeat("a.", 40)+"x", strings.Repeat("a.", 40)+"y"
	if LabelValue("short") != "short" || len(LabelValue(a)) > 63 || LabelValue(a) == LabelValue(b) {
		t.Errorf("got %s and %s", LabelValue(a), LabelValue(b))
	}
}
