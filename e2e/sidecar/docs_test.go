package sidecar_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/wildcast/wildcast/e2e/internal/page"
)

// take takes a command of the page.
func (p *pod) take(g *page.Guide, begins string) string {
	p.Helper()
	line, err := g.Take(begins)
	p.must(err)
	return line
}

func TestTheCommandsOfTheDocumentationServeTheCertificate(t *testing.T) {
	g, err := page.Open("docs/sidecar.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range []struct{ server, flags, check string }{
		{"nginx", "--signal=HUP", "--check="},
		{"haproxy", "--combined=combined.pem", "--check-staged="},
	} {
		p := openBy(t, of.server, "shop", func(p *pod) {
			_, err := page.Type(t.Context(), shared, p.take(g, "kubectl -n shop apply -k manifests/sidecar/"+of.server))
			p.must(err)
		})
		first := p.renew()
		line := p.take(g, "wildcast sidecar web-tls --folder=/tls "+of.flags)
		if shipped := p.Shipped(); line != shipped {
			t.Errorf("the page has %s, and the Deployment %s", line, shipped)
		}
		p.must(p.StartTyped(t.Context(), p.kubeconfig, p.namespace, line+" "+p.take(g, of.check)))
		p.must(p.Ready(t.Context()))
		p.must(p.StartServer())
		p.serves(first)
		p.serves(p.renew())
	}

	p := openBy(t, "nginx", "shop", func(*pod) {})
	p.renew()
	p.must(p.StartTyped(t.Context(), p.kubeconfig, p.namespace, p.take(g, "wildcast sidecar web-tls --folder=/tls --once")))
	if code := p.Sidecar().Wait(); code != 0 {
		t.Errorf("with --once it ends with exit code %d", code)
	}
	if _, err := os.Stat(filepath.Join(p.Folder(), "tls.key")); err != nil {
		t.Error(err)
	}
	if left := g.Left(); len(left) > 0 {
		t.Errorf("no test runs %q", left)
	}
}
