package report_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"flag"
	"math/big"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/wildcast/wildcast/cmd/wildcast/internal/report"
	"github.com/wildcast/wildcast/controllers"
	"github.com/wildcast/wildcast/syncer"
)

var update = flag.Bool("update", false, "write what is shown into testdata")

var now = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

const account = "https://ca.test/account/1"

func meta(namespace, name string, annotations map[string]string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID(namespace + name), ResourceVersion: "1", Annotations: annotations}
}

func ingress(namespace, host, issuer string) *networkingv1.Ingress {
	return &networkingv1.Ingress{
		ObjectMeta: meta(namespace, "web", map[string]string{"wildcast.dev/issuer": issuer}),
		Spec:       networkingv1.IngressSpec{TLS: []networkingv1.IngressTLS{{Hosts: []string{host}, SecretName: "web-tls"}}},
	}
}

func secret(name string, kind corev1.SecretType, annotations, data map[string]string) *corev1.Secret {
	s := &corev1.Secret{ObjectMeta: meta("cert-manager", name, annotations), Type: kind, Data: map[string][]byte{}}
	for key, value := range data {
		s.Data[key] = []byte(value)
	}
	return s
}

// certificate is a Secret with a certificate from issuer le that ends at a time.
func certificate(t *testing.T, domain string, serial int64, ends time.Time) *corev1.Secret {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), DNSNames: []string{"*." + domain}, NotBefore: ends.Add(-90 * 24 * time.Hour), NotAfter: ends}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	s := secret("wildcard."+domain, corev1.SecretTypeTLS, map[string]string{"wildcast.dev/issuer": "cert-manager/le", "wildcast.dev/sync": "tls=yes"}, map[string]string{
		"tls.crt": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		"tls.key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text})),
	})
	s.Labels = map[string]string{"wildcast.dev/managed": "true"}
	return s
}

// inhabited are namespaces with an Ingress each.
func inhabited() (namespaces []*corev1.Namespace, ingresses []*networkingv1.Ingress) {
	for name, host := range map[string]string{
		"good": "www.good.test", "late": "www.late.test", "gone": "www.gone.test", "slow": "www.slow.test", "fail": "www.fail.test", "mine": "www.mine.test",
		"new": "www.new.test", "odd": "www.odd.test", "lack": "www.lack.test", "caa": "www.caa.test",
	} {
		namespaces = append(namespaces, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"tls": "yes"}}})
		ingresses = append(ingresses, ingress(name, host, map[bool]string{true: "odd", false: "le"}[name == "odd"]))
	}
	namespaces = append(namespaces, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "unlabelled"}})
	return namespaces, append(ingresses, ingress("unlabelled", "www.good.test", "le"))
}

// scene has a certificate in each state that a user meets.
func scene(t *testing.T) report.Scene {
	t.Helper()
	namespaces, ingresses := inhabited()
	directory := "https://acme-v02.api.letsencrypt.org/directory"
	order := func(domain string, data map[string]string) *corev1.Secret {
		data["issuer"] = "cert-manager/le"
		return secret("wildcard."+domain+".order", controllers.TypeOrder, nil, data)
	}
	cfg := controllers.Config{Home: "cert-manager"}
	certificates, err := controllers.NewSurvey(cfg, controllers.Objects{Namespaces: namespaces, Ingresses: ingresses, Secrets: []*corev1.Secret{
		secret("le", controllers.TypeIssuer, map[string]string{"wildcast.dev/status": "Ready", "wildcast.dev/message": "The account is registered.", "wildcast.dev/account": account},
			map[string]string{"server": "letsencrypt", "sync": "tls=yes"}),
		secret("odd", controllers.TypeIssuer, map[string]string{"wildcast.dev/status": "Ready"}, map[string]string{"server": "letsencrypt", "emial": "x"}),
		secret("dns", controllers.TypeSolver, nil, map[string]string{"provider": "rfc2136", "zones": "good.test,late.test,gone.test,slow.test,fail.test,mine.test,new.test,caa.test"}),
		certificate(t, "good.test", 1, now.Add(60*24*time.Hour)), certificate(t, "late.test", 2, now.Add(10*24*time.Hour)),
		certificate(t, "gone.test", 3, now.Add(-time.Hour)), certificate(t, "idle.test", 4, now.Add(60*24*time.Hour)),
		order("gone.test", map[string]string{"lastError": "read directory: connection refused", "downFrom": "2030-01-02T01:04:05Z", "downTo": "2030-01-02T03:00:05Z"}),
		order("caa.test", map[string]string{"failures": "2", "lastError": "authorization of *.caa.test: caa: CAA record for caa.test prevents issuance",
			"authorizations": `[{"url":"https://ca.test/authz/1","name":"*.caa.test","status":"invalid","challenge":"dns-01","errorType":"caa","detail":"CAA record for caa.test prevents issuance","seen":"2030-01-02T02:59:05Z","expires":"2030-01-09T02:59:05Z"}]`}),
		order("slow.test", map[string]string{"rateLimited": "true", "nextAttempt": now.Add(2 * time.Hour).Format(time.RFC3339), "lastError": "too many orders"}),
		order("fail.test", map[string]string{"lastError": "present challenge: the DNS vendor refused",
			"attempts": `[{"at":"2030-01-02T02:00:00Z","ca":"` + directory + `","account":"` + account + `","names":["*.fail.test"],"ended":"2030-01-02T02:00:05Z","failed":"fail.test"}]`}),
	}}, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := certificates.Meet(secret("wildcard.mine.test", corev1.SecretTypeTLS, nil, nil)); err != nil {
		t.Fatal(err)
	}
	copies := map[syncer.Kind]*syncer.Survey{}
	for _, kind := range []syncer.Kind{syncer.Secrets, syncer.ConfigMaps} {
		if copies[kind], err = syncer.NewSurvey(syncer.Config{Kind: kind, Clients: syncer.Clients{Kube: fake.NewClientset()}}, namespaces); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range []metav1.ObjectMeta{
		meta("good", "pull", map[string]string{"wildcast.dev/sync": "tls in (yes)"}), meta("late", "pull", nil), meta("new", "pull", nil),
		meta("good", "broken", map[string]string{"wildcast.dev/sync": "tls in ("}),
	} {
		copies[syncer.Secrets].Take(&metav1.PartialObjectMetadata{ObjectMeta: m})
	}
	for _, m := range []metav1.ObjectMeta{
		meta("good", "only-here", map[string]string{"wildcast.dev/sync": "nobody=has-it"}),
		meta("good", "only-there", map[string]string{"wildcast.dev/sync": "false", "wildcast.dev/sync-contexts": "staging,prod"}),
		meta("good", "unnamed", map[string]string{"wildcast.dev/sync": "nobody=has-it", "wildcast.dev/sync-as": "No Name"}),
	} {
		copies[syncer.ConfigMaps].Take(&metav1.PartialObjectMetadata{ObjectMeta: m})
	}
	for _, survey := range copies {
		if err := survey.Fill(""); err != nil {
			t.Fatal(err)
		}
	}
	return report.Scene{
		Now: now, Running: report.Running{Leader: "pod-1", Renewed: now.Add(-time.Hour)}, Certificates: certificates, Copies: copies,
		Warnings: map[report.Object]string{{Kind: "Secret", Namespace: "good", Name: "pull"}: "Copy fail/pull: exceeded quota."},
	}
}

// known are the keys that a fault lists, which grow.
var known = regexp.MustCompile(`this version knows (?:[\w.]+, )*\w+`)

// golden compares text with a file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	got = known.ReplaceAllString(got, "this version knows ...")
	file := "testdata/" + name
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAReportTellsWhatIsWrongFirstAndWhatToDo(t *testing.T) {
	r := report.Make(scene(t))
	for name, wide := range map[string]bool{"status.txt": false, "wide.txt": true} {
		var out bytes.Buffer
		if err := report.Print(&out, r, wide); err != nil {
			t.Fatal(err)
		}
		golden(t, name, out.String())
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "status.json", string(text)+"\n")
	if strings.Contains(string(text), "PRIVATE KEY") {
		t.Error("it shows a key")
	}
}

func TestAReportOfANamespaceIsAboutThatOne(t *testing.T) {
	s := scene(t)
	s.Namespace = "fail"
	var out bytes.Buffer
	if err := report.Print(&out, report.Make(s), false); err != nil {
		t.Fatal(err)
	}
	golden(t, "namespace.txt", out.String())
}
