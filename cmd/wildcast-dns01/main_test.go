package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/wildcast/wildcast/acmeclient/dns01/wire"
)

// output runs the program and returns what it printed and its exit code.
func output(t *testing.T, stdin string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "stdout"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	real := os.Stdout
	defer func() { os.Stdout = real }()
	var errors bytes.Buffer
	code = run(args, strings.NewReader(stdin), file, &errors)
	text, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(text), errors.String(), code
}

func TestTheListIsThatOfLegoLessWhatASolverMustNotDo(t *testing.T) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/go-acme/lego/v4").Output()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(strings.TrimSpace(string(dir)), "providers", "dns", "zz_gen_dns_providers.go")
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	ast.Inspect(file, func(n ast.Node) bool {
		if clause, ok := n.(*ast.CaseClause); ok {
			for _, expr := range clause.List {
				code, err := strconv.Unquote(expr.(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				want = append(want, code)
			}
		}
		return true
	})
	want = slices.DeleteFunc(want, func(code string) bool { return code == "manual" })
	slices.Sort(want)
	stdout, _, code := output(t, "", "-list")
	if got := strings.Fields(stdout); code != 0 || !slices.Equal(got, want) {
		t.Errorf("providers.txt is not in step with lego:\n got %v\nwant %v", got, want)
	}
	if len(want) < 190 {
		t.Errorf("lego has %d providers only", len(want))
	}
}

func TestTheVersionIsPrinted(t *testing.T) {
	if stdout, _, code := output(t, "", "-version"); code != 0 || stdout != version+"\n" {
		t.Errorf("printed %q, exit code %d", stdout, code)
	}
}

func TestWrongUseIsExplained(t *testing.T) {
	for remedy, args := range map[string][]string{
		"takes only flags":    {"present"},
		"-nonsense":           {"-nonsense"},
		"starts this program": nil,
	} {
		if _, stderr, code := output(t, "", args...); code != 2 || !strings.Contains(stderr, remedy) {
			t.Errorf("%v: printed %q, exit code %d", args, stderr, code)
		}
	}
}

func TestTheChildGreetsWithTheProvidersKind(t *testing.T) {
	for provider, want := range map[string]string{
		"rfc2136":    `"sequential":true`,
		"cloudflare": `{"timeout":`,
		"route53":    `{"timeout":`,
		"exec":       "EXEC_PATH",
		"manual":     "is unknown",
		"nonsense":   "is unknown",
		"alidns":     "credentials",
	} {
		t.Setenv(wire.EnvProvider, provider)
		t.Setenv("DNSUPDATE_NAMESERVER", "127.0.0.1:53")
		t.Setenv("CF_DNS_API_TOKEN", "secret")
		t.Setenv("AWS_REGION", "eu-central-1")
		stdout, stderr, code := output(t, "")
		if code != 0 || !strings.Contains(stdout, want) {
			t.Errorf("%s: printed %q and %q, exit code %d; want %q", provider, stdout, stderr, code, want)
		}
	}
}
