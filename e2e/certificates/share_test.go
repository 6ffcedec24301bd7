package certificates_test

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/acmeclient/acmetest"
	"github.com/wildcast/wildcast/e2e/stage"
)

func TestFiftyIngressesInFiftyNamespacesUnderOneDomainMakeOneOrderAndEachHasItsSecret(t *testing.T) {
	s := open(t, "fifty", stage.Options{}, nil)
	s.run()
	namespaces := make([]string, 50)
	for i := range namespaces {
		namespaces[i] = s.namespace(fmt.Sprintf("n%d", i), nil)
	}
	began := time.Now()
	failed := make(chan error, len(namespaces))
	for i, namespace := range namespaces {
		name := fmt.Sprintf("app-%d", i)
		go func() {
			failed <- s.Ingress(s.ctx, namespace, name, name+"-tls", []string{s.host(name)}, map[string]string{"wildcast.dev/issuer": s.Name})
		}()
	}
	for range namespaces {
		s.must(<-failed)
	}
	for i, namespace := range namespaces {
		s.served(namespace, fmt.Sprintf("app-%d-tls", i), "*."+s.zone())
	}
	t.Logf("served after %s", time.Since(began).Round(time.Millisecond))
	s.barrier()
	s.ordered("*." + s.zone())
	s.noTXT()
}

func TestAValidWildcardServesANewHostUnderItWithoutAnOrderAndNoOther(t *testing.T) {
	s := open(t, "valid", stage.Options{}, nil)
	one, two := s.namespace("one", nil), s.namespace("two", nil)
	s.run()
	s.ingress(one, "first", []string{s.host("first")}, nil)
	first := s.served(one, "first-tls", "*."+s.zone())

	s.ingress(two, "second", []string{s.host("second")}, nil)
	if second := s.served(two, "second-tls", "*."+s.zone()); second.serial() != first.serial() {
		t.Error("the second host has another certificate")
	}
	s.ordered("*." + s.zone())

	s.ingress(two, "deep", []string{"y.x." + s.zone()}, nil)
	s.served(two, "deep-tls", "*.x."+s.zone())
	s.ingress(two, "apex", []string{s.zone()}, nil)
	s.served(two, "apex-tls", "*."+s.zone(), s.zone())
	s.served(one, "first-tls", "*."+s.zone(), s.zone()) // one certificate serves both
	s.ordered("*."+s.zone(), "*.x."+s.zone(), "*."+s.zone()+" "+s.zone())
}

func TestTheSameNamesInAnotherOrderAreNotOrderedAgain(t *testing.T) {
	s := open(t, "order", stage.Options{Zones: []string{"order-b.test"}}, nil)
	infra := s.namespace("infra", nil)
	s.run()
	s.ingress(infra, "one", []string{s.host("a"), "b.order-b.test", s.zone()}, nil)
	names := []string{"*.order-b.test", "*." + s.zone(), s.zone()}
	first := s.served(infra, "one-tls", names...)
	s.rehost(infra, "one", s.zone(), "b.order-b.test", s.host("a"))
	s.barrier()
	if s.served(infra, "one-tls", names...).serial() != first.serial() {
		t.Error("it has another certificate")
	}
	s.ordered("*.order-b.test *." + s.zone() + " " + s.zone())
}

func TestHostsThatAWildcardAmongThemCoversAreNotOrdered(t *testing.T) {
	s := open(t, "covered", stage.Options{}, nil)
	infra := s.namespace("infra", nil)
	s.run()
	s.ingress(infra, "shared", []string{s.host("x"), s.host("*")}, nil)
	s.ingress(infra, "alone", []string{s.host("*.sub"), s.host("x.sub")}, exact)
	s.served(infra, "shared-tls", s.host("*"))
	s.served(infra, "alone-tls", s.host("*.sub"))
	s.ordered(s.host("*"), s.host("*.sub"))
}

func TestANamespaceWithoutTheLabelHasNoOrderNoCopyAndTheCommandAndWithTheLabelIsServed(t *testing.T) {
	s := open(t, "gate", stage.Options{}, map[string]string{"sync": "cert-manager-tls={name}"})
	infra := s.namespace("infra", nil)
	s.run()
	s.ingress(infra, "wiki", []string{s.host("wiki")}, nil)
	command := "kubectl label --overwrite namespace gate-infra cert-manager-tls=wildcard.gate.test"
	s.event(infra, "wiki", "NamespaceNotSelected", command)
	s.barrier()
	s.ordered()
	for _, name := range []string{"wiki-tls", s.shared().Name} {
		if _, err := s.get(types.NamespacedName{Namespace: infra, Name: name}); !apierrors.IsNotFound(err) {
			t.Errorf("Secret %s: %v, want none", name, err)
		}
	}
	s.must(s.LabelNamespace(s.ctx, infra, "cert-manager-tls", s.shared().Name))
	s.served(infra, "wiki-tls", "*."+s.zone())
	s.ordered("*." + s.zone())

	s.must(s.LabelNamespace(s.ctx, infra, "cert-manager-tls", ""))
	s.until("the copy goes with the label", func() error {
		if _, err := s.get(types.NamespacedName{Namespace: infra, Name: "wiki-tls"}); !apierrors.IsNotFound(err) {
			return fmt.Errorf("it is there, %v", err)
		}
		return nil
	})
}

// foreign makes a TLS Secret that wildcast has nothing to do with, with a certificate of the stage's CA or not.
func (s *scene) foreign(name types.NamespacedName, data map[string][]byte) *corev1.Secret {
	s.t.Helper()
	secret, err := s.Kube.CoreV1().Secrets(name.Namespace).Create(s.ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: name.Name, Labels: map[string]string{"team": "web"}},
		Type:       corev1.SecretTypeTLS, Data: data,
	}, metav1.CreateOptions{})
	s.must(err)
	return secret
}

func (s *scene) handOver(name types.NamespacedName) {
	s.t.Helper()
	s.change(name, func(secret *corev1.Secret) {
		secret.Annotations = map[string]string{"wildcast.dev/adopt": "true"}
	})
}

func TestAForeignSecretIsLeftAloneUntilItIsHandedOver(t *testing.T) {
	s := open(t, "foreign", stage.Options{}, nil)
	infra := s.namespace("infra", nil)
	s.run()
	s.ingress(infra, "donor", []string{s.host("donor")}, exact)
	donor := s.served(infra, "donor-tls", s.host("donor"))
	names := map[string]types.NamespacedName{
		"shared": s.shared(),
		"exact":  {Namespace: infra, Name: "exact-tls"},
		"stale":  {Namespace: infra, Name: "stale-tls"},
	}
	before := map[string]*corev1.Secret{
		"shared": s.foreign(names["shared"], map[string][]byte{"tls.crt": []byte("theirs"), "tls.key": []byte("theirs")}),
		"exact":  s.foreign(names["exact"], donor.secret.Data), // serves until renewal
		"stale":  s.foreign(names["stale"], map[string][]byte{"tls.crt": nil, "tls.key": nil}),
	}
	s.ingress(infra, "shared", []string{s.host("shared")}, nil)
	s.ingress(infra, "exact", []string{s.host("donor")}, exact)
	s.ingress(infra, "stale", []string{s.host("stale")}, exact)
	for ingress, name := range names {
		s.event(infra, ingress, "NotOurs", name.String(), "kubectl annotate -n "+name.Namespace+" secret "+name.Name+" wildcast.dev/adopt=true")
	}
	s.barrier()
	for ingress, name := range names {
		if got := s.stored(name); got.ResourceVersion != before[ingress].ResourceVersion {
			t.Errorf("Secret %s was written", name)
		}
	}
	s.ordered(s.host("donor"))

	for _, name := range names {
		s.handOver(name)
	}
	s.served(infra, "shared-tls", "*."+s.zone())
	s.served(infra, "stale-tls", s.host("stale"))
	s.until("the certificate that was handed over is ours", func() error {
		if got := s.stored(names["exact"]); got.Labels["wildcast.dev/managed"] != "true" || got.Annotations["wildcast.dev/renew-at"] == "" {
			return fmt.Errorf("labels %v, annotations %v", got.Labels, got.Annotations)
		}
		return nil
	})
	if got := s.served(infra, "exact-tls", s.host("donor")); got.serial() != donor.serial() {
		t.Error("a certificate that serves was replaced")
	}
	for ingress, name := range names {
		got := s.stored(name)
		if got.UID != before[ingress].UID || got.Labels["team"] != "web" {
			t.Errorf("Secret %s was made anew, labels %v", name, got.Labels)
		}
	}
	s.ordered(s.host("donor"), s.host("stale"), "*."+s.zone())
}

func TestTheCertificateComesWhenTheOwnerRemovesWhatStoodInItsPlace(t *testing.T) {
	s := open(t, "obstacle", stage.Options{}, nil)
	infra := s.namespace("infra", nil)
	name := types.NamespacedName{Namespace: infra, Name: "wiki-tls"}
	s.foreign(name, map[string][]byte{"tls.crt": nil, "tls.key": nil})
	s.run()
	s.ingress(infra, "wiki", []string{s.host("wiki")}, exact)
	s.event(infra, "wiki", "NotOurs", name.String())
	s.must(s.Kube.CoreV1().Secrets(infra).Delete(s.ctx, name.Name, metav1.DeleteOptions{}))
	s.served(infra, name.Name, s.host("wiki"))
}

func TestWhenAllIngressesHaveGoneTheCertificateIsKeptNotRenewedAndServesTheNextWithoutAnOrder(t *testing.T) {
	s := open(t, "gone", stage.Options{}, map[string]string{"renewBefore": "24h"})
	infra := s.namespace("infra", nil)
	s.run()
	s.CA.Answer(acmetest.StepRenewalInfo, acmetest.Problem{Status: 404}) // the rule is told here, not the CA's wish
	s.CA.SetValidity(-80*day, 90*day)
	s.ingress(infra, "wiki", []string{s.host("wiki")}, nil)
	first := s.served(infra, "wiki-tls", "*."+s.zone())
	s.CA.SetValidity(0, 0)
	s.must(s.Kube.NetworkingV1().Ingresses(infra).Delete(s.ctx, "wiki", metav1.DeleteOptions{}))
	s.until("the copy that nobody asks for is gone", func() error {
		if _, err := s.get(types.NamespacedName{Namespace: infra, Name: "wiki-tls"}); !apierrors.IsNotFound(err) {
			return fmt.Errorf("it is there, %v", err)
		}
		return nil
	})
	s.change(home(s.Name), func(issuer *corev1.Secret) { delete(issuer.Data, "renewBefore") }) // it would be due by the rule
	s.barrier()
	s.must(s.w.Restart(s.ctx))
	s.barrier()
	if got := s.served(stage.Home, s.shared().Name, "*."+s.zone()); got.serial() != first.serial() {
		t.Error("it was renewed, though nobody asks for it")
	}
	s.put(home(s.Name), "renewBefore", "24h")
	s.ingress(infra, "again", []string{s.host("again")}, nil)
	if got := s.served(infra, "again-tls", "*."+s.zone()); got.serial() != first.serial() {
		t.Error("it is another certificate")
	}
	s.ordered("*." + s.zone())
}

// isBack deletes the home Secret and waits until the same certificate is there again.
func (s *scene) isBack(first leaf) {
	s.t.Helper()
	s.must(s.Kube.CoreV1().Secrets(stage.Home).Delete(s.ctx, s.shared().Name, metav1.DeleteOptions{}))
	s.until("the home Secret is back", func() error {
		_, err := s.get(s.shared())
		return err
	})
	if got := s.served(stage.Home, s.shared().Name, "*."+s.zone()); got.serial() != first.serial() {
		s.t.Error("it is another certificate")
	}
}

func TestAHomeSecretThatWasDeletedIsBackAlsoAfterItsRenewalHasFailed(t *testing.T) {
	s := open(t, "deleted-due", stage.Options{}, nil)
	infra := s.namespace("infra", nil)
	s.run("--delete-grace=5m") // what is slow here must not look like a gap
	s.ingress(infra, "wiki", []string{s.host("wiki")}, nil)
	first := s.served(infra, "wiki-tls", "*."+s.zone())
	s.CA.Answer(acmetest.StepNewOrder, acmetest.Problem{Status: 403, Type: "unauthorized", Detail: "not today"})
	s.change(s.shared(), func(due *corev1.Secret) { due.Annotations["wildcast.dev/renew"] = "now" })
	s.event(infra, "wiki", "OrderFailed", "not today")
	s.isBack(first)
	s.CA.Allow()
	s.barrier()
	if got := s.served(infra, "wiki-tls", "*."+s.zone()); got.secret.UID != first.secret.UID {
		t.Error("the copy went meanwhile")
	}
	s.ordered("*." + s.zone())
}

func TestAHomeSecretOrACopyThatWasDeletedIsBackWithoutAnOrder(t *testing.T) {
	s := open(t, "deleted", stage.Options{}, nil)
	infra := s.namespace("infra", nil)
	s.run()
	s.ingress(infra, "wiki", []string{s.host("wiki")}, nil)
	first := s.served(infra, "wiki-tls", "*."+s.zone())
	s.isBack(first)
	s.barrier()
	if got := s.served(infra, "wiki-tls", "*."+s.zone()); got.secret.UID != first.secret.UID {
		t.Error("the copy went meanwhile")
	}
	s.must(s.Kube.CoreV1().Secrets(infra).Delete(s.ctx, "wiki-tls", metav1.DeleteOptions{}))
	if got := s.served(infra, "wiki-tls", "*."+s.zone()); got.serial() != first.serial() {
		t.Error("the copy is of another certificate")
	}
	s.ordered("*." + s.zone())
}
