package certificates_test

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/acmeclient/acmetest"
	"github.com/wildcast/wildcast/e2e/stage"
	"github.com/wildcast/wildcast/e2e/wildcast"
)

// mortal is a scene whose process can be killed at any step of its work with the CA and the API server. It does not elect
// a leader, since the lease of a killed one is free only after 15 s.
type mortal struct {
	*scene
	gate      *gate
	namespace string
	together  bool // its DNS children are killed with the process
}

func openMortal(t *testing.T, name string) *mortal {
	t.Helper()
	s := open(t, name, stage.Options{}, nil)
	g, kubeconfig := openGate(t)
	m := &mortal{scene: s, gate: g, namespace: s.namespace("infra", nil)}
	s.w = wildcast.New(t, shared, wildcast.Options{Kubeconfig: kubeconfig, Args: []string{"--log-level=debug", "--leader-elect=false"}})
	return m
}

// moment is a point of the process's work at which it is killed.
type moment struct {
	name string
	step string                                  // of the CA; or else
	is   func(s write, host, record string) bool // a write of a Secret
	late bool                                    // when the other side has acted, rather than before it hears of it
}

// A record is created, then updated with the order's URL, then with the chain.
func creates(what func(certificate, record string) string) func(write, string, string) bool {
	return func(w write, certificate, record string) bool {
		return w.method == http.MethodPost && w.of(what(certificate, record))
	}
}

func theRecord(_, record string) string           { return record }
func theCertificate(certificate, _ string) string { return certificate }

func records(key string) func(write, string, string) bool {
	return func(w write, _, record string) bool {
		return w.method == http.MethodPut && w.of(record) && named(w.body, key)
	}
}

// moments are all steps of an order in their sequence, but for the window in which a kill costs a second order.
func moments() []moment {
	return []moment{
		{name: "before the record is created", is: creates(theRecord)},
		{name: "when the record has been created", is: creates(theRecord), late: true},
		{name: "before the CA hears of the order", step: acmetest.StepNewOrder},
		{name: "when the URL of the order has been recorded", is: records("url"), late: true},
		{name: "before an authorization is read", step: acmetest.StepAuthz},
		{name: "when an authorization has been read", step: acmetest.StepAuthz, late: true},
		{name: "before the CA is told to look", step: acmetest.StepChallenge},
		{name: "when the CA has been told to look", step: acmetest.StepChallenge, late: true},
		{name: "before the order is read", step: acmetest.StepOrder},
		{name: "before the order is finalized", step: acmetest.StepFinalize},
		{name: "when the order has been finalized", step: acmetest.StepFinalize, late: true},
		{name: "before the certificate is fetched", step: acmetest.StepCert},
		{name: "when the certificate has been fetched", step: acmetest.StepCert, late: true},
		{name: "before the CA is asked when to renew", step: acmetest.StepRenewalInfo},
		{name: "before the chain is recorded", is: records("tls.crt")},
		{name: "when the chain has been recorded", is: records("tls.crt"), late: true},
		{name: "before the Secret is stored", is: creates(theCertificate)},
		{name: "when the Secret has been stored", is: creates(theCertificate), late: true},
	}
}

// window is the time between the CA's making the order and the API server's keeping its URL.
func window() []moment {
	return []moment{
		{name: "when the CA has made the order", step: acmetest.StepNewOrder, late: true},
		{name: "before the URL of the order is recorded", is: records("url")},
	}
}

// killAt kills the process at the moment, once. The channel is closed when the process has ended.
func (m *mortal) killAt(at moment, host string) <-chan struct{} {
	killed := make(chan struct{})
	var once sync.Once
	kill := func() {
		once.Do(func() {
			m.kill()
			close(killed)
			panic(http.ErrAbortHandler) // what comes after the kill does not happen
		})
	}
	certificate := secretFor(host)
	atCA := func(step string) {
		// A bad nonce is a step that did nothing.
		if step == at.step && (!at.late || step != acmetest.StepNewOrder || slices.Contains(m.orders(), host)) {
			kill()
		}
	}
	atGate := func(w write) {
		if at.is != nil && at.is(w, certificate, certificate+".order") {
			kill()
		}
	}
	if at.late {
		m.CA.After(atCA)
		m.gate.hooks(nil, atGate)
	} else {
		m.CA.Before(atCA)
		m.gate.hooks(atGate, nil)
	}
	return killed
}

// kill ends the process, and its DNS children with it if that is wished.
func (m *mortal) kill() {
	var children []int
	if m.together {
		children = m.w.Children()
	}
	m.w.Kill()
	for _, pid := range children {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended by itself
	}
}

func secretFor(host string) string { return strings.Split(host, ".")[0] + "-tls" }

// dies asks for a certificate, has the process killed at the moment, and returns the key that is recorded then, if one is.
func (m *mortal) dies(at moment, label string) (recorded []byte) {
	m.t.Helper()
	killed := m.killAt(at, m.host(label))
	m.ingress(m.namespace, label, []string{m.host(label)}, exact)
	m.until("the process is killed "+at.name, func() error {
		select {
		case <-killed:
			return nil
		default:
			return fmt.Errorf("it lives")
		}
	})
	m.CA.Before(nil)
	m.CA.After(nil)
	m.gate.hooks(nil, nil)
	record, err := m.get(recordOf(types.NamespacedName{Namespace: m.namespace, Name: label + "-tls"}))
	if err != nil {
		return nil
	}
	return record.Data["tls.key"]
}

// lives starts the process again and checks that the certificate comes, with that key if there is one.
func (m *mortal) lives(label string, key []byte) {
	m.t.Helper()
	m.noTXT() // the DNS child outlives the process and takes back what it made
	m.must(m.w.Restart(m.ctx))
	got := m.served(m.namespace, label+"-tls", m.host(label))
	if key != nil && string(got.secret.Data["tls.key"]) != string(key) {
		m.t.Error("the certificate has another key than was recorded")
	}
	m.noTXT()
}

// ordersFor counts the orders for a name.
func (m *mortal) ordersFor(host string) (n int) {
	for _, names := range m.orders() {
		if names == host {
			n++
		}
	}
	return n
}

func TestAProcessKilledAtAnyStepOfAnOrderGoesOnWithThatOrderAndKey(t *testing.T) {
	m := openMortal(t, "kill")
	for i, at := range moments() {
		t.Run(at.name, func(t *testing.T) {
			m.t = t
			label := fmt.Sprintf("m%d", i)
			m.lives(label, m.dies(at, label))
			if n := m.ordersFor(m.host(label)); n != 1 {
				t.Errorf("%d orders at the CA, want 1", n)
			}
		})
	}
}

// The CA's answer and our record are two systems: between them a kill may cost an order, as nobody can ask a CA for the
// orders that it has made. The second has the same key, and nothing is left behind.
func TestAProcessKilledBetweenTheCAsAnswerAndItsRecordOrdersOnceMoreAtMost(t *testing.T) {
	m := openMortal(t, "window")
	for i, at := range window() {
		t.Run(at.name, func(t *testing.T) {
			m.t = t
			label := fmt.Sprintf("m%d", i)
			key := m.dies(at, label)
			if key == nil {
				t.Error("the key was not recorded")
			}
			m.lives(label, key)
			if n := m.ordersFor(m.host(label)); n < 1 || n > 2 {
				t.Errorf("%d orders at the CA, want 1 or 2", n)
			}
		})
	}
}

func TestAProcessKilledAtAnyStepOfARegistrationFindsTheSameAccount(t *testing.T) {
	account := func(method, key string) func(write, string, string) bool {
		return func(w write, _, _ string) bool {
			return w.method == method && bytes.Contains(w.body, []byte(".account")) && (key == "" || named(w.body, key))
		}
	}
	m := openMortal(t, "register")
	m.until("the first account is there", func() error {
		if m.CA.Registrations() == 0 {
			return fmt.Errorf("none")
		}
		return nil
	})
	for i, at := range []moment{
		{name: "before its key is kept", is: account(http.MethodPost, "")},
		{name: "when its key has been kept", is: account(http.MethodPost, ""), late: true},
		{name: "before the CA hears of it", step: acmetest.StepNewAccount},
		{name: "when the CA has made it", step: acmetest.StepNewAccount, late: true},
		{name: "before its URL is recorded", is: account(http.MethodPut, "url")},
		{name: "when its URL has been recorded", is: account(http.MethodPut, "url"), late: true},
	} {
		t.Run(at.name, func(t *testing.T) {
			m.t = t
			before := m.CA.Registrations()
			killed := m.killAt(at, "")
			name := m.openAnotherIssuer(fmt.Sprintf("register-%d", i))
			m.until("the process is killed", func() error {
				select {
				case <-killed:
					return nil
				default:
					return fmt.Errorf("it lives")
				}
			})
			m.CA.Before(nil)
			m.CA.After(nil)
			m.gate.hooks(nil, nil)
			m.must(m.w.Restart(m.ctx))
			m.until("the issuer is ready", func() error {
				if got := m.stored(home(name)).Annotations; got["wildcast.dev/status"] != "Ready" {
					return fmt.Errorf("it is %v", got)
				}
				return nil
			})
			if n := m.CA.Registrations() - before; n != 1 {
				t.Errorf("%d accounts were made at the CA, want 1", n)
			}
		})
	}
}

// In a container the end of wildcast is the end of its DNS children as well: what they presented is for the next process
// to take away, also when the CA has seen it and asks for nothing any more.
func TestAProcessKilledTogetherWithItsDNSChildrenLeavesNoTXTRecordAfterTheRestart(t *testing.T) {
	m := openMortal(t, "together")
	m.together = true
	for i, at := range []moment{
		{name: "before the CA is told to look", step: acmetest.StepChallenge},
		{name: "when the CA has been told to look", step: acmetest.StepChallenge, late: true},
	} {
		t.Run(at.name, func(t *testing.T) {
			m.t = t
			label := fmt.Sprintf("m%d", i)
			key := m.dies(at, label)
			if len(m.DNS.Records()) == 0 {
				t.Error("there is nothing to take away")
			}
			m.must(m.w.Restart(m.ctx))
			got := m.served(m.namespace, label+"-tls", m.host(label))
			if string(got.secret.Data["tls.key"]) != string(key) {
				t.Error("the certificate has another key than was recorded")
			}
			m.noTXT()
			if n := m.ordersFor(m.host(label)); n != 1 {
				t.Errorf("%d orders at the CA, want 1", n)
			}
		})
	}
}
