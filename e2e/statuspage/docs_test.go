package statuspage_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/wildcast/wildcast/e2e/chromium"
	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/internal/page"
	"github.com/wildcast/wildcast/e2e/stage"
	"github.com/wildcast/wildcast/e2e/wildcast"
)

// manual is docs/status-page.md.
type manual struct {
	*scene
	guide *page.Guide
}

func (m *manual) take(begins string) string {
	m.Helper()
	line, err := m.guide.Take(begins)
	m.must(err)
	return line
}

// typed takes a command and runs it.
func (m *manual) typed(begins string, more ...string) {
	m.Helper()
	_, err := page.Type(m.Context(), shared, strings.Join(append([]string{m.take(begins)}, more...), " "))
	m.must(err)
}

// refused takes a command and runs it. It gets as far as that refusal, which tells what it is about.
func (m *manual) refused(begins, refusal string) {
	m.Helper()
	line := m.take(begins)
	ctx, cancel := context.WithTimeout(m.Context(), patience)
	defer cancel()
	m.must(stage.Until(ctx, func() error {
		_, err := page.Type(ctx, shared, line)
		if err == nil || !strings.Contains(err.Error(), refusal) {
			return fmt.Errorf("want %q, got %w", refusal, err)
		}
		return nil
	}))
}

// Without nodes no Pod runs, and nothing can be forwarded to one: kubectl finds the Pod that it is told of, and says so.
func TestTheCommandsOfTheDocumentationShowThePage(t *testing.T) {
	guide, err := page.Open("docs/status-page.md")
	if err != nil {
		t.Fatal(err)
	}
	m := &manual{open(t), guide}
	t.Cleanup(func() {
		_, _ = page.Type(context.Background(), shared, "kubectl -n cert-manager set env deployment/wildcast WILDCAST_STATUS_ADDRESS-")
	})
	m.typed("kubectl -n cert-manager set env")
	m.typed("kubectl -n cert-manager rollout status", "--watch=false")
	leader := m.runAsDeployed()
	for _, shown := range []string{leader, leader + "?refresh=30"} {
		m.look(shown, chromium.View{Width: 1280})
	}
	_, err = m.status(leader)
	m.must(err)
	m.refused("kubectl -n cert-manager port-forward deployment/wildcast 8082", "pod is not running. Current status=Pending")
	host, err := os.Hostname()
	m.must(err)
	m.refused(`kubectl -n cert-manager port-forward "$(`, fmt.Sprintf("pods %q not found", host)) // the Lease's holder, which is no Pod here
	m.letsIn()
	m.takesPictures()
	if left := guide.Left(); len(left) > 0 {
		t.Errorf("no test runs %q", left)
	}
}

// runAsDeployed runs wildcast with the Deployment's address of the page, but for the port, and returns where it is.
func (m *manual) runAsDeployed() (url string) {
	m.Helper()
	d, err := m.Kube.AppsV1().Deployments(cluster.HomeNamespace).Get(m.Context(), "wildcast", metav1.GetOptions{})
	m.must(err)
	taken, err := m.ports.Take(1)
	m.must(err)
	for _, variable := range d.Spec.Template.Spec.Containers[0].Env {
		if host, found := strings.CutSuffix(variable.Value, ":8082"); found {
			wildcast.New(m.T, shared, wildcast.Options{Name: "deployed", Env: []string{fmt.Sprintf("%s=%s:%d", variable.Name, host, taken[0])}})
			return fmt.Sprintf("http://localhost:%d/", taken[0])
		}
	}
	m.Fatalf("the Deployment has no address of the page: %v", d.Spec.Template.Spec.Containers[0].Env)
	return ""
}

// letsIn runs the command that opens the port to other pods.
func (m *manual) letsIn() {
	m.Helper()
	policies := m.Kube.NetworkingV1().NetworkPolicies(cluster.HomeNamespace)
	before, err := policies.Get(m.Context(), "wildcast", metav1.GetOptions{})
	m.must(err)
	m.typed("kubectl -n cert-manager patch networkpolicy")
	after, err := policies.Get(m.Context(), "wildcast", metav1.GetOptions{})
	m.must(err)
	ports := after.Spec.Ingress[0].Ports
	if last := ports[len(ports)-1]; len(ports) != len(before.Spec.Ingress[0].Ports)+1 || last.Port.IntValue() != 8082 {
		m.Errorf("the policy lets in %v", ports)
	}
	after.Spec = before.Spec
	_, err = policies.Update(m.Context(), after, metav1.UpdateOptions{})
	m.must(err)
}

// takesPictures checks the commands that build the programs and run this very suite.
func (m *manual) takesPictures() {
	m.Helper()
	m.take("go -C e2e run ./programs") // make e2e has run it
	if line := m.take("go -C e2e test -count=1 ./statuspage -picture "); flag.Lookup("picture") == nil || !strings.HasSuffix(line, `"$PWD/docs/status-page.png"`) {
		m.Errorf("the suite has no such flag: %s", line)
	}
}
