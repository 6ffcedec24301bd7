package certificates_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/e2e/stage"
)

// recordOf is where the orders of a certificate are recorded.
func recordOf(certificate types.NamespacedName) types.NamespacedName {
	return types.NamespacedName{Namespace: certificate.Namespace, Name: certificate.Name + ".order"}
}

func TestABlockedNameIsToldInTheCAsWordsWhileOthersAreServedAndRecoversWhenEdited(t *testing.T) {
	s := open(t, "blocked", stage.Options{Zones: []string{"blocked-evil.test"}}, nil)
	infra := s.namespace("infra", nil)
	s.run()
	s.CA.Refuse("blocked-evil.test")
	s.ingress(infra, "mixed", []string{s.host("www"), "www.blocked-evil.test"}, nil)
	s.event(infra, "mixed", "OrderFailed", "The ACME server refuses to issue a certificate for this domain name", "*.blocked-evil.test", "next attempt is at")
	s.ingress(infra, "fine", []string{s.host("fine")}, exact)
	s.served(infra, "fine-tls", s.host("fine"))
	if _, err := s.get(types.NamespacedName{Namespace: infra, Name: "mixed-tls"}); !apierrors.IsNotFound(err) {
		t.Errorf("the Secret for the blocked name: %v, want none", err)
	}
	s.metric(1, "wildcast_orders_total", "issuer", "cert-manager/blocked", "result", "refused")

	s.rehost(infra, "mixed", s.host("www"))
	s.served(infra, "mixed-tls", "*."+s.zone())
	s.ordered(s.host("fine"), "*."+s.zone())
	s.noTXT()
}

func TestAnOrderThatAlwaysFailsWaitsLongerEachTimeAndAChangeOfTheIngressEndsTheWait(t *testing.T) {
	s := open(t, "always", stage.Options{}, nil)
	infra := s.namespace("infra", nil)
	s.CA.Refuse(s.host("wiki"))
	began := time.Now()
	s.ingress(infra, "wiki", []string{s.host("wiki")}, exact)
	s.run()
	record := recordOf(types.NamespacedName{Namespace: infra, Name: "wiki-tls"})
	for i, pause := range []time.Duration{time.Minute, 10 * time.Minute, 100 * time.Minute, day, day} {
		if i > 0 { // the time comes
			began = time.Now()
			s.change(record, func(record *corev1.Secret) { record.Data["nextAttempt"] = []byte(began.UTC().Format(time.RFC3339)) })
			s.must(s.w.Restart(s.ctx))
		}
		next := s.waits(record, i+1)
		if early, late := began.Add(pause), time.Now().Add(pause+time.Second); next.Before(early) || next.After(late) {
			t.Errorf("after %d failures it waits until %s, want %s to %s", i+1, next, early, late)
		}
	}
	s.CA.Refuse(s.host("docs")) // which begins with the first pause again
	began = time.Now()
	s.rehost(infra, "wiki", s.host("docs"))
	next := s.waits(record, 1)
	if early, late := began.Add(time.Minute), time.Now().Add(time.Minute+time.Second); next.Before(early) || next.After(late) {
		t.Errorf("after the change it waits until %s, want %s to %s", next, early, late)
	}
	s.rehost(infra, "wiki", s.host("blog"))
	s.served(infra, "wiki-tls", s.host("blog"))
	s.ordered(s.host("blog"))
}

// rehost gives an Ingress other hosts.
func (s *scene) rehost(namespace, name string, hosts ...string) {
	s.t.Helper()
	ingresses := s.Kube.NetworkingV1().Ingresses(namespace)
	ingress, err := ingresses.Get(s.ctx, name, metav1.GetOptions{})
	s.must(err)
	ingress.Spec.TLS[0].Hosts = hosts
	_, err = ingresses.Update(s.ctx, ingress, metav1.UpdateOptions{})
	s.must(err)
}

// waits waits until a record tells so many failures, and returns when the next attempt is.
func (s *scene) waits(record types.NamespacedName, failures int) (next time.Time) {
	s.t.Helper()
	s.until(fmt.Sprintf("%d failures are recorded", failures), func() error {
		secret, err := s.get(record)
		if err != nil {
			return err
		}
		if got := string(secret.Data["failures"]); got != fmt.Sprint(failures) {
			return fmt.Errorf("there are %q", got)
		}
		next, err = time.Parse(time.RFC3339, string(secret.Data["nextAttempt"]))
		return err
	})
	return next
}

func TestATXTRecordThatIsNeverVisibleIsToldWithTheServerTakenAwayAndTriedAgainInTheSameOrder(t *testing.T) {
	s := openBare(t, "hidden", stage.Options{})
	s.must(s.Issuer(s.ctx, stage.Home, s.Name, map[string]string{"sync": "stage=" + s.Name}))
	// The provider's own setting says how long to wait for a record.
	s.must(s.Solver(s.ctx, stage.Home, s.Name+"-dns", map[string]string{"DNSUPDATE_PROPAGATION_TIMEOUT": "2"}))
	infra := s.namespace("infra", nil)
	s.run()
	s.DNS.Hide("_acme-challenge." + s.zone())
	s.ingress(infra, "wiki", []string{s.host("wiki")}, nil)
	s.barrier() // others are served meanwhile
	s.event(infra, "wiki", "WaitingForDNS", "_acme-challenge."+s.zone(), "ns1."+s.zone())
	s.event(infra, "wiki", "OrderFailed", "_acme-challenge."+s.zone(), "not visible", "ns1."+s.zone())
	s.until("the record is taken away", func() error {
		if left := s.DNS.TXT("_acme-challenge." + s.zone()); len(left) > 0 {
			return fmt.Errorf("there are %d", len(left))
		}
		return nil
	})
	var failed []failure
	s.until("it has failed twice", func() error {
		if failed = s.failures(s.shared()); len(failed) < 2 {
			return fmt.Errorf("it has failed %d times", len(failed))
		}
		return nil
	})
	if failed[0].Again != "1s" || failed[1].Again != "2s" {
		t.Errorf("it was put off for %s and %s, want 1s and 2s", failed[0].Again, failed[1].Again)
	}
	if pause := failed[1].TS.Sub(failed[0].TS); pause < time.Second {
		t.Errorf("it was tried again after %s", pause)
	}
	s.DNS.Show()
	s.served(infra, "wiki-tls", "*."+s.zone())
	s.ordered("*." + s.zone())
	if n := s.sum("wildcast_orders_total", "issuer", "cert-manager/hidden", "result", "failed"); n == 0 {
		t.Error("no failure was counted")
	}
	s.noTXT()
}

// failure is a line of the log that tells of one, and for how long its object's turn is put off.
type failure struct {
	TS              time.Time
	Msg, Key, Again string
}

// failures are those of a certificate, in their order.
func (s *scene) failures(certificate types.NamespacedName) (all []failure) {
	s.t.Helper()
	log, err := s.w.Logs()
	s.must(err)
	for line := range strings.Lines(log) {
		var f failure
		if json.Unmarshal([]byte(line), &f) == nil && f.Msg == "Failed" && f.Key == certificate.String() {
			all = append(all, f)
		}
	}
	return all
}

func TestAServerThatNeverShowsTheRecordIsNotWaitedForLongerThanTheUserChose(t *testing.T) {
	s := openBare(t, "proceed", stage.Options{})
	second, err := s.DNS.AddServer() // as one behind a firewall, which the CA does not ask
	s.must(err)
	second.Hide()
	s.must(s.Issuer(s.ctx, stage.Home, s.Name, map[string]string{"sync": "stage=" + s.Name}))
	s.must(s.Solver(s.ctx, stage.Home, s.Name+"-dns", map[string]string{"DNSUPDATE_PROPAGATION_TIMEOUT": "2"}))
	infra := s.namespace("infra", nil)
	s.run()
	s.ingress(infra, "wiki", []string{s.host("wiki")}, nil)
	s.event(infra, "wiki", "OrderFailed", "not visible", "ns2."+s.zone())
	if _, err := s.get(s.shared()); !apierrors.IsNotFound(err) {
		t.Errorf("the certificate: %v, want none", err)
	}
	s.put(home(s.Name+"-dns"), "onTimeout", "proceed")
	s.served(infra, "wiki-tls", "*."+s.zone())
	s.noTXT()
}

func TestAnInvalidIssuerLeavesCopiesAloneAndARepairedOneServesWithoutARestart(t *testing.T) {
	s := open(t, "repair", stage.Options{}, nil)
	infra := s.namespace("infra", nil)
	s.run()
	s.ingress(infra, "wiki", []string{s.host("wiki")}, nil)
	names := []types.NamespacedName{{Namespace: infra, Name: "wiki-tls"}, {Namespace: infra, Name: s.shared().Name}, s.shared()}
	before := map[types.NamespacedName]string{}
	for _, name := range names {
		before[name] = s.served(name.Namespace, name.Name, "*."+s.zone()).secret.ResourceVersion
	}
	unchanged := func() {
		t.Helper()
		for _, name := range names {
			if got := s.stored(name); got.ResourceVersion != before[name] {
				t.Errorf("Secret %s was written", name)
			}
		}
	}
	status := func(want, text string) {
		t.Helper()
		s.until("the issuer's status is "+want, func() error {
			got := s.stored(home(s.Name)).Annotations
			if got["wildcast.dev/status"] != want || !strings.Contains(got["wildcast.dev/message"], text) {
				return fmt.Errorf("it is %v", got)
			}
			return nil
		})
	}
	server := s.CA.Directory()
	s.change(home(s.Name), func(issuer *corev1.Secret) { issuer.Data["server"] = []byte("no url") })
	status("Invalid", "server: ")
	s.event(infra, "wiki", "IssuerNotReady", "server: ")
	s.event(stage.Home, s.Name, "InvalidIssuer", "server: ")
	s.ingress(infra, "late", []string{s.host("late")}, nil)
	s.event(infra, "late", "IssuerNotReady", "server: ")
	unchanged()
	s.must(s.w.Restart(s.ctx))
	s.event(infra, "late", "IssuerNotReady")
	other := s.openAnotherIssuer("repair-other")
	s.ingress(infra, "other", []string{s.host("other")}, map[string]string{"wildcast.dev/issuer": other, "wildcast.dev/wildcard": "false"})
	s.served(infra, "other-tls", s.host("other")) // the process has looked at everything
	unchanged()

	s.change(home(s.Name), func(issuer *corev1.Secret) { issuer.Data["server"] = []byte(server) })
	status("Ready", "")
	s.served(infra, "late-tls", "*."+s.zone())
	unchanged()
	s.ordered("*."+s.zone(), s.host("other"))
}

// openAnotherIssuer makes another issuer for the same CA.
func (s *scene) openAnotherIssuer(name string) string {
	s.t.Helper()
	s.must(s.Issuer(s.ctx, stage.Home, name, map[string]string{"sync": "stage=" + s.Name}))
	return name
}

func TestAnIssuerThatNeedsAnExternalAccountIsRepairedWithoutARestart(t *testing.T) {
	eab := map[string]string{"kid-1": "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"}
	o := stage.Options{}
	o.CA.RequireEAB, o.CA.EAB = true, eab
	s := open(t, "eab", o, nil)
	infra := s.namespace("infra", nil)
	s.run()
	s.ingress(infra, "wiki", []string{s.host("wiki")}, nil)
	s.event(stage.Home, s.Name, "InvalidIssuer", "external account binding")
	s.ordered()
	s.change(home(s.Name), func(issuer *corev1.Secret) {
		issuer.Data["eabKeyID"], issuer.Data["eabHMACKey"] = []byte("kid-1"), []byte(eab["kid-1"])
	})
	s.served(infra, "wiki-tls", "*."+s.zone())
	s.ordered("*." + s.zone())

	keys := map[string]string{"eabKeyID": "kid-1", "eabHMACKey": eab["kid-1"]}
	s.must(s.Issuer(s.ctx, stage.Home, "eab-from-the-start", keys))
	s.ingress(infra, "blog", []string{s.host("blog")}, map[string]string{"wildcast.dev/issuer": "eab-from-the-start", "wildcast.dev/wildcard": "false"})
	s.served(infra, "blog-tls", s.host("blog"))
}
