package admission

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/wildcast/wildcast/e2e/cluster"
)

func pages(t *testing.T) (texts map[string]string, checkout string) {
	t.Helper()
	checkout, err := cluster.Checkout()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(checkout, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	texts = map[string]string{}
	for _, file := range append(files, filepath.Join(checkout, "README.md")) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[filepath.Base(file)] = string(text)
	}
	return texts, checkout
}

func TestEveryExampleAndEveryIssuerOfTheOverlaysIsAccepted(t *testing.T) {
	_, checkout := pages(t)
	var files []string
	for _, pattern := range []string{"examples/*.yaml", "overlays/*/issuer.yaml"} {
		found, err := filepath.Glob(filepath.Join(checkout, "manifests", pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("no file is called manifests/%s: %v", pattern, err)
		}
		files = append(files, found...)
	}
	for _, file := range files {
		if filepath.Base(file) == "kustomization.yaml" {
			continue
		}
		if _, err := shared.Kubectl(t.Context(), "apply", "--dry-run=server", "--filename", file); err != nil {
			t.Error(err)
		}
	}
}

// command is one that makes a Secret, once its lines are joined. Those that begin with a $ are run in earnest, see walk_test.go.
var command = regexp.MustCompile(`(?m)^ *kubectl (-n [a-z-]+ create secret generic .*)$`)

func TestEveryIssuerAndSolverThatTheDocumentationMakesIsAccepted(t *testing.T) {
	texts, _ := pages(t)
	made := 0
	for page, text := range texts {
		for _, found := range command.FindAllStringSubmatch(strings.ReplaceAll(text, "\\\n", " "), -1) {
			if !strings.Contains(found[1], "--type=wildcast.dev/") {
				continue
			}
			args := strings.Fields(strings.NewReplacer(`"`, "", "'", "", "--from-file=", "--from-literal=").Replace(found[1]))
			if _, err := shared.Kubectl(t.Context(), append(args, "--dry-run=server")...); err != nil {
				t.Errorf("%s: %v", page, err)
			}
			made++
		}
	}
	if made < 3 {
		t.Errorf("the documentation makes just %d issuers and solvers", made)
	}
}

// objects are the manifests in a page.
func objects(page string) (found []string) {
	lines := strings.Split(page, "\n")
	for i, line := range lines {
		bare := strings.TrimLeft(line, " ")
		if !strings.HasPrefix(bare, "apiVersion: ") {
			continue
		}
		indent := line[:len(line)-len(bare)]
		end := i
		for end < len(lines) && strings.HasPrefix(lines[end], indent) && !slices.Contains([]string{"", "---", "```"}, strings.TrimSpace(lines[end])) {
			end++
		}
		found = append(found, strings.ReplaceAll("\n"+strings.Join(lines[i:end], "\n")+"\n", "\n"+indent, "\n"))
	}
	return found
}

func TestEveryManifestInTheDocumentationIsAccepted(t *testing.T) {
	texts, _ := pages(t)
	tried := 0
	for page, text := range texts {
		for _, manifest := range objects(manifest.ReplaceAllString(text, "")) { // those are applied in earnest, see walk_test.go
			if !strings.Contains(manifest, "wildcast.dev/") || !strings.Contains(manifest, "\nkind: ") {
				continue
			}
			file := filepath.Join(t.TempDir(), "object.yaml")
			if err := os.WriteFile(file, []byte(manifest), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := shared.Kubectl(t.Context(), "apply", "--dry-run=server", "--filename", file); err != nil {
				t.Errorf("%s: %v", page, err)
			}
			tried++
		}
	}
	if tried == 0 {
		t.Error("the documentation shows no manifest")
	}
}

// warnOnly is the part of the reference that shows how to begin with warnings.
var warnOnly = regexp.MustCompile(`(?s)\n    resources:\n      - \.\./\.\./admission\n.*?\n\n`)

func TestThePatchOfTheReferenceWarnsInsteadOfRefusing(t *testing.T) {
	texts, checkout := pages(t)
	shown := warnOnly.FindString(texts["reference.md"])
	if shown == "" {
		t.Fatal("the reference shows no such patch")
	}
	manifests := t.TempDir()
	if err := os.CopyFS(filepath.Join(manifests, "admission"), os.DirFS(filepath.Join(checkout, "manifests", "admission"))); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(manifests, "overlays", "own")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "kustomization.yaml"), []byte(strings.ReplaceAll(shown, "\n    ", "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	built, err := shared.Kubectl(t.Context(), "kustomize", folder)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(built, "validationActions:\n  - Warn\n  - Audit\n"); got != len(policies) || strings.Contains(built, "Deny") {
		t.Errorf("of %d bindings %d warn:\n%s", len(policies), got, built)
	}
}
