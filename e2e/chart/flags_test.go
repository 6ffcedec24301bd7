package chart

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/wildcast"
)

// shownFlag is a flag in values.yaml, with its default or an example.
var shownFlag = regexp.MustCompile(`(?m)^  # ([a-z0-9-]+: .+)$`)

// wildcast judges its flags before it looks for the API server, which is nowhere here: so this is all that it complains of.
func TestWildcastTakesEveryFlagAsTheChartGivesIt(t *testing.T) {
	checkout, err := cluster.Checkout()
	if err != nil {
		t.Fatal(err)
	}
	shown, err := os.ReadFile(filepath.Join(checkout, "manifests", "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	text := "flags:\n"
	for _, flag := range shownFlag.FindAllSubmatch(shown, -1) {
		text += "  " + string(flag[1]) + "\n"
	}
	text = strings.ReplaceAll(text, "cluster-name: kubernetes", "cluster-name: home") // as contexts-kubeconfig takes it
	text = strings.ReplaceAll(text, "source-namespaces: [cert-manager]", "source-namespaces: [cert-manager, team-a]")
	p := podOf(t, rendered(t, cluster.HomeNamespace, values(t, text)...))

	programs, err := wildcast.Build(t.Context(), os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(programs, "wildcast"), p.container.Args...)
	cmd.Env = []string{"POD_NAMESPACE=" + cluster.HomeNamespace}
	given := 0
	for _, v := range p.container.Env {
		if strings.HasPrefix(v.Name, "WILDCAST_") {
			cmd.Env = append(cmd.Env, v.Name+"="+v.Value)
			given++
		}
	}
	out, err := cmd.CombinedOutput()
	if err == nil || given < 20 || !strings.Contains(string(out), "find the cluster: stat /kubeconfig/config: no such file or directory") {
		t.Errorf("given %d flags wildcast says %s", given, out)
	}
}
