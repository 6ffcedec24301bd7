package certificates_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/acmeclient"
	"github.com/wildcast/wildcast/acmeclient/acmetest"
	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/stage"
)

// renewed waits until a Secret holds another certificate than this one.
func (s *scene) renewed(name types.NamespacedName, before leaf) leaf {
	s.t.Helper()
	var now leaf
	s.until(name.String()+" is renewed", func() (err error) {
		if now, err = readLeaf(s.stored(name), s.CA.Root()); err == nil && now.serial() == before.serial() {
			err = fmt.Errorf("it has the old certificate")
		}
		return err
	})
	return now
}

// turn waits for the turn of a certificate about which the CA wants to be asked each minute, the least that counts.
func (s *scene) turn(taken func() bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, time.Minute+patience)
	defer cancel()
	s.must(stage.Until(ctx, func() error {
		if !taken() {
			return errors.New("its turn has not come")
		}
		return nil
	}))
}

// replaced are the identifiers of what the orders replaced, without those of barriers.
func (s *scene) replaced() (ids []string) {
	for _, o := range s.CA.Orders() {
		if !strings.Contains(strings.Join(o.Names, " "), "barrier-") {
			ids = append(ids, o.Replaces)
		}
	}
	return ids
}

func TestTheCAsWindowIsKeptAcrossARestartAndRenewsWhenItMovesToThePast(t *testing.T) {
	s := open(t, "window", stage.Options{}, nil)
	infra := s.namespace("infra", nil)
	s.run()
	from := time.Now().Add(40 * day)
	s.CA.Answer(acmetest.StepRenewalInfo, acmetest.Window(from, from.Add(day), time.Minute))
	s.ingress(infra, "wiki", []string{s.host("wiki")}, nil)
	names := []types.NamespacedName{s.shared(), {Namespace: infra, Name: "wiki-tls"}}
	before := s.served(s.shared().Namespace, s.shared().Name, "*."+s.zone())
	s.served(infra, "wiki-tls", "*."+s.zone())
	at := before.at(t, "wildcast.dev/renew-at")
	if at.Before(from.Add(-time.Second)) || at.After(from.Add(day)) {
		t.Errorf("due at %s, want it in the day from %s", at, from)
	}
	s.barrier()
	restarted := time.Now()
	s.must(s.w.Restart(s.ctx))
	s.metric(float64(at.Unix()), "wildcast_certificate_renewal_timestamp_seconds", "namespace", stage.Home, "name", s.shared().Name)
	s.barrier()
	writes, err := shared.Requests(func(r cluster.Request) bool {
		return cluster.Since(restarted)(r) && r.Write() && r.Resource == "secrets" &&
			strings.HasPrefix(r.Name, s.shared().Name) && (r.Namespace == infra || r.Namespace == stage.Home)
	})
	s.must(err)
	if len(writes) > 0 {
		t.Errorf("a restart wrote %v", writes)
	}
	s.ordered("*." + s.zone())

	past := time.Now().Add(-time.Hour)
	s.CA.AnswerRenewal(before.Certificate, acmetest.Window(past, past.Add(time.Second), time.Minute))
	s.turn(func() bool { return len(s.orders()) > 1 })
	for _, name := range names {
		s.renewed(name, before)
	}
	s.event(infra, "wiki", "Renewed", s.shared().Name)
	s.barrier()
	s.ordered("*."+s.zone(), "*."+s.zone())
	if ids := s.replaced(); ids[0] != "" || ids[1] != acmeclient.CertificateID(before.Certificate) {
		t.Errorf("the orders replaced %q", ids)
	}
	s.noTXT()
}

func TestACAThatSaysNothingUsefulAboutRenewalLeavesItToTheRule(t *testing.T) {
	s := open(t, "nonsense", stage.Options{}, nil)
	infra := s.namespace("infra", nil)
	s.run()
	now := time.Now()
	answers := map[string]acmetest.Problem{
		"not-found": {Status: 404, Type: "malformed", Detail: "no such certificate"},
		"zeros":     acmetest.Window(time.Time{}, time.Time{}, 0),
		"failure":   {Status: 500, Type: "serverInternal", Detail: "oops"},
		"page":      {Status: 200, Body: "<html>Welcome</html>"},
		"end-first": acmetest.Window(now.Add(-time.Hour), now.Add(-2*time.Hour), 0),
	}
	var want []string
	for name, answer := range answers {
		s.CA.Answer(acmetest.StepRenewalInfo, answer)
		s.ingress(infra, name, []string{s.host(name)}, exact)
		got := s.served(infra, name+"-tls", s.host(name))
		latest := got.NotAfter.Add(-30 * day)
		if at := got.at(t, "wildcast.dev/renew-at"); at.Before(latest.Add(-90*day/20-2*time.Second)) || at.After(latest.Add(2*time.Second)) {
			t.Errorf("%s: due at %s, want up to 4.5 days before %s", name, at, latest)
		}
		want = append(want, s.host(name))
	}
	s.barrier()
	s.must(s.w.Restart(s.ctx))
	s.barrier()
	s.ordered(want...)
}

func TestARenewalOfWhatWasReplacedAlreadyIsOrderedOnceMoreWithout(t *testing.T) {
	o := stage.Options{}
	o.CA.RejectNonces = acmetest.NoRejects
	s := open(t, "replaced", o, nil)
	infra := s.namespace("infra", nil)
	s.run()
	s.ingress(infra, "wiki", []string{s.host("wiki")}, exact)
	name := types.NamespacedName{Namespace: infra, Name: "wiki-tls"}
	before := s.served(infra, "wiki-tls", s.host("wiki"))
	s.must(s.CA.MarkReplaced(before.Certificate))
	var asked atomic.Int64
	s.CA.Before(func(step string) {
		if step == acmetest.StepNewOrder {
			asked.Add(1)
		}
	})
	s.annotate(name, "wildcast.dev/renew", "now")
	s.renewed(name, before)
	if n := asked.Load(); n != 2 {
		t.Errorf("the CA was asked for %d orders, want one with what it replaces and one without", n)
	}
	s.CA.Before(nil)
	s.barrier()
	s.ordered(s.host("wiki"), s.host("wiki"))
	if ids := s.replaced(); ids[1] != "" {
		t.Errorf("the orders replaced %q", ids)
	}
}

func (s *scene) annotate(name types.NamespacedName, key, value string) {
	s.t.Helper()
	s.change(name, func(secret *corev1.Secret) { secret.Annotations[key] = value })
}

func TestTheRenewAnnotationCostsOneOrderAndIsNotOnCopies(t *testing.T) {
	s := open(t, "asked", stage.Options{}, map[string]string{"rotateKey": "false"})
	infra := s.namespace("infra", nil)
	s.run()
	s.ingress(infra, "wiki", []string{s.host("wiki")}, nil)
	copied := types.NamespacedName{Namespace: infra, Name: "wiki-tls"}
	first := s.served(infra, "wiki-tls", "*."+s.zone())
	s.annotate(s.shared(), "wildcast.dev/renew", "one")
	second := s.renewed(copied, first)
	if string(second.secret.Data["tls.key"]) != string(first.secret.Data["tls.key"]) {
		t.Error("the key was not kept")
	}
	kept := s.stored(s.shared()).Annotations
	if kept["wildcast.dev/renewed"] != "one" || kept["wildcast.dev/revision"] != "2" {
		t.Errorf("annotations %v", kept)
	}
	s.barrier()
	s.must(s.w.Restart(s.ctx))
	s.barrier()
	s.ordered("*."+s.zone(), "*."+s.zone())
	if ids := s.replaced(); ids[1] != acmeclient.CertificateID(first.Certificate) {
		t.Errorf("the orders replaced %q", ids)
	}

	s.change(home(s.Name), func(issuer *corev1.Secret) { issuer.Data["rotateKey"] = []byte("true") })
	s.annotate(s.shared(), "wildcast.dev/renew", "two")
	third := s.renewed(copied, second)
	if string(third.secret.Data["tls.key"]) == string(second.secret.Data["tls.key"]) {
		t.Error("the key was kept")
	}
	for _, key := range []string{"wildcast.dev/renew", "wildcast.dev/renewed"} {
		if value, has := third.secret.Annotations[key]; has {
			t.Errorf("the copy carries %s: %q", key, value)
		}
	}
	s.barrier()
	s.ordered("*."+s.zone(), "*."+s.zone(), "*."+s.zone())
}
