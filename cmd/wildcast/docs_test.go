package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

const root = "../../"

func readDoc(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(root + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// pages are all that users and developers read.
func pages(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(root + "docs/*.md")
	if err != nil || len(found) == 0 {
		t.Fatalf("docs has %q: %v", found, err)
	}
	names := []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md"}
	for _, file := range found {
		names = append(names, "docs/"+filepath.Base(file))
	}
	return names
}

// mentions reports whether a page has the name in backquotes, alone or as what begins a value.
func mentions(page, name string) bool {
	return strings.Contains(page, "`"+name+"`") || strings.Contains(page, "`"+name+":")
}

func parse(t *testing.T, file string) *ast.File {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), root+file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// text is the value of a string literal, or empty.
func text(e ast.Expr) string {
	literal, ok := e.(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return ""
	}
	value, err := strconv.Unquote(literal.Value)
	if err != nil {
		return ""
	}
	return value
}

// constants are the values of a file's exported string constants. A sum has the value of its right side after prefix.
func constants(t *testing.T, file, prefix string) (values []string) {
	t.Helper()
	ast.Inspect(parse(t, file), func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !spec.Names[0].IsExported() {
			return true
		}
		for _, value := range spec.Values {
			if sum, ok := value.(*ast.BinaryExpr); ok {
				values = append(values, prefix+text(sum.Y))
			} else if v := text(value); v != prefix {
				values = append(values, v)
			}
		}
		return false
	})
	if len(values) == 0 {
		t.Fatalf("%s has no constants", file)
	}
	return values
}

func TestTheReferenceMentionsEveryNameThatUsersSee(t *testing.T) {
	page := readDoc(t, "docs/reference.md")
	names := append(constants(t, "controllers/names.go", ""), constants(t, "syncer/names.go", "wildcast.dev/")...)
	for _, name := range names {
		if !mentions(page, name) {
			t.Errorf("docs/reference.md does not mention %s", name)
		}
	}
}

// reasons are the Events' reasons that a file declares.
func reasons(t *testing.T, file string) (all []string) {
	t.Helper()
	ast.Inspect(parse(t, file), func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(spec.Names[0].Name, "Reason") {
			all = append(all, text(spec.Values[0]))
		}
		return true
	})
	if len(all) == 0 {
		t.Fatalf("%s has no reasons of Events", file)
	}
	return all
}

func TestEveryEventHasARowWithItsRemedyAndNoOtherHas(t *testing.T) {
	page := readDoc(t, "docs/troubleshooting.md")
	known := append(reasons(t, "controllers/names.go"), reasons(t, "syncer/names.go")...)
	var rows []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Z][A-Za-z]+)` \\|[^|]+\\| [^|]+\\|$").FindAllStringSubmatch(page, -1) {
		rows = append(rows, row[1])
		if !slices.Contains(known, row[1]) {
			t.Errorf("docs/troubleshooting.md has a row for %s, which is no Event", row[1])
		}
	}
	for _, reason := range known {
		if !slices.Contains(rows, reason) {
			t.Errorf("docs/troubleshooting.md has no row for the Event %s", reason)
		}
	}
}

// keysOf are the keys of the map or the cases of the switch that a declaration of that name holds.
func keysOf(t *testing.T, file, declaration string) (keys []string) {
	t.Helper()
	for _, d := range parse(t, file).Decls {
		if !declares(d, declaration) {
			continue
		}
		ast.Inspect(d, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.KeyValueExpr:
				keys = append(keys, text(n.Key))
			case *ast.CaseClause:
				for _, e := range n.List {
					keys = append(keys, text(e))
				}
			}
			return true
		})
	}
	if keys = slices.DeleteFunc(keys, func(key string) bool { return key == "" }); len(keys) == 0 {
		t.Fatalf("%s has no keys in %s", file, declaration)
	}
	return keys
}

func declares(d ast.Decl, name string) bool {
	if f, ok := d.(*ast.FuncDecl); ok {
		return f.Name.Name == name
	}
	g, ok := d.(*ast.GenDecl)
	return ok && slices.ContainsFunc(g.Specs, func(s ast.Spec) bool {
		v, ok := s.(*ast.ValueSpec)
		return ok && v.Names[0].Name == name
	})
}

func TestTheReferenceAndTheREADMEMentionEveryKeyOfIssuersAndSolvers(t *testing.T) {
	for _, name := range []string{"docs/reference.md", "README.md"} {
		page := readDoc(t, name)
		keys := slices.Concat(keysOf(t, "controllers/issuer.go", "issuerKeys"), keysOf(t, "controllers/traits.go", "traitKeys"),
			keysOf(t, "controllers/solver.go", "setSolver"))
		for _, key := range keys {
			if !mentions(page, key) {
				t.Errorf("%s does not mention the key %s", name, key)
			}
		}
	}
}

func TestThePageOnIssuersMentionsEveryKey(t *testing.T) {
	page := readDoc(t, "docs/issuers.md")
	for _, key := range slices.Concat(keysOf(t, "controllers/issuer.go", "issuerKeys"), keysOf(t, "controllers/traits.go", "traitKeys")) {
		if !mentions(page, key) {
			t.Errorf("docs/issuers.md does not mention the key %s", key)
		}
	}
}

// ofIngresses is the block of constants that names what an Ingress may carry.
var ofIngresses = regexp.MustCompile(`(?s)// Annotations of Ingresses\.\nconst \((.*?)\n\)`)

func TestThePageOnIngressesMentionsEveryAnnotation(t *testing.T) {
	page := readDoc(t, "docs/ingress.md")
	block := ofIngresses.FindString(readDoc(t, "controllers/names.go"))
	names := regexp.MustCompile(`"([a-z.-]+/[a-z-]+)"`).FindAllStringSubmatch(block, -1)
	if len(names) < 10 {
		t.Fatalf("just %d annotations in %q", len(names), block)
	}
	for _, name := range names {
		if !mentions(page, name[1]) && !strings.Contains(page, name[1]+"=") {
			t.Errorf("docs/ingress.md does not mention %s", name[1])
		}
	}
}

func TestTheReferenceMentionsEveryKeyOfStandingCertificates(t *testing.T) {
	page := readDoc(t, "docs/reference.md")
	for _, key := range keysOf(t, "controllers/standing.go", "standingKeys") {
		if !mentions(page, key) {
			t.Errorf("docs/reference.md does not mention the key %s", key)
		}
	}
}

func TestTheReferenceMentionsEveryFlagAndItsDefault(t *testing.T) {
	page := readDoc(t, "docs/reference.md")
	var o options
	flags := pflag.NewFlagSet("run", pflag.ContinueOnError)
	o.add(flags)
	known := map[string]bool{}
	flags.VisitAll(func(f *pflag.Flag) {
		known[f.Name] = true
		row := regexp.MustCompile("(?m)^\\| `--" + f.Name + "` \\|([^|]*)\\|").FindStringSubmatch(page)
		switch {
		case row == nil:
			t.Errorf("docs/reference.md has no row for --%s", f.Name)
		case f.DefValue != "" && f.DefValue != "[]" && f.Name != "dns01-command" && !strings.Contains(row[1], "`"+f.DefValue+"`"):
			t.Errorf("docs/reference.md says of --%s that its default is %s, which is %s", f.Name, row[1], f.DefValue)
		}
	})
	for _, row := range regexp.MustCompile("(?m)^\\| `--([a-z0-9-]+)`").FindAllStringSubmatch(page, -1) {
		if !known[row[1]] {
			t.Errorf("docs/reference.md has a row for --%s, which is no flag", row[1])
		}
	}
}

// metricName is what our metrics are called, as a whole string.
var metricName = regexp.MustCompile(`^(wildcast|certmanager)_[a-z0-9_]+$`)

func TestTheReferenceMentionsEveryMetricAndNoOther(t *testing.T) {
	page := readDoc(t, "docs/reference.md")
	known := map[string]bool{}
	for _, pattern := range []string{"controllers/*.go", "syncer/*.go", "cmd/wildcast/*.go"} {
		files, err := filepath.Glob(root + pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			ast.Inspect(parse(t, strings.TrimPrefix(file, root)), func(n ast.Node) bool {
				if literal, ok := n.(*ast.BasicLit); ok && metricName.MatchString(text(literal)) {
					known[text(literal)] = true
				}
				return true
			})
		}
	}
	for name := range known {
		if !mentions(page, name) {
			t.Errorf("docs/reference.md does not mention the metric %s", name)
		}
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `((?:wildcast|certmanager)_[a-z0-9_]+)`").FindAllStringSubmatch(page, -1) {
		if !known[row[1]] {
			t.Errorf("docs/reference.md has a row for %s, which is no metric", row[1])
		}
	}
}

// ourName is a name of ours in a text.
var ourName = regexp.MustCompile(`wildcast\.dev/[a-z0-9.-]*[a-z0-9]`)

// misspelt is a line that shows what wildcast check says of a name that is not there.
var misspelt = regexp.MustCompile(`(?m)^.* means nothing to this version; .*$`)

func TestTheDocumentationPromisesNoNameThatIsNotThere(t *testing.T) {
	names := append(constants(t, "controllers/names.go", ""), constants(t, "syncer/names.go", "wildcast.dev/")...)
	for _, page := range pages(t) {
		text := misspelt.ReplaceAllString(readDoc(t, page), "")
		for _, name := range ourName.FindAllString(text, -1) {
			if !slices.Contains(names, name) {
				t.Errorf("%s speaks of %s, which is not in the code", page, name)
			}
		}
	}
}

func TestTheMigrationPageMentionsEveryFlagOfConvert(t *testing.T) {
	page := readDoc(t, "docs/migrate.md")
	convertCommand().Flags().VisitAll(func(f *pflag.Flag) {
		if !mentions(page, "--"+f.Name) {
			t.Errorf("docs/migrate.md does not mention --%s", f.Name)
		}
	})
}
