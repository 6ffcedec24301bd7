package controllers

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/wildcast/wildcast/acmeclient"
	"github.com/wildcast/wildcast/acmeclient/dns01"
)

// delay keeps who comes to it waiting until it is given up.
type delay struct {
	givenUp chan struct{}
	waits   atomic.Int64
	seen    sync.Map // names
}

var errDelayed = errors.New("it does not answer")

func (d *delay) wait(ctx context.Context, name string) error {
	d.seen.Store(name, nil)
	d.waits.Add(1)
	defer d.waits.Add(-1)
	select {
	case <-d.givenUp:
	case <-ctx.Done():
	}
	return errDelayed
}

// saw is how many names came.
func (d *delay) saw() (n int) {
	d.seen.Range(func(any, any) bool { n++; return true })
	return n
}

// slowVendor delays names under slow.a.test, and has answered for all others.
type slowVendor struct{ delay }

func (s *slowVendor) Solver([]dns01.Settings, dns01.Waiting) acmeclient.Solver { return s }

func (s *slowVendor) Type(string) string { return acmeclient.DNS01 }

func (s *slowVendor) Present(ctx context.Context, ch acmeclient.Challenge) (func(context.Context) error, error) {
	if strings.HasSuffix(ch.Domain, ".slow.a.test") {
		return nil, s.wait(ctx, ch.Domain)
	}
	return func(context.Context) error { return nil }, nil
}

// busyCA is a CA on paper for many at once. It has each name proved, or delays all orders.
type busyCA struct {
	*paperCA
	mu    sync.Mutex
	delay *delay // may be nil
}

func (ca *busyCA) Order(ctx context.Context, _ acmeclient.Account, req acmeclient.Request) ([]byte, error) {
	if ca.delay != nil {
		return nil, &acmeclient.Error{Op: "create order", Err: ca.delay.wait(ctx, req.Names[0])}
	}
	if _, err := req.Solver.Present(ctx, acmeclient.Challenge{Domain: req.Names[0]}); err != nil {
		return nil, &acmeclient.Error{Op: "present challenge", Err: err}
	}
	ca.mu.Lock()
	defer ca.mu.Unlock()
	return ca.sign(req)
}

// busy is a rig with issuers le and slow at CAs on paper, the second of which delays all orders.
func busy(t *testing.T, d *delay) *rig {
	t.Helper()
	key, err := EC256.generate()
	if err != nil {
		t.Fatal(err)
	}
	text, err := marshalKey(key)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, kube: newCluster(), cas: map[string]authority{}}
	r.add(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "infra", Labels: selected}})
	for name, delay := range map[string]*delay{"le": nil, "slow": d} {
		server := "https://" + name + ".test/dir"
		r.cas[server] = &busyCA{paperCA: &paperCA{key: key, lifetime: 90 * 24 * time.Hour, leaves: map[string]*x509.Certificate{}}, delay: delay}
		r.add(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: name}, Type: TypeIssuer, Data: map[string][]byte{"server": []byte(server)}})
		r.add(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: name + accountSuffix}, Type: TypeAccount, Data: map[string][]byte{
			accountKey: text, accountServer: []byte(server), accountURL: []byte("https://" + name + ".test/1")}})
	}
	return r
}

// exactly makes an Ingress that asks an issuer for one host's own certificate, in the Secret of the same name.
func (r *rig) exactly(host, issuer string) {
	annotations := map[string]string{AnnotationWildcard: "false"}
	maps.Copy(annotations, by(issuer))
	r.add(ingress("infra/"+host, host, host, annotations))
}

// solves makes a solver for a zone.
func (r *rig) solves(zone string) {
	r.add(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: "by-" + zone}, Type: TypeSolver,
		Data: map[string][]byte{"provider": []byte("rfc2136"), "zones": []byte(zone)}})
}

func (r *rig) servedExactly(host string) {
	r.t.Helper()
	r.eventually(host+" is served", func() bool { return r.holdsCertificate(key("infra/"+host), host) })
}

func slowHost(i int) string { return fmt.Sprintf("n%d.slow.a.test", i) }

func TestASlowVendorHoldsUpItsOwnOrdersAlone(t *testing.T) {
	const many = ordersPerSolver + 6
	vendor := &slowVendor{delay{givenUp: make(chan struct{})}}
	r := busy(t, nil)
	r.config.Solvers = vendor
	r.solves("slow.a.test")
	r.solves("a.test")
	for i := range many {
		r.exactly(slowHost(i), "le")
	}
	r.exactly("quick.a.test", "le")
	defer r.run()()
	r.eventually("as many wait for the vendor as may", func() bool { return vendor.waits.Load() == ordersPerSolver })
	r.servedExactly("quick.a.test")
	if waits, saw := vendor.waits.Load(), vendor.saw(); waits != ordersPerSolver || saw != ordersPerSolver {
		t.Errorf("%d orders wait for the vendor, which saw %d; want %d", waits, saw, ordersPerSolver)
	}
	close(vendor.givenUp)
	r.eventually("those that waited have their turn", func() bool { return vendor.saw() == many })
}

func TestASlowCAHoldsUpItsOwnOrdersAlone(t *testing.T) {
	const most, many = concurrency + 2, concurrency + 6 // more than there are workers
	d := &delay{givenUp: make(chan struct{})}
	r := busy(t, d)
	r.perCA = most
	r.config.Solvers = &slowVendor{}
	for i := range many {
		r.exactly(slowHost(i), "slow")
		r.solves(slowHost(i)) // by itself: the bound of a solver is not what is looked at
	}
	r.exactly("quick.a.test", "le")
	r.solves("quick.a.test")
	defer r.run()()
	r.eventually("as many wait for the CA as may", func() bool { return d.waits.Load() == most })
	r.servedExactly("quick.a.test")
	if waits, saw := d.waits.Load(), d.saw(); waits != most || saw != most {
		t.Errorf("%d orders wait for the CA, which saw %d; want %d", waits, saw, most)
	}
	close(d.givenUp)
	r.eventually("those that waited have their turn", func() bool { return d.saw() == many })
}
