package gateways

import (
	"strings"
	"testing"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/internal/definitions"
)

// web is a Gateway with two listeners for one Secret, and one that wildcast has nothing to do with.
const web = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata:
	name: web
	annotations: {wildcast.dev/issuer: ISSUER}
spec:
	gatewayClassName: any
	listeners:
	- {name: shop, hostname: shop.ZONE, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: web-tls}]}}
	- {name: all, hostname: "*.ZONE", port: 8443, protocol: HTTPS, tls: {certificateRefs: [{name: web-tls}]}}
	- {name: plain, hostname: shop.ZONE, port: 80, protocol: HTTP}
	- {name: pass, hostname: pass.ZONE, port: 9443, protocol: TLS, tls: {mode: Passthrough}}
`

func TestAGatewayIsServedAndSharesItsOrderWithAnIngress(t *testing.T) {
	s := open(t, "share", definitions.Gateway)
	one, two := s.namespace("one"), s.namespace("two")
	s.apply(one, web)
	s.served(one, "web-tls", "*."+s.Name+".test")
	s.event(one, "web", "Delivered", "web-tls")
	s.must(s.Ingress(t.Context(), two, "web", "ingress-tls", []string{s.host("wiki")}, map[string]string{"wildcast.dev/issuer": s.Name}))
	s.served(two, "ingress-tls", "*."+s.Name+".test")

	s.kubectl("delete", definitions.Gateway.Name, "web", "--namespace", one)
	s.gone(one, "web-tls")
	s.barrier()
	s.served(two, "ingress-tls", "*."+s.Name+".test")
	s.ordered("*." + s.Name + ".test")
}

func TestACopyThatAGatewayAsksForOutlivesARestart(t *testing.T) {
	s := open(t, "restart", definitions.Gateway)
	namespace := s.namespace("web")
	s.apply(namespace, web)
	before := s.served(namespace, "web-tls", "*."+s.Name+".test")
	s.w.Stop()
	s.must(s.w.Restart(t.Context()))
	s.barrier()
	after := s.served(namespace, "web-tls", "*."+s.Name+".test")
	if before.UID != after.UID || before.ResourceVersion != after.ResourceVersion {
		t.Errorf("the copy was written again: version %s of %s, before %s of %s", after.ResourceVersion, after.UID, before.ResourceVersion, before.UID)
	}
}

func TestGatewaysAreTakenInOnceTheirDefinitionIsInstalledAndGivenUpWithIt(t *testing.T) {
	s := open(t, "later")
	namespace := s.namespace("web")
	s.barrier()
	for range 2 {
		s.must(definitions.Gateway.Install(t.Context(), shared))
		s.apply(namespace, web)
		s.served(namespace, "web-tls", "*."+s.Name+".test")
		from := len(s.requests())
		s.must(definitions.Gateway.Remove(t.Context(), shared))
		s.gone(namespace, "web-tls")
		s.barrier()
		if after := s.requests()[from:]; len(after) > 10 {
			t.Errorf("the definition is gone, and wildcast asks for Gateways again and again: %s", after)
		}
	}
	s.ordered("*." + s.Name + ".test")
}

// requests are those for Gateways up to now.
func (s *scene) requests() []cluster.Request {
	s.Helper()
	all, err := shared.Requests(func(r cluster.Request) bool { return r.Resource == "gateways" })
	s.must(err)
	return all
}

func TestWhatGatewaysAskForIsKeptThroughAStartAtWhichTheyCannotBeRead(t *testing.T) {
	s := open(t, "unread", definitions.Gateway)
	one, two := s.namespace("one"), s.namespace("two")
	s.apply(one, web)
	s.apply(two, web)
	before := s.served(one, "web-tls", "*."+s.Name+".test")
	s.served(two, "web-tls", "*."+s.Name+".test")
	s.w.Stop()
	restore := s.withdraw()
	s.kubectl("delete", definitions.Gateway.Name, "web", "--namespace", two)
	s.must(s.w.Restart(t.Context()))
	s.barrier() // Ingresses are served
	s.served(two, "web-tls", "*."+s.Name+".test")
	log, err := s.w.Logs()
	s.must(err)
	if !strings.Contains(log, "Could not read Gateways: apply the roles of this version of wildcast") {
		t.Error("the log does not say what cannot be read, and the remedy")
	}

	restore()
	s.gone(two, "web-tls")
	after := s.served(one, "web-tls", "*."+s.Name+".test")
	if before.UID != after.UID || before.ResourceVersion != after.ResourceVersion {
		t.Error("the copy was written meanwhile")
	}
	s.ordered("*." + s.Name + ".test")
}

func TestAGatewayOfANamespaceThatIsNotSelectedGetsNothingUntilItIs(t *testing.T) {
	s := open(t, "gate", definitions.Gateway)
	namespace := s.unselected("web")
	s.apply(namespace, web)
	s.event(namespace, "web", "NamespaceNotSelected", "spec.listeners[0]", "kubectl label --overwrite namespace "+namespace+" "+s.Name+"=true")
	s.barrier()
	s.ordered()
	s.must(s.LabelNamespace(t.Context(), namespace, s.Name, "true"))
	s.served(namespace, "web-tls", "*."+s.Name+".test")
	s.ordered("*." + s.Name + ".test")
	s.must(s.LabelNamespace(t.Context(), namespace, s.Name, ""))
	s.gone(namespace, "web-tls")
}

func TestAListenerThatCannotBeServedIsToldOfAndHindersNoOther(t *testing.T) {
	s := open(t, "faults", definitions.Gateway)
	namespace := s.namespace("web")
	s.apply(namespace, `
apiVersion: gateway.networking.k8s.io/v1beta1
kind: Gateway
metadata:
	name: web
	annotations: {wildcast.dev/issuer: ISSUER}
spec:
	gatewayClassName: any
	listeners:
	- {name: any, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: any-tls}]}}
	- {name: away, hostname: a.ZONE, port: 444, protocol: HTTPS, tls: {certificateRefs: [{name: away-tls, namespace: other}]}}
	- {name: other, hostname: b.ZONE, port: 445, protocol: HTTPS, tls: {certificateRefs: [{group: example.com, kind: Key, name: key}]}}
	- {name: good, hostname: c.ZONE, port: 446, protocol: HTTPS, tls: {certificateRefs: [{name: good-tls}]}}
`)
	s.event(namespace, "web", "InvalidGateway", "spec.listeners[0]: It has no hostname", "add one")
	s.event(namespace, "web", "InvalidGateway", "spec.listeners[1]: It refers to Secret away-tls of namespace other", "Refer to a Secret of namespace "+namespace)
	s.served(namespace, "good-tls", "*."+s.Name+".test")
	s.barrier()
	s.ordered("*." + s.Name + ".test")
}

func TestAGatewayMayAskForExactlyItsHosts(t *testing.T) {
	s := open(t, "exact", definitions.Gateway)
	namespace := s.unselected("web")
	s.apply(namespace, `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata:
	name: web
	annotations: {wildcast.dev/issuer: ISSUER, wildcast.dev/wildcard: "false"}
spec:
	gatewayClassName: any
	listeners:
	- {name: a, hostname: a.ZONE, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: web-tls}]}}
	- {name: b, hostname: b.ZONE, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: web-tls}]}}
`)
	s.served(namespace, "web-tls", s.host("a"), s.host("b"))
	s.ordered(s.host("a") + " " + s.host("b"))
}

func TestHTTP01IsRefusedForAGatewayWithItsRemedy(t *testing.T) {
	s := open(t, "http01", definitions.Gateway)
	namespace := s.unselected("web")
	s.must(s.Issuer(t.Context(), namespace, "pages", map[string]string{"challenge": "http01"}))
	s.apply(namespace, `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata:
	name: web
	annotations: {wildcast.dev/issuer: pages}
spec:
	gatewayClassName: any
	listeners:
	- {name: a, hostname: a.ZONE, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: web-tls}]}}
`)
	s.event(namespace, "web", "InvalidGateway", "Name an issuer with challenge dns01")
	s.barrier()
	s.ordered()
}
