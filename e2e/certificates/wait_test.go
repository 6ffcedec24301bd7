package certificates_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/wildcast/wildcast/acmeclient/acmetest"
	"github.com/wildcast/wildcast/e2e/stage"
)

func TestARateLimitIsKeptUntilTheTimeThatTheCANamedAlsoAcrossARestart(t *testing.T) {
	s := open(t, "limited", stage.Options{}, nil)
	s.CA.Answer429(time.Hour)
	s.waitsAnHour("too many new orders recently")
}

func TestACAThatIsDownAndNamesATimeIsAskedThenAlsoAcrossARestart(t *testing.T) {
	s := open(t, "down", stage.Options{}, nil)
	s.CA.Answer(acmetest.StepNewOrder, acmetest.Problem{Status: http.StatusServiceUnavailable, RetryAfter: time.Hour, Body: "<html>maintenance</html>"})
	s.waitsAnHour("Service Unavailable")
}

// waitsAnHour checks that an order which the CA has put off for an hour is not tried before.
func (s *scene) waitsAnHour(words string) {
	s.t.Helper()
	infra := s.namespace("infra", nil)
	s.run()
	began := time.Now()
	s.ingress(infra, "wiki", []string{s.host("wiki")}, nil)
	event := s.event(infra, "wiki", "RateLimited", words, "the next attempt is at ")
	_, text, _ := strings.Cut(event.Note, "the next attempt is at ")
	at, err := time.Parse(time.RFC3339, strings.TrimSuffix(text, "."))
	s.must(err)
	if at.Before(began.Add(time.Hour-time.Second)) || at.After(time.Now().Add(time.Hour+time.Second)) {
		s.t.Errorf("the Event names %s, want an hour from now", at)
	}
	next := []string{"namespace", stage.Home, "name", s.shared().Name}
	s.metric(1, "wildcast_orders_total", "issuer", "cert-manager/"+s.Name, "result", "limited")
	s.metric(float64(at.Unix()), "wildcast_certificate_next_attempt_timestamp_seconds", next...)
	s.metric(0, "wildcast_certificate_ready", next...)

	s.CA.Allow() // the CA would take an order now, and is not asked
	s.barrier()
	s.ordered()
	s.must(s.w.Restart(s.ctx))
	s.metric(float64(at.Unix()), "wildcast_certificate_next_attempt_timestamp_seconds", next...)
	s.barrier()
	s.ordered()

	// The hour passes: the record is the only memory of it.
	s.change(recordOf(s.shared()), func(record *corev1.Secret) {
		record.Data["nextAttempt"] = []byte(time.Now().UTC().Format(time.RFC3339))
	})
	s.must(s.w.Restart(s.ctx))
	s.served(infra, "wiki-tls", "*."+s.zone())
	s.ordered("*." + s.zone())
}

// In vain are a fifth of the good nonces, and every seventh request or answer is lost with its connection: all but the
// answer to a new order, which the CA alone knows of.
func TestBadNoncesAndBrokenConnectionsCostNoCertificateASecondOrder(t *testing.T) {
	const certificates = 16
	o := stage.Options{}
	o.CA.RejectNonces = 20
	s := open(t, "noise", o, nil)
	var requests, lost atomic.Int32
	lose := func() {
		if requests.Add(1)%7 == 0 {
			lost.Add(1)
			panic(http.ErrAbortHandler)
		}
	}
	s.CA.Before(func(string) { lose() })
	s.CA.After(func(step string) {
		if step != acmetest.StepNewOrder {
			lose()
		}
	})
	infra := s.namespace("infra", nil)
	s.run()
	var want []string
	for i := range certificates {
		label := fmt.Sprintf("n%d", i)
		s.ingress(infra, label, []string{s.host(label)}, exact)
		want = append(want, s.host(label))
	}
	for i := range certificates {
		label := fmt.Sprintf("n%d", i)
		s.served(infra, label+"-tls", s.host(label))
	}
	s.ordered(want...)
	s.noTXT()
	if n := s.CA.Registrations(); n != 1 {
		t.Errorf("%d accounts were made, want 1", n)
	}
	if n := lost.Load(); n < certificates {
		t.Errorf("only %d connections were broken", n)
	}
}
