package certificates_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/acmeclient/acmetest"
	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/stage"
)

const day = 24 * time.Hour

func TestACertificateInsideItsWindowIsRenewedInOneWriteAndAllCopiesFollow(t *testing.T) {
	s := open(t, "renew", stage.Options{}, map[string]string{"renewBefore": "24h"})
	one, two := s.namespace("one", nil), s.namespace("two", nil)
	s.run()
	s.CA.Answer(acmetest.StepRenewalInfo, acmetest.Problem{Status: 404}) // the rule is told here, not the CA's wish
	s.CA.SetValidity(-80*day, 90*day)
	s.ingress(one, "wiki", []string{s.host("wiki")}, nil)
	s.ingress(two, "blog", []string{s.host("blog")}, nil)
	copies := []types.NamespacedName{
		{Namespace: one, Name: "wiki-tls"}, {Namespace: one, Name: s.shared().Name},
		{Namespace: two, Name: "blog-tls"}, {Namespace: two, Name: s.shared().Name},
	}
	before := map[types.NamespacedName]leaf{}
	for _, name := range append(copies, s.shared()) {
		before[name] = s.served(name.Namespace, name.Name, "*."+s.zone())
	}
	s.barrier() // ten days are left, and one is asked for: nothing to do
	s.ordered("*." + s.zone())

	s.CA.SetValidity(0, 0)
	began := time.Now()
	s.change(home(s.Name), func(issuer *corev1.Secret) { delete(issuer.Data, "renewBefore") }) // a third of the lifetime
	var renewed leaf
	for _, name := range append(copies, s.shared()) {
		s.until(name.String()+" is renewed", func() error {
			renewed = s.served(name.Namespace, name.Name, "*."+s.zone())
			if renewed.serial() == before[name].serial() {
				return fmt.Errorf("it has the old certificate")
			}
			return nil
		})
		if renewed.secret.UID != before[name].secret.UID {
			t.Errorf("Secret %s was made anew", name)
		}
	}
	s.event(one, "wiki", "Renewed", s.shared().Name)
	s.event(two, "blog", "Renewed", s.shared().Name)
	if got := s.stored(s.shared()).Annotations["wildcast.dev/revision"]; got != "2" {
		t.Errorf("revision %s, want 2", got)
	}
	if string(renewed.secret.Data["tls.key"]) == string(before[s.shared()].secret.Data["tls.key"]) {
		t.Error("the key was kept")
	}
	s.barrier()
	s.ordered("*."+s.zone(), "*."+s.zone())
	for _, name := range append(copies, s.shared()) {
		found, err := shared.Requests(func(r cluster.Request) bool {
			return cluster.Since(began)(r) && r.Write() && r.Resource == "secrets" && r.Namespace == name.Namespace && r.Name == name.Name
		})
		s.must(err)
		if len(found) != 1 || found[0].Verb != "update" || found[0].Code != 200 {
			t.Errorf("writes to %s: %v, want one update", name, found)
		}
	}
	s.noTXT()
}

func TestCertificatesOfAnyLifetimeAreDueInTheirWindowAndNeverAtOnce(t *testing.T) {
	s := open(t, "lifetimes", stage.Options{}, nil)
	infra := s.namespace("infra", nil)
	s.run()
	s.CA.Answer(acmetest.StepRenewalInfo, acmetest.Problem{Status: 404}) // the rule is told here, not the CA's wish
	for name, c := range map[string]struct{ lifetime, left time.Duration }{
		"d90":  {90 * day, 30 * day},
		"d45":  {45 * day, 15 * day},
		"h160": {160 * time.Hour, 80 * time.Hour},
		"h1":   {time.Hour, 30 * time.Minute},
	} {
		s.CA.SetValidity(0, c.lifetime)
		s.ingress(infra, name, []string{s.host(name)}, exact)
		got := s.served(infra, name+"-tls", s.host(name))
		lifetime := got.NotAfter.Sub(got.NotBefore)
		if (lifetime - c.lifetime).Abs() > 2*time.Second {
			t.Fatalf("%s: the CA made a certificate of %s", name, lifetime)
		}
		at := got.at(t, "wildcast.dev/renew-at")
		latest := got.NotAfter.Add(-c.left)
		earliest := latest.Add(-lifetime / 20)
		if at.Before(earliest.Add(-2*time.Second)) || at.After(latest.Add(2*time.Second)) {
			t.Errorf("%s: due at %s, want between %s and %s", name, at, earliest, latest)
		}
		if !got.at(t, "wildcast.dev/not-after").Equal(got.NotAfter) || !got.at(t, "wildcast.dev/not-before").Equal(got.NotBefore) {
			t.Errorf("%s: annotations %v do not tell its dates", name, got.secret.Annotations)
		}
		s.metric(float64(at.Unix()), "wildcast_certificate_renewal_timestamp_seconds", "namespace", infra, "name", name+"-tls")
	}
	s.CA.SetValidity(0, 0)
	want := slices.Sorted(slices.Values([]string{s.host("d45"), s.host("d90"), s.host("h1"), s.host("h160")}))
	s.barrier()
	s.ordered(want...)
	s.must(s.w.Restart(s.ctx))
	s.barrier()
	s.ordered(want...)
}

// A clock that is wrong, here or at the CA, or a CA that hands out old certificates, must not make wildcast order again
// and again.
func TestACertificateThatIsDueAsSoonAsItIsMadeIsNotOrderedAgainAtOnce(t *testing.T) {
	s := open(t, "born-old", stage.Options{}, nil)
	infra := s.namespace("infra", nil)
	s.run()
	s.CA.SetValidity(-80*day, 90*day)
	began := time.Now()
	s.ingress(infra, "wiki", []string{s.host("wiki")}, exact)
	s.served(infra, "wiki-tls", s.host("wiki"))
	s.CA.SetValidity(0, 0)
	s.event(infra, "wiki", "OrderFailed", "due for renewal already", "clock")
	s.metricAfter(began.Add(59*time.Second), "wildcast_certificate_next_attempt_timestamp_seconds", "namespace", infra, "name", "wiki-tls")
	s.must(s.w.Restart(s.ctx))
	s.barrier()
	s.ordered(s.host("wiki"))
}
