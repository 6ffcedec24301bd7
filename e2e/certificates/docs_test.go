package certificates_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/wildcast/wildcast/acmeclient/acmetest"
	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/stage"
)

// commands are those of a page that begin with one of the verbs.
func commands(t *testing.T, page, verbs string) []string {
	t.Helper()
	checkout, err := cluster.Checkout()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(checkout, "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, found := range regexp.MustCompile(`(?m)^    kubectl ((?:-n \S+ )?(?:`+verbs+`) .*)$`).FindAllStringSubmatch(string(text), -1) {
		all = append(all, found[1])
	}
	if len(all) == 0 {
		t.Fatalf("docs/%s has no such command", page)
	}
	return all
}

// typed runs kubectl as a shell does for what a user types, and returns what it prints.
func (s *scene) typed(command string) string {
	s.t.Helper()
	cmd := exec.CommandContext(s.ctx, "sh", "-c", "exec "+shared.KubectlPath()+" "+command)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+shared.Kubeconfig(), "KUBECTL_KUBERC=false")
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Errorf("kubectl %s: %v: %s", command, err, out)
	}
	return string(out)
}

func TestTheCommandsForTroubleshootingWorkAndTellWhatIsWrong(t *testing.T) {
	s := openBare(t, "typed", stage.Options{Zones: []string{"example.com"}})
	s.must(s.Issuer(s.ctx, stage.Home, "letsencrypt", nil))
	s.must(s.Solver(s.ctx, stage.Home, "dns", nil))
	s.must(s.Namespace(s.ctx, "shop", nil))
	s.run("--leader-elect=true") // the page has a look at the Lease, which no other test need have made
	s.must(s.Ingress(s.ctx, "shop", "web", "web-tls", []string{"web.example.com"}, map[string]string{"wildcast.dev/issuer": "letsencrypt"}))
	s.event("shop", "web", "NamespaceNotSelected")

	const page = "troubleshooting.md"
	look := commands(t, page, "get|describe|events")
	if told := s.typed(look[0]); !strings.Contains(told, "NamespaceNotSelected") {
		t.Errorf("kubectl %s says %s", look[0], told)
	}
	s.CA.Answer(acmetest.StepFinalize, acmetest.Problem{Status: 403, Type: "unauthorized", Detail: "not today"})
	for _, command := range commands(t, page, "label") {
		s.typed(command)
	}
	s.event("shop", "web", "OrderFailed", "not today")
	if told := s.typed(look[3]); !strings.Contains(told, "lastError: finalize order: unauthorized: not today") || strings.Contains(told, "PRIVATE KEY") {
		t.Errorf("kubectl %s says %s", look[3], told)
	}

	s.CA.Allow()
	s.put(home("letsencrypt"), "email", "other@a.test") // which starts it at once
	s.served("shop", "web-tls", "*.example.com")
	for _, command := range look {
		if s.typed(command) == "" {
			t.Errorf("kubectl %s says nothing", command)
		}
	}
}
