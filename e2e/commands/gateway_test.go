package commands_test

import (
	"strings"
	"testing"

	"github.com/wildcast/wildcast/e2e/internal/definitions"
	"github.com/wildcast/wildcast/e2e/stage"
	"github.com/wildcast/wildcast/e2e/wildcast"
)

func TestAGatewayIsExplainedAndCountsAmongThoseWhoAsk(t *testing.T) {
	s := open(t, "gateway")
	s.must(s.Solver(t.Context(), stage.Home, s.Name+"-dns", nil))
	s.must(definitions.Gateway.Install(t.Context(), shared))
	w := wildcast.New(t, shared, wildcast.Options{})
	web := s.Name + "-web"
	manifest := strings.NewReplacer("NAME", s.Name, "ZONE", s.domain, "\t", "  ").Replace(`
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata:
	name: web
	annotations: {wildcast.dev/issuer: NAME}
spec:
	gatewayClassName: any
	listeners:
	- {name: www, hostname: www.ZONE, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: web-tls}]}}
	- {name: any, port: 444, protocol: HTTPS, tls: {certificateRefs: [{name: any-tls}]}}
`)
	s.must(shared.ApplyText(t.Context(), web, manifest))
	s.until("the copy is there", func() error {
		_, err := shared.Kubectl(t.Context(), "get", "secret", "web-tls", "--namespace", web)
		return err
	})
	text := s.ok("explain", "gateway", web+"/web")
	s.contains(text, "a Gateway that asks for 1 certificate", "www."+s.domain, "in Secret web-tls", stage.Home+"/wildcard."+s.domain, "InvalidGateway")
	s.contains(s.ok("status", "-n", web, "-o", "json"), `"kind": "Gateway"`)
	s.contains(s.ok("explain", "secret", web+"/web-tls"), "Gateway "+web+"/web asks for it")
	w.Stop()
	s.must(definitions.Gateway.Remove(t.Context(), shared))
	s.contains(s.ok("status"), stage.Home+"/wildcard."+s.domain) // also where there are no Gateways
}
