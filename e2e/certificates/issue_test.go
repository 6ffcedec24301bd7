package certificates_test

import (
	"crypto/ecdsa"
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/acmeclient/acmetest"
	"github.com/wildcast/wildcast/e2e/stage"
)

func TestOneHostInExactModeGetsACertificateForItAlone(t *testing.T) {
	s := open(t, "exact", stage.Options{}, nil)
	infra := s.namespace("infra", nil)
	s.run()
	s.ingress(infra, "wiki", []string{s.host("wiki")}, exact)
	got := s.served(infra, "wiki-tls", s.host("wiki"))
	if key, ok := got.PublicKey.(*ecdsa.PublicKey); !ok || key.Curve.Params().BitSize != 256 {
		t.Errorf("the key is %T, want ECDSA P-256", got.PublicKey)
	}
	want := map[string]string{
		"wildcast.dev/alt-names": s.host("wiki"), "wildcast.dev/issuer": "cert-manager/exact", "wildcast.dev/revision": "1",
		"wildcast.dev/serial": got.serial(),
	}
	for name, value := range want {
		if got.secret.Annotations[name] != value {
			t.Errorf("annotation %s is %q, want %q", name, got.secret.Annotations[name], value)
		}
	}
	s.ordered(s.host("wiki"))
	s.noTXT()
	s.metric(1, "wildcast_orders_total", "issuer", "cert-manager/exact", "result", "issued")
	s.metric(1, "wildcast_certificate_ready", "namespace", infra, "name", "wiki-tls")
	s.metric(float64(got.NotAfter.Unix()), "certmanager_certificate_expiration_timestamp_seconds", "namespace", infra, "name", "wiki-tls")
}

func TestAWildcardIsIssuedByDNS01AndItsTXTRecordGoes(t *testing.T) {
	s := open(t, "wild", stage.Options{}, nil)
	infra := s.namespace("infra", nil)
	s.run()
	s.ingress(infra, "wiki", []string{s.host("wiki")}, nil)
	copied := s.served(infra, "wiki-tls", "*."+s.zone())
	atHome := s.served(stage.Home, s.shared().Name, "*."+s.zone())
	underItsName := s.served(infra, s.shared().Name, "*."+s.zone())
	if !copied.Equal(atHome.Certificate) || !underItsName.Equal(atHome.Certificate) {
		t.Error("the copies hold another certificate than the home Secret")
	}
	if s.DNS.Updates() == 0 {
		t.Error("no TXT record was ever made")
	}
	s.ordered("*." + s.zone())
	s.noTXT()
	for _, reason := range []string{"Requested", "Issued", "Delivered"} {
		s.event(infra, "wiki", reason, s.shared().Name)
	}
}

func TestAWildcardAndItsApexAreBothIssuedThoughTheyUseOneTXTName(t *testing.T) {
	s := open(t, "apex", stage.Options{}, nil)
	infra := s.namespace("infra", nil)
	s.run()
	s.ingress(infra, "site", []string{s.zone(), s.host("www")}, nil)
	s.served(infra, "site-tls", "*."+s.zone(), s.zone())
	s.ordered("*." + s.zone() + " " + s.zone())
	s.noTXT()
}

func TestNamesInTwoZonesAtTwoDNSAccountsHaveEachItsTXTInItsOwnAccount(t *testing.T) {
	s := openBare(t, "accounts", stage.Options{Zones: []string{"accounts-b.test"}})
	// Each key may update its own zone and no other: a record at the wrong account is refused.
	s.must(s.Issuer(s.ctx, stage.Home, s.Name, map[string]string{"sync": "stage=" + s.Name}))
	for _, zone := range []string{s.zone(), "accounts-b.test"} {
		settings := s.DNS.Account(zone)
		settings["zones"] = zone
		s.must(s.Solver(s.ctx, stage.Home, "account-of-"+zone, settings))
	}
	infra := s.namespace("infra", nil)
	s.run()
	s.ingress(infra, "site", []string{s.host("www"), "www.accounts-b.test"}, nil)
	s.served(infra, "site-tls", "*."+s.zone(), "*.accounts-b.test")
	s.ordered("*.accounts-b.test *." + s.zone())
	s.noTXT()
}

func TestTheSolverWithTheLongestZoneAnswers(t *testing.T) {
	s := openBare(t, "longest", stage.Options{Zones: []string{"b.longest.test", "longest-other.test"}})
	s.must(s.Issuer(s.ctx, stage.Home, s.Name, map[string]string{"sync": "stage=" + s.Name}))
	s.must(s.Solver(s.ctx, stage.Home, "longest-all", nil)) // its key may update what no other may
	for solver, zone := range map[string]string{"longest-b": "b.longest.test", "longest-a": "longest.test"} {
		settings := s.DNS.Account(zone)
		settings["zones"] = zone
		s.must(s.Solver(s.ctx, stage.Home, solver, settings))
	}
	infra := s.namespace("infra", nil)
	s.run()
	s.ingress(infra, "b", []string{"www.b.longest.test"}, nil)
	s.ingress(infra, "a", []string{"www.longest.test"}, nil)
	s.ingress(infra, "other", []string{"www.longest-other.test"}, nil)
	s.served(infra, "b-tls", "*.b.longest.test")
	s.served(infra, "a-tls", "*.longest.test")
	s.served(infra, "other-tls", "*.longest-other.test")
	s.noTXT()
}

func TestAChallengeThatACNAMEDelegatesIsAnsweredAtItsTargetByTheSolverOfThatZone(t *testing.T) {
	s := openBare(t, "delegated", stage.Options{Zones: []string{"answers.test"}})
	s.must(s.Issuer(s.ctx, stage.Home, s.Name, map[string]string{"sync": "stage=" + s.Name}))
	for solver, zone := range map[string]string{"delegated-own": s.zone(), "delegated-answers": "answers.test"} {
		settings := s.DNS.Account(zone) // a record at the wrong account is refused
		settings["zones"] = zone
		s.must(s.Solver(s.ctx, stage.Home, solver, settings))
	}
	s.DNS.SetCNAME("_acme-challenge."+s.zone(), "delegated.answers.test")
	infra := s.namespace("infra", nil)
	held, release := s.holdAt(acmetest.StepChallenge)
	s.run()
	s.ingress(infra, "wiki", []string{s.host("wiki")}, nil)
	s.wait("the CA is told to look", held)
	if got := s.DNS.Records(); len(got) != 1 || got[0].FQDN != "delegated.answers.test." {
		t.Errorf("TXT records are %v, want one at the CNAME's target", got)
	}
	release()
	s.served(infra, "wiki-tls", "*."+s.zone())
	s.ordered("*." + s.zone())
	s.noTXT()
}

func TestATLSEntryWithoutHostsOrSecretNameGetsAnEventAndTheOthersAreServed(t *testing.T) {
	s := open(t, "entries", stage.Options{}, nil)
	infra := s.namespace("infra", nil)
	s.run()
	ingress := &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Name: "three", Annotations: map[string]string{"wildcast.dev/issuer": s.Name}},
		Spec: networkingv1.IngressSpec{
			TLS: []networkingv1.IngressTLS{
				{SecretName: "no-hosts"},
				{Hosts: []string{s.host("nameless")}},
				{Hosts: []string{s.host("good")}, SecretName: "good-tls"},
			},
			DefaultBackend: &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
				Name: "web", Port: networkingv1.ServiceBackendPort{Number: 80}}},
		},
	}
	_, err := s.Kube.NetworkingV1().Ingresses(infra).Create(s.ctx, ingress, metav1.CreateOptions{})
	s.must(err)
	s.served(infra, "good-tls", "*."+s.zone())
	s.event(infra, "three", "InvalidIngress", "spec.tls[0]", "no-hosts", "has no hosts; add")
	s.event(infra, "three", "InvalidIngress", "spec.tls[1]", s.host("nameless"), "has no secretName; add")
	s.ordered("*." + s.zone())
}

func TestKeysAreOfTheTypeAskedForAndAnUnknownTypeGetsAnEventAndNoOrder(t *testing.T) {
	s := open(t, "keys", stage.Options{}, nil)
	infra := s.namespace("infra", nil)
	s.run()
	sizes := map[string]string{"ec384": "P-384", "rsa2048": "2048", "rsa3072": "3072", "rsa4096": "4096"}
	for keyType := range sizes {
		s.ingress(infra, keyType, []string{s.host(keyType)}, map[string]string{"wildcast.dev/wildcard": "false", "wildcast.dev/key-type": keyType})
	}
	s.ingress(infra, "odd", []string{s.host("odd")}, map[string]string{"wildcast.dev/wildcard": "false", "wildcast.dev/key-type": "ec999"})
	for keyType, size := range sizes {
		if got := describeKey(s.served(infra, keyType+"-tls", s.host(keyType))); got != size {
			t.Errorf("key of type %s: %s, want %s", keyType, got, size)
		}
	}
	s.event(infra, "odd", "InvalidIngress", "ec999", "use ec256")
	s.barrier()
	if slices.ContainsFunc(s.orders(), func(o string) bool { return strings.Contains(o, "odd") }) {
		t.Error("the unknown type was ordered")
	}
	if _, err := s.get(types.NamespacedName{Namespace: infra, Name: "odd-tls"}); err == nil {
		t.Error("the unknown type was served")
	}
}
