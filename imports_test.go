package wildcast

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/wildcast/wildcast/"

// allowed says what the packages below each folder may import of this module.
var allowed = map[string][]string{
	"cmd/wildcast":        {"acmeclient", "cmd/wildcast", "controllers", "syncer"},
	"cmd/wildcast-dns01":  {"acmeclient"},
	"controllers":         {"acmeclient", "controllers"},
	"controllers/loop":    {},
	"controllers/signers": {"controllers/signers"},
	"syncer":              {"controllers/loop"},
	"acmeclient":          {"acmeclient"},
}

func TestImportsPointOneWay(t *testing.T) {
	for pkg, imports := range packages(t) {
		may, known := allowed[longestPrefix(pkg)]
		if !known {
			t.Errorf("%s is in no folder that this test knows", pkg)
		}
		for _, imported := range imports {
			own, ours := strings.CutPrefix(imported, module)
			if ours && !slices.ContainsFunc(may, func(folder string) bool { return within(own, folder) }) {
				t.Errorf("%s imports %s", pkg, own)
			}
		}
	}
}

func TestOnlyTheACMEClientKnowsLegoAndItKnowsNoKubernetes(t *testing.T) {
	for pkg, imports := range packages(t) {
		for _, imported := range imports {
			lego := strings.HasPrefix(imported, "github.com/go-acme/lego/")
			if lego && !within(pkg, "acmeclient") && pkg != "cmd/wildcast-dns01" {
				t.Errorf("%s imports %s", pkg, imported)
			}
			if strings.HasPrefix(imported, "k8s.io/") && within(pkg, "acmeclient") {
				t.Errorf("%s imports %s", pkg, imported)
			}
		}
	}
}

// packages returns the imports of each package of the module, by its folder.
func packages(t *testing.T) map[string][]string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for list := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := list.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if folder, ok := strings.CutPrefix(p.ImportPath, module); ok {
			found[folder] = p.Imports
		}
	}
	if len(found) < len(allowed) {
		t.Fatalf("found only %d packages", len(found))
	}
	return found
}

// longestPrefix is the folder in allowed that holds the package.
func longestPrefix(pkg string) (folder string) {
	for candidate := range allowed {
		if within(pkg, candidate) && len(candidate) > len(folder) {
			folder = candidate
		}
	}
	return folder
}

func within(pkg, folder string) bool { return pkg == folder || strings.HasPrefix(pkg, folder+"/") }
