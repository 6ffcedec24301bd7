package certificates_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/acmeclient/acmetest"
	"github.com/wildcast/wildcast/e2e/stage"
)

// openPersistent is open with a solver of records that stay, for the scene's own zone. Barriers cannot be had.
func openPersistent(t *testing.T, name string, o stage.Options) *scene {
	t.Helper()
	s := openBare(t, name, o)
	s.must(s.Issuer(s.ctx, stage.Home, name, map[string]string{"sync": stage.Label + "=" + name}))
	s.must(s.Solver(s.ctx, stage.Home, name+"-record", map[string]string{"provider": "persist", "zones": s.zone()}))
	return s
}

// recordOfAccount is the value in a message that tells which record to create.
var recordOfAccount = regexp.MustCompile(`"(ca\.test; accounturi=https://[^"; ]+; policy=wildcard)"`)

// persistentValue waits until the solver says which record to create, and returns its value.
func (s *scene) persistentValue() (value string) {
	s.t.Helper()
	s.until("the solver tells the record", func() error {
		message := s.stored(home(s.Name + "-record")).Annotations["wildcast.dev/message"]
		found := recordOfAccount.FindStringSubmatch(message)
		if found == nil {
			return fmt.Errorf("it says %q", message)
		}
		value = found[1]
		return nil
	})
	return value
}

func (s *scene) persistentName() string { return "_validation-persist." + s.zone() + "." }

// leftIs checks that the persistent record is the only TXT record there is.
func (s *scene) leftIs(value string) {
	s.t.Helper()
	want := acmetest.Record{FQDN: s.persistentName(), Value: value}
	s.until("the persistent record alone is left", func() error {
		if left := s.DNS.Records(); len(left) != 1 || left[0] != want {
			return fmt.Errorf("there are %v", left)
		}
		return nil
	})
}

func TestARecordThatWasMadeOnceServesWildcardAndApexAndTheirRenewalAndDNSIsNeverWritten(t *testing.T) {
	s := openPersistent(t, "persist", stage.Options{})
	infra := s.namespace("infra", nil)
	s.run()
	value := s.persistentValue() // before anything is asked for
	if account := s.stored(home(s.Name)).Annotations["wildcast.dev/account"]; !strings.Contains(value, account) {
		t.Errorf("the record %q does not name the account %s", value, account)
	}
	s.DNS.AddTXT(s.persistentName(), value)
	s.ingress(infra, "site", []string{s.zone(), s.host("www")}, nil)
	first := s.served(infra, "site-tls", s.zone(), "*."+s.zone())
	s.change(s.shared(), func(certificate *corev1.Secret) { certificate.Annotations["wildcast.dev/renew"] = "now" })
	s.until("it is renewed", func() error {
		if renewed := s.served(infra, "site-tls", s.zone(), "*."+s.zone()); renewed.serial() == first.serial() {
			return fmt.Errorf("it is the first one")
		}
		return nil
	})
	names := "*." + s.zone() + " " + s.zone()
	s.ordered(names, names)
	s.leftIs(value)
	if n := s.DNS.Updates(); n > 0 {
		t.Errorf("DNS was updated %d times", n)
	}
}

func TestAMissingPersistentRecordIsNamedAndOnceItIsThereTheSameOrderOfAMixedCertificateGoesOn(t *testing.T) {
	s := openPersistent(t, "mixed", stage.Options{Zones: []string{"mixed-b.test"}})
	s.must(s.Solver(s.ctx, stage.Home, "mixed-b", s.DNS.Account("mixed-b.test"))) // may update this zone alone
	s.put(home("mixed-b"), "zones", "mixed-b.test")
	infra := s.namespace("infra", nil)
	s.run()
	s.ingress(infra, "site", []string{s.host("www"), "mixed-b.test", "www.mixed-b.test"}, nil)
	event := s.event(infra, "site", "WaitingForDNS", s.persistentName(), "create once", "ns1."+s.zone(), "has no such record")
	found := recordOfAccount.FindStringSubmatch(event.Note)
	if found == nil {
		t.Fatalf("the Event names no record: %q", event.Note)
	}
	s.DNS.AddTXT(s.persistentName(), strings.TrimSuffix(found[1], "; policy=wildcard"))
	s.event(infra, "site", "WaitingForDNS", "its record for ca.test lacks policy=wildcard")
	s.DNS.AddTXT(s.persistentName(), found[1])
	s.served(infra, "site-tls", "*."+s.zone(), "*.mixed-b.test", "mixed-b.test")
	s.ordered("*.mixed-b.test *." + s.zone() + " mixed-b.test")
	s.DNS.RemoveTXT(s.persistentName(), strings.TrimSuffix(found[1], "; policy=wildcard"))
	s.leftIs(found[1])
}

func TestACAThatDoesNotOfferPersistentRecordsIsToldClearly(t *testing.T) {
	o := stage.Options{}
	o.CA.Challenges = []string{"dns-01", "http-01"}
	s := openPersistent(t, "unoffered", o)
	infra := s.namespace("infra", nil)
	s.run()
	s.ingress(infra, "wiki", []string{s.host("wiki")}, nil)
	s.event(infra, "wiki", "OrderFailed", "the CA does not offer dns-persist-01", "use a solver for one of these, or another CA")
	if _, err := s.get(types.NamespacedName{Namespace: infra, Name: "wiki-tls"}); err == nil {
		t.Error("it was issued all the same")
	}
}
