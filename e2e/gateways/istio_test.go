package gateways

import (
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/wildcast/wildcast/e2e/internal/definitions"
)

func TestTheServersOfIstiosGatewayAreServedAsListenersAre(t *testing.T) {
	s := open(t, "istio", definitions.Gateway, definitions.Istio)
	namespace := s.namespace("mesh")
	s.apply(namespace, web) // one of the same name, of the Gateway API
	s.apply(namespace, `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata:
	name: web
	annotations: {wildcast.dev/issuer: ISSUER}
spec:
	selector: {istio: ingressgateway}
	servers:
	- port: {number: 443, name: https, protocol: HTTPS}
		hosts: ["*/shop.ZONE", "./wiki.ZONE"]
		tls: {mode: SIMPLE, credentialName: shop-cred}
	- port: {number: 444, name: mutual, protocol: HTTPS}
		hosts: ["mesh/*.sub.ZONE"]
		tls: {mode: MUTUAL, credentialName: "kubernetes://sub-cred"}
	- port: {number: 445, name: every, protocol: HTTPS}
		hosts: ["*"]
		tls: {mode: SIMPLE, credentialName: every-cred}
	- port: {number: 80, name: http, protocol: HTTP}
		hosts: ["*"]
		tls: {httpsRedirect: true}
	- port: {number: 446, name: pass, protocol: TLS}
		hosts: ["pass.ZONE"]
		tls: {mode: PASSTHROUGH}
`)
	zone := s.Name + ".test"
	s.served(namespace, "shop-cred", "*."+zone)
	s.served(namespace, "web-tls", "*."+zone)
	s.served(namespace, "sub-cred", "*.sub."+zone)
	s.event(namespace, "web", "InvalidGateway", "spec.servers[2]: Its hosts stand for every name", "add a host")

	s.kubectl("delete", definitions.Istio.Name, "web", "--namespace", namespace)
	s.gone(namespace, "shop-cred")
	s.gone(namespace, "sub-cred")
	s.barrier()
	s.served(namespace, "web-tls", "*."+zone)
	s.ordered("*."+zone, "*.sub."+zone)
}

// away is a Gateway whose workload is in another namespace, WORKLOAD.
const away = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata:
	name: away
	annotations: {wildcast.dev/issuer: ISSUER, wildcast.dev/secret-namespace: WORKLOAD}
spec:
	selector: {istio: ingressgateway}
	servers:
	- port: {number: 443, name: https, protocol: HTTPS}
		hosts: ["shop.ZONE"]
		tls: {mode: SIMPLE, credentialName: away-cred}
`

func TestTheSecretOfAnIstioGatewayIsWhereItsWorkloadRunsIfBothNamespacesAreSelected(t *testing.T) {
	s := open(t, "away", definitions.Istio)
	shop, mesh := s.namespace("shop"), s.unselected("mesh")
	s.apply(shop, strings.ReplaceAll(away, "WORKLOAD", mesh))
	s.event(shop, "away", "NamespaceNotSelected", "Namespace "+mesh+" may not receive")
	s.barrier()
	s.ordered()
	s.must(s.LabelNamespace(t.Context(), mesh, s.Name, "yes"))
	s.served(mesh, "away-cred", "*."+s.Name+".test")
	s.event(shop, "away", "Delivered", "away-cred")
	if _, err := s.get(shop, "away-cred"); !apierrors.IsNotFound(err) {
		t.Errorf("the Gateway's own namespace has the Secret too: %v", err)
	}
	s.must(s.LabelNamespace(t.Context(), shop, s.Name, ""))
	s.gone(mesh, "away-cred")
	s.ordered("*." + s.Name + ".test")
}
