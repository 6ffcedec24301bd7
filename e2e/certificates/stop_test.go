package certificates_test

import (
	"fmt"
	"sync"
	"syscall"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/wildcast/wildcast/acmeclient/acmetest"
	"github.com/wildcast/wildcast/e2e/stage"
)

// holdAt makes the CA wait with a step. held is closed when the first request has come; release lets all go on.
func (s *scene) holdAt(step string) (held <-chan struct{}, release func()) {
	return holdAt(s.t, s.CA, step)
}

// holdAt is that for any CA.
func holdAt(t *testing.T, ca *acmetest.CA, step string) (held <-chan struct{}, release func()) {
	came, goOn := make(chan struct{}), make(chan struct{})
	var first, last sync.Once
	ca.Before(func(now string) {
		if now == step {
			first.Do(func() { close(came) })
			<-goOn
		}
	})
	release = func() {
		last.Do(func() {
			ca.Before(nil)
			close(goOn)
		})
	}
	t.Cleanup(release)
	return came, release
}

func (s *scene) wait(what string, done <-chan struct{}) {
	s.t.Helper()
	s.until(what, func() error {
		select {
		case <-done:
			return nil
		default:
			return fmt.Errorf("not yet")
		}
	})
}

func TestAnIngressDeletedInMidOrderLeavesNothingBehindAndItsCertificateForTheNext(t *testing.T) {
	s := open(t, "deleting", stage.Options{}, nil)
	infra := s.namespace("infra", nil)
	s.run()
	held, release := s.holdAt(acmetest.StepChallenge)
	s.ingress(infra, "wiki", []string{s.host("wiki")}, nil)
	s.wait("the order is in flight", held)
	s.must(s.Kube.NetworkingV1().Ingresses(infra).Delete(s.ctx, "wiki", metav1.DeleteOptions{}))
	release()
	s.served(stage.Home, s.shared().Name, "*."+s.zone())
	s.noTXT()
	s.ingress(infra, "again", []string{s.host("again")}, nil)
	s.served(infra, "again-tls", "*."+s.zone())
	s.ordered("*." + s.zone())
}

func TestAProcessThatIsStoppedInMidOrderFinishesTheOrderAndReleasesTheLease(t *testing.T) {
	s := open(t, "stopped", stage.Options{}, nil)
	infra := s.namespace("infra", nil)
	s.run("--leader-elect=true")
	s.metric(1, "leader_election_master_status")
	if s.holder() == "" {
		t.Error("nobody holds the lease")
	}
	held, release := s.holdAt(acmetest.StepFinalize)
	s.ingress(infra, "wiki", []string{s.host("wiki")}, exact)
	s.wait("the order is in flight", held)
	s.must(syscall.Kill(s.w.PID(), syscall.SIGTERM))
	release()
	if code := s.w.Wait(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	s.served(infra, "wiki-tls", s.host("wiki"))
	if left := s.DNS.Records(); len(left) > 0 {
		t.Errorf("TXT records are left: %v", left)
	}
	s.ordered(s.host("wiki"))
	if holder := s.holder(); holder != "" {
		t.Errorf("the lease is still held by %q", holder)
	}
}

// holder is who holds the lease to lead.
func (s *scene) holder() string {
	s.t.Helper()
	lease, err := s.Kube.CoordinationV1().Leases(stage.Home).Get(s.ctx, "wildcast", metav1.GetOptions{})
	s.must(err)
	return ptr.Deref(lease.Spec.HolderIdentity, "")
}

func TestAnOrderThatDoesNotEndInTheGraceIsLeftWithoutATXTRecordAndCarriedOnWith(t *testing.T) {
	s := open(t, "grace", stage.Options{}, nil)
	infra := s.namespace("infra", nil)
	s.run()
	s.DNS.Hide()
	s.ingress(infra, "wiki", []string{s.host("wiki")}, exact)
	s.until("the TXT record is made", func() error {
		if len(s.DNS.Records()) == 0 {
			return fmt.Errorf("there is none")
		}
		return nil
	})
	if code := s.w.Stop(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if left := s.DNS.Records(); len(left) > 0 {
		t.Errorf("TXT records are left: %v", left)
	}
	s.DNS.Show()
	s.must(s.w.Restart(s.ctx))
	s.served(infra, "wiki-tls", s.host("wiki"))
	s.ordered(s.host("wiki"))
	s.noTXT()
}
