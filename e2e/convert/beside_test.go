package convert_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/acmeclient/acmetest"
	"github.com/wildcast/wildcast/e2e/convert"
	"github.com/wildcast/wildcast/e2e/stage"
	"github.com/wildcast/wildcast/e2e/wildcast"
)

// dialect are an issuer of cert-manager and an Ingress that asks it, for a wildcast that reads cert-manager's annotations.
const dialect = `
---
apiVersion: cert-manager.io/v1
kind: ClusterIssuer
metadata: {name: public, labels: {dialect: spoken}}
spec:
  acme:
    server: "{SERVER}"
    caBundle: "{CA_BUNDLE}"
    privateKeySecretRef: {name: public-key}
    solvers:
    - dns01:
        rfc2136: {nameserver: "{NAMESERVER}", tsigKeyName: "{TSIG_KEY}", tsigAlgorithm: "{TSIG_ALGORITHM}", tsigSecretSecretRef: {name: tsig, key: secret}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: cafe
  namespace: shop
  labels: {dialect: spoken}
  annotations: {cert-manager.io/cluster-issuer: public, wildcast.dev/wildcard: "false"}
spec:
  defaultBackend: {service: {name: cafe, port: {number: 80}}}
  tls: [{hosts: [cafe.example.com], secretName: cafe-tls}]
`

var cafe = types.NamespacedName{Namespace: "shop", Name: "cafe-tls"}

// beside is a wildcast in a cluster in which cert-manager runs and keeps its Secrets, which do not go with their Certificates.
type beside struct {
	*story
	manager *convert.CertManager
	process *wildcast.Process
	witness *witness
	orders  int // of cert-manager, before wildcast came
}

// besides begins the story. cert-manager has no challenge for names that it has proved once.
func besides(t *testing.T) *beside {
	s := begin(t, stage.Options{Zones: []string{"example.com"}, CA: acmetest.CAOptions{Reuse: 100, RejectNonces: acmetest.NoRejects}})
	s.objects(dialect, "false")
	b := &beside{story: s, manager: s.certManager()}
	s.issued(cafe)
	b.orders, b.witness = s.CA.OrderCount(), s.watch(star, mail, shop, copied, cafe)
	s.shell("kubectl get clusterissuers,issuers,certificates,ingresses,secrets,configmaps,deployments -A -l '!dialect' -o yaml >before.yaml")
	s.shell("wildcast convert -f before.yaml >wildcast.yaml 2>remarks")
	s.must(s.Issuer(s.ctx, stage.Home, "public", map[string]string{"keyType": "rsa2048"}))
	s.shell("kubectl apply --server-side --force-conflicts -f wildcast.yaml")
	b.process = s.run("--leader-elect=false", "--cert-manager-annotations")
	return b
}

// One story, since cert-manager needs a minute for it to begin.
func TestCertManagerAndWildcastSideBySide(t *testing.T) {
	t.Parallel()
	b := besides(t)
	b.leaveEachOtherAlone()
	b.changeHands()
	b.renewByWildcast()
	b.goBack()
	b.goOn()
	b.disagree()
	b.speakItsDialect()
}

func (b *beside) leaveEachOtherAlone() {
	b.Helper()
	b.prints("kubectl get events -A --field-selector reason=NotOurs -o 'jsonpath={.items[*].involvedObject.name}' | tr ' ' '\n' | sort -u | xargs", "cafe mail shop star")
	b.ordered(0, "beside cert-manager")
	b.held(1, star, copied, mail, shop, cafe)
}

// changeHands hands the Secrets over, too early.
func (b *beside) changeHands() {
	b.Helper()
	b.shell("grep '^kubectl ' remarks >hand-over.sh && sh -e hand-over.sh")
	for _, name := range []types.NamespacedName{star, mail, shop} {
		b.revision(name, 1)
	}
	b.ordered(0, "by the hand-over")
	b.held(1, star, copied, mail, shop, cafe)
}

func (b *beside) renewByWildcast() {
	b.Helper()
	b.shell("kubectl -n cert-manager annotate secret star-tls wildcast.dev/renew=once")
	b.revision(star, 2)
	b.prints("kubectl -n cert-manager get certificate star -o 'jsonpath={.status.notAfter} {.status.conditions[*].type}'",
		b.stored(star).Annotations["wildcast.dev/not-after"]+" Ready") // cert-manager has seen it
	b.follows()
	b.ordered(1, "until cert-manager knew of wildcast's renewal")
}

// goBack is the way back. Another cert-manager finds the Secrets in order, and renews when it is due: this is what cmctl renew
// does.
func (b *beside) goBack() {
	b.Helper()
	b.process.Stop()
	b.manager.Stop()
	b.shell("kubectl apply -f objects.yaml")
	b.prints("kubectl -n shop get ingress shop -o 'jsonpath={.metadata.annotations.cert-manager\\.io/cluster-issuer}'", "letsencrypt")
	b.manager = b.certManager()
	b.shell(`kubectl -n cert-manager patch certificate star --subresource=status --type=merge -p ` +
		`'{"status":{"conditions":[{"type":"Issuing","status":"True","reason":"ManuallyTriggered","message":"asked for","lastTransitionTime":"2026-01-01T00:00:00Z"}]}}'`)
	b.until("cert-manager has renewed the certificate", func() error {
		if got := b.witness.saw()[star]; len(got) != 3 {
			return fmt.Errorf("it held %s", got)
		}
		return nil
	})
	b.shell("kubectl wait certificates --all --all-namespaces --for=condition=Ready --timeout=90s")
	b.ordered(2, "until cert-manager had renewed it")
}

func (b *beside) goOn() {
	b.Helper()
	b.shell("kubectl apply --server-side --force-conflicts -f wildcast.yaml")
	b.must(b.process.Restart(b.ctx))
	b.until("wildcast has taken note of cert-manager's certificate", func() error {
		if got, want := b.stored(star).Annotations["wildcast.dev/serial"], b.witness.saw()[star][2]; got != want {
			return fmt.Errorf("it knows %s, not %s", got, want)
		}
		return nil
	})
	b.follows()
	b.ordered(2, "until wildcast knew of cert-manager's renewal")
	b.held(3, star, copied)
	b.held(1, mail, shop, cafe)
}

// disagree has cert-manager answer each certificate of wildcast with one of its own.
func (b *beside) disagree() {
	b.Helper()
	b.shell(`kubectl -n cert-manager patch certificate star --type=merge -p '{"spec":{"privateKey":{"rotationPolicy":"Always"}}}'`)
	b.shell(`kubectl -n cert-manager patch configmap star --type=merge -p '{"data":{"keyType":"ec256"}}'`)
	b.prints("kubectl -n cert-manager get events --field-selector reason=Contested -o 'jsonpath={.items[*].message}'",
		"cert-manager still runs and keeps Secret cert-manager/star-tls too, as Certificate star: it orders another certificate for each that wildcast puts there. "+
			"Stop cert-manager; until then the certificate is put back less and less often.")
	got := b.witness.saw()[star][3:]
	if puts := slices.DeleteFunc(slices.Clone(got), func(serial string) bool { return serial != got[0] }); len(puts) != 2 {
		b.Errorf("wildcast did not put its certificate there and once back: %s", got)
	}
}

// speakItsDialect has wildcast serve the Ingress that asks cert-manager, once that has gone.
func (b *beside) speakItsDialect() {
	b.Helper()
	b.manager.Stop()
	orders := b.CA.OrderCount()
	b.shell("kubectl -n shop delete certificate cafe-tls && kubectl -n shop annotate secret cafe-tls wildcast.dev/adopt=true")
	b.revision(cafe, 1)
	b.held(1, mail, shop, cafe)
	b.shell("kubectl -n shop annotate secret cafe-tls wildcast.dev/renew=once")
	b.revision(cafe, 2)
	b.held(2, cafe)
	if got := b.CA.OrderCount() - orders; got != 1 {
		b.Errorf("%d orders were made after cert-manager, not the one for the renewal", got)
	}
}

// ordered checks how many orders there were since wildcast came.
func (b *beside) ordered(want int, when string) {
	b.Helper()
	if got := b.CA.OrderCount() - b.orders; got != want {
		b.Errorf("%d orders were made %s, not %d", got, when, want)
	}
}

// held checks how many certificates the Secrets have held, one after the other, with never a moment without.
func (b *beside) held(want int, names ...types.NamespacedName) {
	b.Helper()
	saw := b.witness.saw()
	for _, name := range names {
		if len(saw[name]) != want {
			b.Errorf("%s held %d certificates, not %d", name, len(saw[name]), want)
		}
	}
}

// prints waits until a command line prints what is wanted.
func (s *story) prints(line, want string) {
	s.Helper()
	s.until(line+" prints what is wanted", func() error {
		got, err := s.sh(line)
		if err == nil && strings.TrimSpace(got) != want {
			err = fmt.Errorf("it prints %q, not %q", got, want)
		}
		return err
	})
}

// revision waits until a Secret is wildcast's, in that revision.
func (s *story) revision(name types.NamespacedName, number int) {
	s.Helper()
	s.until(fmt.Sprintf("%s has revision %d", name, number), func() error {
		secret := s.stored(name)
		if got := secret.Annotations["wildcast.dev/revision"]; got != fmt.Sprint(number) || secret.Labels["wildcast.dev/managed"] != "true" {
			return fmt.Errorf("it has revision %q", got)
		}
		return nil
	})
}

// follows waits until the copy of star has its certificate.
func (s *story) follows() {
	s.Helper()
	s.until("the copy has the certificate", func() error {
		if !bytes.Equal(s.stored(copied).Data[corev1.TLSCertKey], s.stored(star).Data[corev1.TLSCertKey]) {
			return fmt.Errorf("it has another one")
		}
		return nil
	})
}
