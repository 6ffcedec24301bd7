package report_test

import (
	"bytes"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/acmeclient"
	"github.com/wildcast/wildcast/acmeclient/dns01"
	"github.com/wildcast/wildcast/cmd/wildcast/internal/report"
	"github.com/wildcast/wildcast/controllers"
	"github.com/wildcast/wildcast/syncer"
)

// explained is the Ingress of a namespace.
func explained(s report.Scene, namespace string) report.Explanation {
	return s.Asker(controllers.AskerIngress, types.NamespacedName{Namespace: namespace, Name: "web"})
}

// object is the Secret of that name.
func object(s report.Scene, namespace, name string) report.Explanation {
	return s.Object(syncer.Secrets, types.NamespacedName{Namespace: namespace, Name: name})
}

// shown compares explanations with a file.
func shown(t *testing.T, file string, explained ...report.Explanation) {
	t.Helper()
	var out bytes.Buffer
	for _, e := range explained {
		if err := report.PrintExplanation(&out, e, now); err != nil {
			t.Fatal(err)
		}
		out.WriteString("\n--\n")
	}
	golden(t, file, out.String())
}

func TestExplanationsSayWhatIsWrongFirstAndThenFollowTheChain(t *testing.T) {
	s := scene(t)
	shown(t, "explain.txt", explained(s, "good"), explained(s, "caa"), explained(s, "fail"), explained(s, "slow"), explained(s, "gone"), explained(s, "lack"), explained(s, "odd"), explained(s, "unlabelled"), explained(s, "none"))
}

func TestExplanationsOfObjectsAndNamespacesSayWhatIsThereAndWhy(t *testing.T) {
	s := scene(t)
	s.Running = report.Running{Leader: "pod-1", Renewed: now}
	shown(t, "objects.txt",
		object(s, "good", "pull"), s.Object(syncer.ConfigMaps, types.NamespacedName{Namespace: "good", Name: "only-there"}), object(s, "late", "pull"), object(s, "fail", "pull"), object(s, "nobody", "knows"),
		object(s, "cert-manager", "wildcard.good.test"), object(s, "cert-manager", "wildcard.slow.test"), object(s, "cert-manager", "wildcard.odd.test"),
		s.NamespaceOf("late", map[string]string{"tls": "yes"}), s.NamespaceOf("slow", map[string]string{"tls": "yes"}),
		s.NamespaceOf("unlabelled", nil), s.NamespaceOf("shut", map[string]string{"wildcast.dev/sync": "false"}))
}

// waiting is the explanation of an order in flight, with what the CA and DNS servers say.
func waiting(s report.Scene, authorizations []acmeclient.Authorization, challenges ...report.Challenge) report.Explanation {
	e := explained(s, "new")
	c := &e.Chains[0]
	c.Certificate.Order, c.Authorizations, c.Challenges = "https://ca.test/order/1", authorizations, challenges
	e.LookedAtDNS()
	return e
}

func TestAnOrderInFlightIsExplainedByWhatTheCASaysAndDNSShows(t *testing.T) {
	s := scene(t)
	s.Running.Renewed = now
	pending := acmeclient.Authorization{URL: "https://ca.test/authz/1", Name: "*.new.test", Status: "pending", Challenge: acmeclient.DNS01, TXT: "right",
		Seen: now.Add(-time.Minute), Expires: now.Add(7 * 24 * time.Hour)}
	told, valid, persistent := pending, pending, pending
	persistent.Challenge = acmeclient.DNSPersist01
	told.Told = now.Add(-30 * time.Second)
	valid.URL, valid.Name, valid.Status = "https://ca.test/authz/2", "new.test", "valid"
	sighting := func(servers ...*dns01.Seen) report.Challenge {
		return report.Challenge{Domain: "new.test", Seen: &dns01.Sighting{FQDN: "_acme-challenge.new.test.", Zone: "new.test.", Solver: "cert-manager/dns", Sought: 1, Servers: servers}}
	}
	has := &dns01.Seen{Server: "ns1.test. (192.0.2.1:53)", Values: []string{"right", "left over"}, Found: 1}
	create := sighting(&dns01.Seen{Server: "ns1.test. (192.0.2.1:53)", Values: []string{"ca.test"}, Wrong: "its record for ca.test has accounturi="})
	create.Seen.FQDN, create.Seen.Persist, create.Seen.Create = "_validation-persist.new.test.", true, "ca.test; accounturi=https://ca.test/1; policy=wildcard"
	unknown := sighting(&dns01.Seen{Server: "ns1.test. (192.0.2.1:53)"})
	unknown.Seen.FQDN, unknown.Seen.Persist, unknown.Seen.Sought = "_validation-persist.new.test.", true, 0
	shown(t, "orders.txt",
		waiting(s, []acmeclient.Authorization{{URL: "https://ca.test/authz/1"}}),
		waiting(s, []acmeclient.Authorization{pending, valid}, sighting(has, &dns01.Seen{Server: "ns2.test. (192.0.2.2:53)", Wrong: "has no such record"}, &dns01.Seen{Server: "ns3.test.", Fault: "has no address"})),
		waiting(s, []acmeclient.Authorization{told, valid}, sighting(has)),
		waiting(s, []acmeclient.Authorization{persistent}, create), waiting(s, nil, unknown),
		waiting(s, nil, report.Challenge{Domain: "new.test", Seen: &dns01.Sighting{FQDN: "_acme-challenge.new.test."}, Fault: "find zone of _acme-challenge.new.test.: no SOA record at any parent"}),
	)
}

func TestARecordThatStaysIsExplainedAlsoWhenTheCertificateIsThere(t *testing.T) {
	s := scene(t)
	s.Running.Renewed = now
	e := explained(s, "good")
	c := &e.Chains[0]
	if all := c.Domains(); len(all) != 0 {
		t.Errorf("the records of %v are looked at, of a certificate that is there", all)
	}
	c.Authorizations = []acmeclient.Authorization{{Name: "*.good.test", Status: "valid", Challenge: acmeclient.DNSPersist01, Account: account, Issuers: []string{"ca.test"}}}
	if all := c.Domains(); len(all) != 1 || all[0] != "good.test" {
		t.Errorf("the records of %v are looked at", all)
	}
	ch, texts := c.Sought("good.test")
	if ch.Account != account || len(ch.Issuers) != 1 || !ch.Wildcard || len(texts) != 0 {
		t.Errorf("sought are %+v and %v", ch, texts)
	}
	c.Challenges = []report.Challenge{{Domain: "good.test", Seen: &dns01.Sighting{FQDN: "_validation-persist.good.test.", Zone: "good.test.", Solver: "cert-manager/dns", Sought: 1, Persist: true,
		Create: dns01.PersistentValue("ca.test", account, true), Servers: []*dns01.Seen{{Server: "ns1.test. (192.0.2.1:53)", Wrong: "has no such record"}}}}}
	e.LookedAtDNS()
	shown(t, "persistent.txt", e)
}

func TestOnlyRecordsOfAuthorizationsThatAreOpenAreSought(t *testing.T) {
	c := report.Chain{Certificate: report.Certificate{State: report.Ordering, Names: []string{"*.a.test", "a.test", "b.test"}, Order: "https://ca.test/order/1"},
		Authorizations: []acmeclient.Authorization{
			{Name: "*.a.test", Status: "pending", TXT: "one"}, {Name: "a.test", Status: "valid", TXT: "two"}, {Name: "b.test", Status: "pending", TXT: "three"}, {URL: "https://ca.test/authz/4"},
		}}
	if ch, texts := c.Sought("a.test"); len(texts) != 1 || texts[0] != "one" || !ch.Wildcard {
		t.Errorf("sought are %v, wildcard: %t", texts, ch.Wildcard)
	}
	c.Certificate.Order = ""
	if _, texts := c.Sought("b.test"); len(texts) != 0 {
		t.Errorf("no order is in flight, and sought are %v", texts)
	}
}
