package page

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/wildcast/wildcast/e2e/cluster"
)

// Guide is the commands of a page, which a test takes from it one by one and runs as a reader types them, until none is
// left.
type Guide struct {
	left []string
}

// typed is a command in an indented block, or flags that one may have.
var typed = regexp.MustCompile(`(?m)^    ((?:kubectl|wildcast|go) .*|--.*)$`)

// Open reads the commands of a page of the checkout, of which lines that end in a backslash go on in the next.
func Open(name string) (*Guide, error) {
	checkout, err := cluster.Checkout()
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(checkout, name))
	if err != nil {
		return nil, fmt.Errorf("read commands: %w", err)
	}
	g := &Guide{}
	for _, found := range typed.FindAllStringSubmatch(strings.ReplaceAll(string(text), "\\\n", ""), -1) {
		g.left = append(g.left, found[1])
	}
	return g, nil
}

// Take takes the first command that begins so.
func (g *Guide) Take(begins string) (string, error) {
	i := slices.IndexFunc(g.left, func(line string) bool { return strings.HasPrefix(line, begins) })
	if i < 0 {
		return "", fmt.Errorf("no command that begins with %s is left: %q", begins, g.left)
	}
	line := g.left[i]
	g.left = slices.Delete(g.left, i, i+1)
	return line, nil
}

// Left are the commands that nobody has taken.
func (g *Guide) Left() []string { return g.left }

// Type runs a command in the checkout as a shell does, as the administrator, and returns what it prints. The error holds
// that too.
func Type(ctx context.Context, c *cluster.Cluster, line string) (string, error) {
	checkout, err := cluster.Checkout()
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.Dir = checkout
	cmd.Env = append(os.Environ(), "KUBECONFIG="+c.Kubeconfig(), "KUBECTL_KUBERC=false",
		"PATH="+filepath.Dir(c.KubectlPath())+string(filepath.ListSeparator)+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("%s: %w: %s", line, err, out)
	}
	return string(out), nil
}
