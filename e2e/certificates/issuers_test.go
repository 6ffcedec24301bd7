package certificates_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/wildcast/wildcast/e2e/stage"
)

func TestANameWithoutASolverIsNotOrderedUntilAValidOneIsThere(t *testing.T) {
	s := openBare(t, "nosolver", stage.Options{})
	s.must(s.Issuer(s.ctx, stage.Home, s.Name, map[string]string{"sync": stage.Label + "=" + s.Name}))
	s.must(s.Solver(s.ctx, stage.Home, s.Name+"-barrier", map[string]string{"zones": "barrier-" + s.zone()}))
	infra := s.namespace("infra", nil)
	s.run()
	s.ingress(infra, "wiki", []string{s.host("wiki")}, nil)
	s.event(infra, "wiki", "IssuerNotReady", "no valid solver for *."+s.zone(),
		"kubectl -n cert-manager create secret generic NAME --type=wildcast.dev/dns01", "--from-literal=zones="+s.zone())
	s.must(s.Solver(s.ctx, stage.Home, s.Name+"-dns", map[string]string{"zones": s.zone(), "recursiveOnly": "no"}))
	s.event(stage.Home, s.Name+"-dns", "InvalidSolver", "recursiveOnly")
	s.barrier()
	s.ordered()
	if _, err := s.get(recordOf(s.shared())); !apierrors.IsNotFound(err) {
		t.Errorf("record of an order: %v, want none", err)
	}
	s.put(home(s.Name+"-dns"), "recursiveOnly", "false")
	s.served(infra, "wiki-tls", "*."+s.zone())
	s.ordered("*." + s.zone())
}

func TestAProfileIsTheCertificatesAndAnUnknownOneIsToldWithThoseOffered(t *testing.T) {
	o := stage.Options{}
	o.CA.Profiles = map[string]time.Duration{"classic": 90 * day, "shortlived": 160 * time.Hour}
	s := open(t, "profile", o, map[string]string{"profile": "classic"})
	infra := s.namespace("infra", nil)
	s.run()
	choose := func(profile string) map[string]string {
		return map[string]string{"wildcast.dev/wildcard": "false", "wildcast.dev/profile": profile}
	}
	s.ingress(infra, "short", []string{s.host("short")}, choose("shortlived"))
	s.ingress(infra, "odd", []string{s.host("odd")}, choose("longlived"))
	got := s.served(infra, "short-tls", s.host("short"))
	if lifetime := got.NotAfter.Sub(got.NotBefore); (lifetime - 160*time.Hour).Abs() > time.Minute {
		t.Errorf("it lasts %s", lifetime)
	}
	s.event(infra, "odd", "OrderFailed", `profile "longlived"`, "which has: classic, shortlived")
	s.barrier()
	s.ordered(s.host("short"))
}

func TestANamespaceThatTheIssuerDoesNotServeGetsAnEventAndNoOrder(t *testing.T) {
	s := open(t, "notallowed", stage.Options{}, nil)
	s.must(s.Issuer(s.ctx, stage.Home, "notallowed-web", map[string]string{"namespaces": "team=web"}))
	infra := s.namespace("infra", nil)
	s.run()
	s.ingress(infra, "wiki", []string{s.host("wiki")}, map[string]string{"wildcast.dev/issuer": "notallowed-web", "wildcast.dev/wildcard": "false"})
	s.event(infra, "wiki", "NotAllowed", "does not serve namespace "+infra, `"team=web"`)
	s.barrier()
	s.ordered()
	s.must(s.LabelNamespace(s.ctx, infra, "team", "web"))
	s.served(infra, "wiki-tls", s.host("wiki"))
	s.ordered(s.host("wiki"))
}

func TestTLSACMEIsServedByTheDefaultIssuerAndWithoutOneNot(t *testing.T) {
	s := open(t, "tlsacme", stage.Options{}, nil)
	infra := s.namespace("infra", nil)
	s.run()
	meta := map[string]string{"kubernetes.io/tls-acme": "true"}
	s.must(s.Ingress(s.ctx, infra, "wiki", "wiki-tls", []string{s.host("wiki")}, meta))
	s.barrier()
	s.ordered()
	s.w.Stop()
	s.run("--default-issuer=" + s.Name)
	s.served(infra, "wiki-tls", "*."+s.zone())
	s.ordered("*." + s.zone())
}

func TestTwoIngressesWithOneSecretNameInExactModeHaveOneCertificateForBoth(t *testing.T) {
	s := open(t, "twohosts", stage.Options{}, nil)
	infra := s.namespace("infra", nil)
	for _, name := range []string{"one", "two"} {
		annotations := map[string]string{"wildcast.dev/issuer": s.Name, "wildcast.dev/wildcard": "false"}
		s.must(s.Ingress(s.ctx, infra, name, "both-tls", []string{s.host(name)}, annotations))
	}
	s.run()
	s.served(infra, "both-tls", s.host("one"), s.host("two"))
	s.ordered(s.host("one") + " " + s.host("two"))
}

func TestAWildcardAnnotationThatSaysNeitherYesNorNoIsToldAndOrdersNothing(t *testing.T) {
	s := open(t, "neither", stage.Options{}, nil)
	infra := s.namespace("infra", nil)
	s.run()
	s.ingress(infra, "wiki", []string{s.host("wiki")}, map[string]string{"wildcast.dev/wildcard": "no"})
	s.event(infra, "wiki", "InvalidIngress", `Annotation wildcast.dev/wildcard: "no" is neither "true" nor "false"; write "false" for`)
	s.barrier()
	s.ordered()
	patch := []byte(`{"metadata":{"annotations":{"wildcast.dev/wildcard":"false"}}}`)
	_, err := s.Kube.NetworkingV1().Ingresses(infra).Patch(s.ctx, "wiki", "application/merge-patch+json", patch, metav1.PatchOptions{})
	s.must(err)
	s.served(infra, "wiki-tls", s.host("wiki"))
	s.ordered(s.host("wiki"))
}

func TestAnAccountThatTheCAHasLostIsRegisteredAgainWithTheSameKey(t *testing.T) {
	s := open(t, "lost", stage.Options{}, nil)
	infra := s.namespace("infra", nil)
	s.run()
	s.ready(s.Name)
	key := s.stored(home(s.Name + ".account")).Data["tls.key"]
	s.CA.ForgetAccount(s.stored(home(s.Name)).Annotations["wildcast.dev/account"])
	registered := s.CA.Registrations()
	s.ingress(infra, "wiki", []string{s.host("wiki")}, nil)
	s.served(infra, "wiki-tls", "*."+s.zone())
	s.ordered("*." + s.zone())
	if got := s.stored(home(s.Name + ".account")).Data["tls.key"]; string(got) != string(key) {
		t.Error("the account has another key")
	}
	if got := s.CA.Registrations(); got != registered+1 {
		t.Errorf("%d registrations, want one more than %d", got, registered)
	}
}

func TestAnEmailThatChangesReachesTheCAAndTheAccountStays(t *testing.T) {
	s := open(t, "email", stage.Options{}, map[string]string{"email": "old@example.com"})
	s.run()
	s.ready(s.Name)
	account := s.stored(home(s.Name)).Annotations["wildcast.dev/account"]
	s.put(home(s.Name), "email", "new@example.com")
	s.until("the CA knows the new address", func() error {
		if got := s.CA.Contact(account); !slices.Equal(got, []string{"mailto:new@example.com"}) {
			return fmt.Errorf("it knows %q", got)
		}
		return nil
	})
	s.barrier()
	if got := s.stored(home(s.Name)).Annotations["wildcast.dev/account"]; got != account {
		t.Errorf("the account is %s, and was %s", got, account)
	}
}
