package statuspage_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/wildcast/wildcast/e2e/chromium"
	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/internal/definitions"
	"github.com/wildcast/wildcast/e2e/stage"
)

// edge is a Gateway with a listener that can be served and one that cannot.
const edge = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata:
  name: edge
  annotations: {wildcast.dev/issuer: letsencrypt}
spec:
  gatewayClassName: any
  listeners:
  - {name: www, hostname: www.edge.test, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: edge-tls}]}}
  - {name: any, port: 8443, protocol: HTTPS, tls: {certificateRefs: [{name: any-tls}]}}
`

// apply applies a manifest to a namespace.
func (s *scene) apply(namespace, manifest string) {
	s.Helper()
	s.must(shared.ApplyText(s.Context(), namespace, manifest))
}

// issuer makes an issuer letsencrypt with its solver, whose certificates go to namespaces with this label.
func (s *scene) issuer(label string) {
	s.Helper()
	s.must(s.Issuer(s.Context(), stage.Home, "letsencrypt", map[string]string{"sync": label}))
	s.must(s.Solver(s.Context(), stage.Home, "dns", nil))
}

func TestThePageShowsWhatOnlyAGatewayAsksForAndWhenGatewaysCannotBeRead(t *testing.T) {
	s := open(t, "edge.test")
	s.must(definitions.Gateway.Install(t.Context(), shared))
	s.Cleanup(func() { s.kubectl("delete", "crd", definitions.Gateway.Name) })
	s.must(s.Namespace(t.Context(), "edge", map[string]string{"tls": "edge"}))
	s.issuer("tls=edge")
	s.apply("edge", edge)
	from := time.Now()
	page := s.run("gateways", "--leader-elect=false")
	s.tells(page, "wildcard.edge.test is Ready", "of wildcard.edge.test 2 copies, 0 behind, 0 failing, 0 leaving",
		"Gateway edge/edge: InvalidGateway: spec.listeners[1]: It has no hostname")
	_, dom := s.look(page, chromium.View{Width: 1280})
	s.shows(rows(dom), "✕ InvalidGateway | Gateway edge/edge", "cert-manager/wildcard.edge.test | ✓ Ready | *.edge.test | cert-manager/letsencrypt",
		"Secret cert-manager/wildcard.edge.test | ✓ in order | tls=edge | 2", "edge | ✓")
	s.neverAskedInVain(from)

	s.w.Stop()
	s.withdraw(func(r rbacv1.PolicyRule) bool { return slices.Contains(r.Resources, "gateways") })
	page = s.run("unreadable", "--leader-elect=false")
	s.tells(page, "CustomResourceDefinition /gateways.gateway.networking.k8s.io: Unreadable: Its Gateways cannot be read: ",
		"of wildcard.edge.test 2 copies, 0 behind, 0 failing, 0 leaving")
	_, dom = s.look(page, chromium.View{Width: 1280})
	s.shows(rows(dom), "✕ Unreadable | CustomResourceDefinition gateways.gateway.networking.k8s.io",
		"To change that, apply the ClusterRole wildcast of manifests/base", "edge | ✓")
}

func TestUnderRolesAloneThePageShowsTheNamedNamespacesAndNoFaultAboutOthers(t *testing.T) {
	s := open(t, "team.test")
	selected := map[string]string{"tls": "team"}
	for _, name := range []string{"team-a", "team-b", "away"} {
		s.must(s.Namespace(t.Context(), name, selected))
		s.must(s.Ingress(t.Context(), name, "web", "web-tls", []string{name + ".team.test"}, map[string]string{"wildcast.dev/issuer": "letsencrypt"}))
		s.kubectl("create", "configmap", "of-"+name, "--namespace", name)
		s.kubectl("annotate", "configmap", "of-"+name, "--namespace", name, "wildcast.dev/sync=tls=team")
	}
	s.issuer("tls=team")
	s.withdraw(func(rbacv1.PolicyRule) bool { return true })
	checkout, err := cluster.Checkout()
	s.must(err)
	for _, name := range []string{stage.Home, "team-a", "team-b"} {
		s.kubectl("apply", "--namespace", name, "--server-side", "--kustomize", filepath.Join(checkout, "manifests/overlays/namespaces/role"))
	}
	s.Cleanup(func() { s.kubectl("delete", "role,rolebinding", "wildcast-namespace", "--namespace", stage.Home) })
	from := time.Now()
	page := s.run("roles", "--namespaces=team-a,team-b", "--leader-elect=false")
	s.tells(page, "nothing is wrong", "wildcard.team.test is Ready", "of wildcard.team.test 4 copies, 0 behind, 0 failing, 0 leaving",
		"of of-team-a 1 copies, 0 behind, 0 failing, 0 leaving", "of of-team-b 1 copies, 0 behind, 0 failing, 0 leaving")
	_, dom := s.look(page, chromium.View{Width: 1280})
	s.shows(rows(dom), "cert-manager | ", "team-a | ", "team-b | ")
	all := text(dom)
	if !strings.Contains(all, "Nothing is wrong.") || strings.Contains(all, "away") {
		t.Errorf("it shows something wrong, or what it does not watch: %s", all)
	}
	s.neverAskedInVain(from)
}
