package roles_test

import (
	"strings"
	"testing"

	"github.com/wildcast/wildcast/e2e/internal/definitions"
)

func TestAGatewayInAListedNamespaceIsServedAndNoneElsewhereIsRead(t *testing.T) {
	s := open(t, "team-a") // a kind that is installed later is looked for after minutes only
	s.w.Stop()
	for _, d := range []definitions.Definition{definitions.Gateway, definitions.Istio} {
		s.must(d.Install(t.Context(), shared))
		s.Cleanup(func() { s.kubectl("delete", "crd", d.Name) })
	}
	s.must(s.w.Restart(t.Context()))
	st := s.stage("gateways")
	for _, namespace := range []string{"team-a", outside} {
		manifest := strings.ReplaceAll(`
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata:
	name: web
	annotations: {wildcast.dev/issuer: gateways}
spec:
	gatewayClassName: any
	listeners:
	- {name: www, hostname: www.gateways.test, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: gate-tls}]}}
`, "\t", "  ")
		s.must(shared.ApplyText(t.Context(), namespace, manifest))
	}
	s.served("team-a", "gate-tls", "*.gateways.test")
	s.barrier("team-a")
	s.must(s.absent(outside, "gate-tls"))
	if orders := st.CA.Orders(); len(orders) != 1 {
		t.Errorf("%d orders for one certificate", len(orders))
	}
	s.nothingOutside("team-a")
}
