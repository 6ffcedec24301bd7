package certificates_test

import (
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/wildcast/wildcast/acmeclient/acmetest"
	"github.com/wildcast/wildcast/e2e/stage"
)

// openWithFallback is open with an issuer NAME-spare at a CA of its own, the fallback of the scene's issuer.
func openWithFallback(t *testing.T, name string) (s *scene, spare *acmetest.CA, infra string) {
	t.Helper()
	s = open(t, name, stage.Options{}, map[string]string{"fallback": name + "-spare"})
	spare, err := acmetest.StartCA(acmetest.CAOptions{DNS: s.DNS})
	s.must(err)
	t.Cleanup(spare.Close)
	s.must(s.Issuer(s.ctx, stage.Home, name+"-spare", map[string]string{"server": spare.Directory(), "caBundle": string(spare.CABundle())}))
	infra = s.namespace("infra", nil)
	s.run()
	for _, issuer := range []string{name, name + "-spare"} {
		s.ready(issuer)
	}
	return s, spare, infra
}

// ready waits until an issuer has its account.
func (s *scene) ready(issuer string) {
	s.t.Helper()
	s.until("issuer "+issuer+" is ready", func() error {
		if got := s.stored(home(issuer)).Annotations["wildcast.dev/account"]; got == "" {
			return errors.New("it has no account")
		}
		return nil
	})
}

// isFrom checks who has made the shared certificate, and in whose place.
func (s *scene) isFrom(issuer, insteadOf string) {
	s.t.Helper()
	got := s.stored(s.shared()).Annotations
	if got["wildcast.dev/issuer"] != issuer || got["wildcast.dev/instead-of"] != insteadOf {
		s.t.Errorf("it is from %q instead of %q, want %q instead of %q", got["wildcast.dev/issuer"], got["wildcast.dev/instead-of"], issuer, insteadOf)
	}
}

func TestTheFallbackIssuesWhileTheFirstCAAsksToWaitAndTheRenewalGoesBack(t *testing.T) {
	s, spare, infra := openWithFallback(t, "limit")
	s.CA.Answer429(48 * time.Hour)
	s.ingress(infra, "wiki", []string{s.host("wiki")}, nil)
	first := s.servedBy(spare, infra, "wiki-tls", "*."+s.zone())
	s.event(infra, "wiki", "RateLimited", "too many new orders", "Its fallback, issuer cert-manager/limit-spare, is asked now.")
	s.event(infra, "wiki", "Requested", "from issuer cert-manager/limit-spare. It is the fallback of issuer cert-manager/limit, whose CA asks to wait until ")
	s.isFrom("cert-manager/limit-spare", "cert-manager/limit")
	s.CA.Allow()
	s.must(s.w.Restart(s.ctx))
	s.barrier() // nothing is ordered just to come back
	s.ordered()
	if got := s.servedBy(spare, infra, "wiki-tls", "*."+s.zone()); got.serial() != first.serial() || spare.OrderCount() != 1 {
		t.Errorf("%d orders at the fallback", spare.OrderCount())
	}

	s.change(recordOf(s.shared()), func(record *corev1.Secret) { delete(record.Data, "other") }) // the two days pass
	s.must(s.w.Restart(s.ctx))
	s.annotate(s.shared(), "wildcast.dev/renew", "now")
	s.served(infra, "wiki-tls", "*."+s.zone())
	s.isFrom("cert-manager/limit", "")
	s.ordered("*." + s.zone())
	if n := spare.OrderCount(); n != 1 {
		t.Errorf("%d orders at the fallback", n)
	}
	s.noTXT()
}

func TestTheFallbackIssuesWhenTheFirstCAIsOutOfReachForLongAndAKilledProcessGoesOnThere(t *testing.T) {
	s, spare, infra := openWithFallback(t, "outage")
	s.CA.Close()
	s.ingress(infra, "wiki", []string{s.host("wiki")}, nil)
	s.until("the outage is recorded", func() error {
		record, err := s.get(recordOf(s.shared()))
		if err == nil && len(record.Data["downFrom"]) == 0 {
			err = errors.New("it is not")
		}
		return err
	})
	s.event(infra, "wiki", "OrderFailed", "connection refused")
	if n := spare.OrderCount(); n != 0 {
		t.Errorf("%d orders at the fallback, though the outage is short", n)
	}

	looking, release := holdAt(t, spare, acmetest.StepChallenge)
	s.change(recordOf(s.shared()), func(record *corev1.Secret) { // ten minutes pass
		record.Data["downFrom"] = []byte(time.Now().Add(-11 * time.Minute).UTC().Format(time.RFC3339))
	})
	s.must(s.w.Restart(s.ctx))
	s.wait("the order at the fallback is in flight", looking)
	s.w.Kill()
	s.w.Wait()
	release()
	s.must(s.w.Restart(s.ctx))
	s.servedBy(spare, infra, "wiki-tls", "*."+s.zone())
	s.event(infra, "wiki", "Requested", "It is the fallback of issuer cert-manager/outage, whose CA has been out of reach since ")
	s.isFrom("cert-manager/outage-spare", "cert-manager/outage")
	if n := spare.OrderCount(); n != 1 {
		t.Errorf("%d orders at the fallback", n)
	}
	s.noTXT()
}
