package certificates_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/wildcast/wildcast/acmeclient/acmetest"
	"github.com/wildcast/wildcast/e2e/stage"
	"github.com/wildcast/wildcast/e2e/wildcast"
)

// point is where an order is held up: before the CA acts on a request, or when it has acted and not yet answered.
type point struct {
	step string
	late bool
}

// points are all steps at which an order can be in flight, but for the window of kill_test.go in which a second one is made.
func points() []point {
	return []point{
		{acmetest.StepNewOrder, false},
		{acmetest.StepAuthz, false},
		{acmetest.StepAuthz, true},
		{acmetest.StepChallenge, false},
		{acmetest.StepChallenge, true},
		{acmetest.StepOrder, false},
		{acmetest.StepFinalize, false},
		{acmetest.StepFinalize, true},
		{acmetest.StepCert, false},
		{acmetest.StepCert, true},
		{acmetest.StepRenewalInfo, false},
	}
}

// stalls hold up single requests to a CA, so that many orders are in flight at once, each at another step.
type stalls struct {
	mu   sync.Mutex
	next map[point]chan struct{} // closed when the request has come
	over chan struct{}
}

func (s *scene) openStalls() *stalls {
	held := &stalls{next: map[point]chan struct{}{}, over: make(chan struct{})}
	s.CA.Before(func(step string) { held.pass(point{step, false}) })
	s.CA.After(func(step string) { held.pass(point{step, true}) })
	s.t.Cleanup(func() { close(held.over) })
	return held
}

// hold has the next request at the point wait for the end of the test, and then break off.
func (h *stalls) hold(at point) (came <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := make(chan struct{})
	h.next[at] = c
	return c
}

func (h *stalls) pass(at point) {
	h.mu.Lock()
	came := h.next[at]
	delete(h.next, at)
	h.mu.Unlock()
	if came == nil {
		return
	}
	close(came)
	<-h.over
	panic(http.ErrAbortHandler)
}

// pair is two replicas of which the first leads, with an order in flight at each step.
type pair struct {
	*scene
	one, two  *wildcast.Process
	gate      *gate // between the first and the API server
	namespace string
	keys      map[string][]byte // by the certificates' names
}

func openPair(t *testing.T, name string) *pair {
	t.Helper()
	s := open(t, name, stage.Options{}, nil)
	p := &pair{scene: s, namespace: s.namespace("infra", nil), keys: map[string][]byte{}}
	var kubeconfig string
	p.gate, kubeconfig = openGate(t)
	p.one = wildcast.New(t, shared, wildcast.Options{Name: name + "-one", Kubeconfig: kubeconfig})
	s.until("the first one leads", func() error { return says(p.one, `"msg":"Leading"`) })
	p.two = wildcast.New(t, shared, wildcast.Options{Name: name + "-two"})

	held := s.openStalls()
	for i, at := range points() {
		came := held.hold(at)
		label := fmt.Sprintf("held%d", i)
		s.ingress(p.namespace, label, []string{s.host(label)}, exact)
		s.wait(fmt.Sprintf("an order is at %v", at), came)
		p.noteKey(label + "-tls")
	}
	p.waitForDNS()
	return p
}

// waitForDNS has one more order wait until its TXT record can be seen, which it can when Show is called.
func (p *pair) waitForDNS() {
	p.t.Helper()
	fqdn := "_acme-challenge." + p.host("hidden")
	p.DNS.Hide(fqdn)
	p.ingress(p.namespace, "hidden", []string{p.host("hidden")}, exact)
	p.until("the hidden record is made", func() error {
		if len(p.DNS.TXT(fqdn)) == 0 {
			return fmt.Errorf("there is none")
		}
		return nil
	})
	p.noteKey("hidden-tls")
}

func (p *pair) noteKey(certificate string) {
	p.t.Helper()
	key := p.stored(recordOf(types.NamespacedName{Namespace: p.namespace, Name: certificate})).Data["tls.key"]
	if len(key) == 0 {
		p.t.Errorf("the key of %s was not recorded", certificate)
	}
	p.keys[certificate] = key
}

// takenOver checks that the second one leads and ends each order with the key that the first one began with, and that
// nothing else was ordered and no TXT record is left.
func (p *pair) takenOver() {
	p.t.Helper()
	p.until("the second one leads", func() error { return says(p.two, `"msg":"Leading"`) })
	p.DNS.Show()
	var hosts []string
	for name, key := range p.keys {
		host := p.host(strings.TrimSuffix(name, "-tls"))
		hosts = append(hosts, host)
		got := p.served(p.namespace, name, host)
		if string(got.secret.Data["tls.key"]) != string(key) {
			p.t.Errorf("certificate %s has another key than was recorded", name)
		}
	}
	p.noTXT()
	p.ordered(hosts...)
}

// ends waits for the end of the first one, and checks its exit code.
func (p *pair) ends(code int) {
	p.t.Helper()
	p.wait("the first one has ended", p.one.Done())
	if got := p.one.Wait(); got != code {
		p.t.Errorf("the first one's exit code is %d, want %d", got, code)
	}
}

func TestWhenTheLeaderIsStoppedInMidOrderTheOtherReplicaGoesOnWithTheOrder(t *testing.T) {
	p := openPair(t, "lead-stopped")
	p.must(syscall.Kill(p.one.PID(), syscall.SIGTERM))
	p.ends(0)
	p.takenOver()
}

func TestWhenTheLeaderIsKilledInMidOrderTheOtherReplicaGoesOnWithTheOrder(t *testing.T) {
	p := openPair(t, "lead-killed")
	p.one.Kill()
	p.takenOver()
}

func TestWhenTheLeaderCannotRenewItsLeaseInMidOrderItEndsAndTheOtherReplicaGoesOnWithTheOrder(t *testing.T) {
	p := openPair(t, "lead-refused")
	p.gate.refuse(func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/leases/") })
	p.ends(1)
	p.takenOver()
}

func TestWhenSomebodyElseHoldsTheLeaseInMidOrderTheLeaderEndsAndTheOtherReplicaGoesOnWithTheOrder(t *testing.T) {
	p := openPair(t, "lead-edited")
	leases := p.Kube.CoordinationV1().Leases(stage.Home)
	p.until("the lease is edited", func() error {
		lease, err := leases.Get(p.ctx, "wildcast", metav1.GetOptions{})
		if err != nil {
			return err
		}
		lease.Spec.HolderIdentity, lease.Spec.LeaseDurationSeconds = ptr.To("somebody"), ptr.To[int32](1)
		_, err = leases.Update(p.ctx, lease, metav1.UpdateOptions{})
		return err
	})
	p.ends(1)
	p.takenOver()
}

func TestWhenTheLeaderFreezesInMidOrderTheOtherReplicaGoesOnWithTheOrderAndItEndsWhenItThaws(t *testing.T) {
	p := openPair(t, "lead-frozen")
	p.must(syscall.Kill(p.one.PID(), syscall.SIGSTOP))
	t.Cleanup(func() { _ = syscall.Kill(p.one.PID(), syscall.SIGCONT) })
	p.takenOver()
	p.must(syscall.Kill(p.one.PID(), syscall.SIGCONT))
	p.ends(1)
	p.noTXT()
	p.takenOver() // still
}

// says returns an error unless the process has logged the text.
func says(w *wildcast.Process, text string) error {
	log, err := w.Logs()
	if err == nil && !strings.Contains(log, text) {
		err = fmt.Errorf("it has not said %s", text)
	}
	return err
}
