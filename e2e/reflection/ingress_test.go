package reflection

import (
	"context"
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/wildcast/wildcast/e2e/stage"
	"github.com/wildcast/wildcast/syncer"
)

const permission = "cert-manager-tls=wildcard.a.test"

// theatre is a story with a CA, a DNS server, an issuer and a solver.
func (s *story) theatre() *stage.Stage {
	s.Helper()
	on, err := stage.Open(shared, s.name, stage.Options{})
	s.must(err)
	s.Cleanup(func() { s.must(on.Close(context.Background())) })
	s.must(on.Issuer(s.Context(), stage.Home, "le", nil))
	s.must(on.Solver(s.Context(), stage.Home, "dns", nil))
	return on
}

func (s *story) ingress(on *stage.Stage, namespace, name, secretName string) {
	s.Helper()
	s.must(on.Ingress(s.Context(), namespace, name, secretName, []string{name + ".a.test"}, map[string]string{"wildcast.dev/issuer": "le"}))
}

// ask changes the secretName that an Ingress asks for.
func (s *story) ask(namespace, name, secretName string) {
	s.Helper()
	s.until(func() error {
		ingresses := s.kube.NetworkingV1().Ingresses(namespace)
		o, err := ingresses.Get(s.Context(), name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		o.Spec.TLS[0].SecretName = secretName
		_, err = ingresses.Update(s.Context(), o, metav1.UpdateOptions{})
		return err
	})
}

func TestACopyUnderTheNameThatAnIngressAsksForComesMovesAndGoesWithTheIngress(t *testing.T) {
	s := tell(t, "ingress")
	on := s.theatre()
	web := s.namespace("web", permission)
	certificate := place{Namespace: stage.Home, Name: "wildcard.a.test"}
	at := func(name string) place { return place{Namespace: web, Name: name} }
	s.ingress(on, web, "wiki", "wiki-tls")
	s.until(func() error { return s.areCopies(certificate, at("wiki-tls"), at("wildcard.a.test")) })
	s.event(at("wiki"), syncer.ReasonDelivered, "wiki-tls")
	for _, key := range []string{"alt-names", "issuer", "serial", "not-before", "not-after", "renew-at", "revision"} {
		if want, got := s.get(certificate).Annotations[syncer.Prefix+key], s.get(at("wiki-tls")).Annotations[syncer.Prefix+key]; got != want || got == "" {
			t.Errorf("%s is %q on the copy, %q on the certificate", key, got, want)
		}
	}
	if _, found := s.get(at("wiki-tls")).Labels["wildcast.dev/managed"]; found {
		t.Error("the copy is marked as the certificate that is renewed")
	}

	took := s.count(func() {
		s.ask(web, "wiki", "wiki-cert")
		s.until(func() error { return s.areCopies(certificate, at("wiki-cert")) })
		s.absent("wiki-tls", web)
	})
	s.wantTally("another secretName", took, tally{"create": 1, "delete": 1})

	took = s.count(func() {
		s.ingress(on, web, "shop", "wiki-cert")
		s.ingress(on, web, "blog", "blog-tls")
		s.until(func() error { return s.areCopies(certificate, at("wiki-cert"), at("blog-tls")) })
	})
	s.wantTally("two more Ingresses, one with the same secretName", took, tally{"create": 1})

	took = s.count(func() {
		s.must(s.kube.NetworkingV1().Ingresses(web).Delete(t.Context(), "blog", metav1.DeleteOptions{}))
		s.absent("blog-tls", web)
	})
	s.wantTally("an Ingress that goes", took, tally{"delete": 1})

	took = s.count(func() {
		s.must(s.w.Restart(t.Context()))
		s.settled(3)
	})
	s.wantTally("a restart", took, tally{})
	took = s.count(func() {
		s.must(s.kube.NetworkingV1().Ingresses(web).Delete(t.Context(), "wiki", metav1.DeleteOptions{}))
		s.must(s.kube.NetworkingV1().Ingresses(web).Delete(t.Context(), "shop", metav1.DeleteOptions{}))
		s.absent("wiki-cert", web)
	})
	s.wantTally("both Ingresses of one secretName that go", took, tally{"delete": 1})
	s.must(s.areCopies(certificate, at("wildcard.a.test")))
	if n := on.CA.OrderCount(); n != 1 {
		t.Errorf("%d orders", n)
	}
}

func TestACopyForAnIngressIsThereOnlyWhileItsNamespaceIsSelected(t *testing.T) {
	s := tell(t, "ingress-gate")
	on := s.theatre()
	web, late := s.namespace("web", permission), s.namespace("late")
	certificate := place{Namespace: stage.Home, Name: "wildcard.a.test"}
	s.ingress(on, web, "wiki", "wiki-tls")
	s.ingress(on, late, "shop", "shop-tls")
	s.until(func() error { return s.areCopies(certificate, place{Namespace: web, Name: "wiki-tls"}) })
	s.event(place{Namespace: late, Name: "shop"}, "NamespaceNotSelected", "kubectl label", "namespace "+late+" "+permission)
	s.settled(0)
	s.must(s.areAbsent(places("shop-tls", late)...))

	s.must(on.LabelNamespace(t.Context(), late, "cert-manager-tls", "wildcard.a.test"))
	s.until(func() error { return s.areCopies(certificate, place{Namespace: late, Name: "shop-tls"}) })
	s.must(on.LabelNamespace(t.Context(), web, "cert-manager-tls", ""))
	s.absent("wiki-tls", web)
	s.absent("wildcard.a.test", web)
	s.must(s.areCopies(certificate, places("shop-tls", late)...))
	if n := on.CA.OrderCount(); n != 1 {
		t.Errorf("%d orders", n)
	}
}

func TestAnIngressThatAsksForATakenNameGetsItsCopyWhenTheNameIsFree(t *testing.T) {
	s := tell(t, "ingress-taken")
	on := s.theatre()
	web := s.namespace("web", permission)
	certificate := place{Namespace: stage.Home, Name: "wildcard.a.test"}
	taken := place{Namespace: web, Name: "wiki-tls"}
	was := s.secret(taken, tlsPair(t, "wiki.a.test"))
	s.ingress(on, web, "wiki", "wiki-tls")
	s.event(certificate, syncer.ReasonTargetNotOurs, taken.String())
	s.event(place{Namespace: web, Name: "wiki"}, "NotOurs", fmt.Sprintf("kubectl -n %s annotate secret wiki-tls wildcast.dev/adopt=true", web))
	s.must(s.same(was))
	s.remove(taken)
	s.until(func() error { return s.areCopies(certificate, taken) })
}
