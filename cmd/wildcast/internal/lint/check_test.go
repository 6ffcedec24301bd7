package lint_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/wildcast/wildcast/cmd/wildcast/internal/lint"
	"github.com/wildcast/wildcast/controllers"
)

var update = flag.Bool("update", false, "write what is found into testdata")

// known are the keys that a fault lists, which grow.
var known = regexp.MustCompile(`unknown key; .*`)

// check returns what is found, a line each.
func check(t *testing.T, files lint.Files) (int, string) {
	t.Helper()
	concerned, findings, err := lint.Check(files, lint.Config{Namespace: "default", Config: controllers.Config{Home: "cert-manager"}})
	if err != nil {
		t.Fatal(err)
	}
	var lines strings.Builder
	for _, f := range findings {
		fmt.Fprintf(&lines, "%d %s %s/%s %s: %s\n", f.Line, f.Kind, f.Namespace, f.Name, f.Reason, f.Message)
	}
	return concerned, lines.String()
}

func TestFaultsAreFoundWhereTheyStand(t *testing.T) {
	names, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatal("there is nothing to check", err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			var files lint.Files
			if err := files.Read(name, false, nil); err != nil {
				t.Fatal(err)
			}
			_, got := check(t, files)
			got = known.ReplaceAllString(got, "unknown key; ...")
			golden := strings.TrimSuffix(name, ".yaml") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("found\n%s\nand should find\n%s", got, want)
			}
			if strings.Contains(got, "secret-token") {
				t.Error("a finding shows a credential")
			}
		})
	}
}

func TestAFolderWithoutFilesToReadIsAMistake(t *testing.T) {
	folder := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(folder, "below"), 0o755), os.WriteFile(filepath.Join(folder, "notes.txt"), nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	for recursive, want := range map[bool]string{false: "read too, with -R", true: "name another folder"} {
		var files lint.Files
		if err := files.Read(folder, recursive, nil); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("recursive: %t: %v", recursive, err)
		}
	}
}

func TestTheShippedManifestsHaveNoFault(t *testing.T) {
	const manifests = "../../../../manifests"
	folders, err := os.ReadDir(manifests)
	if err != nil {
		t.Fatal(err)
	}
	var files lint.Files
	for _, folder := range folders {
		if !folder.IsDir() || folder.Name() == "templates" { // which helm makes objects of
			continue
		}
		if err := files.Read(filepath.Join(manifests, folder.Name()), true, nil); err != nil {
			t.Fatal(err)
		}
	}
	concerned, got := check(t, files)
	if got != "" || concerned == 0 {
		t.Errorf("%d objects\n%s", concerned, got)
	}
}

func TestAFolderIsReadAsKubectlReadsIt(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"a.yaml", "b.yml", "c.json", "d.txt", "deep/e.yaml"} {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		text := `{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}, "type": "wildcast.dev/issuer", "stringData": {"kind": "` + filepath.Base(name) + `"}}`
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for recursive, want := range map[bool]int{false: 3, true: 4} {
		var files lint.Files
		if err := files.Read(folder, recursive, nil); err != nil {
			t.Fatal(err)
		}
		if len(files.Documents) != want {
			t.Errorf("recursive %t: %d files were read, want %d", recursive, len(files.Documents), want)
		}
	}
	var files lint.Files
	if err := files.Read(filepath.Join(folder, "nothing"), false, nil); err == nil {
		t.Error("a file that is not there was read")
	}
}

func TestAFieldThatDoesNotExistIsFoundWhateverItIsCalled(t *testing.T) {
	for _, name := range []string{"tls.-1", "tls.0", "tls.9", "tls.00.hosts", "tls[-1]", "tls.99999999999999999999", "-1", "0", ".", "..", "[", "]", "tls.", ".tls", "", " ", "a.b", `a"b`, "é"} {
		key, err := json.Marshal(name)
		if err != nil {
			t.Fatal(err)
		}
		var files lint.Files
		text := "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web}\nspec: {tls: [{hosts: [a.test], secretName: a}], " + string(key) + ": x}\n"
		if err := files.Read("-", false, strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
		if _, got := check(t, files); !strings.HasPrefix(got, "4 Ingress /web Malformed: there is no field spec.") {
			t.Errorf("%q: %s", name, got)
		}
	}
}

// All faults are those of the parsers, so anything may be in a file.
func FuzzAnythingMayBeInAFile(f *testing.F) {
	for _, seed := range []string{"a: &a [*a]", "kind: List\nitems: [1, {kind: Secret}]", "kind: Secret\napiVersion: v1\nmetadata: 1", "- 1", "--- ---",
		"kind: Ingress\napiVersion: networking.k8s.io/v1\nspec: {tls: [null]}", "kind: XList\nitems: &x []\n", "kind: Secret\napiVersion: v1\n<<: {a: 1}\n",
		"kind: Ingress\napiVersion: networking.k8s.io/v1\nspec: {tls: [{hosts: [a]}], tls.-1: x}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var files lint.Files
		if err := files.Read("-", false, strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
		_, _ = check(t, files)
	})
}
