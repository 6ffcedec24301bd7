package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	literal = regexp.MustCompile(`--from-literal=([A-Za-z0-9_]+)=(\S+)`)
	named   = regexp.MustCompile("(?m)^ *([A-Z][A-Z0-9_]*) = |`([A-Z][A-Z0-9_]*)`")
)

// settingsOf are the names in lego's own documentation of a provider.
func settingsOf(t *testing.T, lego, provider string) (names []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(lego, "providers", "dns", provider, provider+".toml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range named.FindAllStringSubmatch(string(text), -1) {
		names = append(names, found[1]+found[2])
	}
	return names
}

func TestEachSolverOfTheDocumentationHasSettingsOfLegosDocumentationOfItsProvider(t *testing.T) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/go-acme/lego/v4").Output()
	if err != nil {
		t.Fatal(err)
	}
	lego, solvers := strings.TrimSpace(string(dir)), 0
	for _, page := range []string{"README.md", "docs/dns.md", "docs/reference.md"} {
		text, err := os.ReadFile(filepath.Join("..", "..", page))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(strings.ReplaceAll(string(text), "\\\n", " ")) {
			if !strings.Contains(line, "--type=wildcast.dev/dns01") {
				continue
			}
			solvers++
			checkSolver(t, lego, page, literal.FindAllStringSubmatch(line, -1))
		}
	}
	if solvers < 12 {
		t.Errorf("just %d solvers are made", solvers)
	}
}

func checkSolver(t *testing.T, lego, page string, literals [][]string) {
	t.Helper()
	provider := ""
	for _, l := range literals {
		if l[1] == "provider" {
			provider = l[2]
		}
	}
	if provider == "persist" {
		return // not lego's
	}
	known := settingsOf(t, lego, provider)
	for _, l := range literals {
		if strings.ToUpper(l[1]) == l[1] && !slices.Contains(known, l[1]) {
			t.Errorf("%s: %s is no setting of %s; lego documents %q", page, l[1], provider, known)
		}
	}
}
