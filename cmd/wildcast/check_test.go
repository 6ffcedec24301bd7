package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/wildcast/wildcast/cmd/wildcast/internal/lint"
)

// command runs a command line and returns its exit code and what it prints.
func command(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, complaints bytes.Buffer
	code = execute(t.Context(), args, streams{strings.NewReader(stdin), &out, &complaints})
	return code, out.String(), complaints.String()
}

const faulty = `{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "le"}, "type": "wildcast.dev/issuer",
"stringData": {"server": "letsencrypt",
"emial": "x"}}`

func TestCheckTellsFaultsByItsExitCode(t *testing.T) {
	code, out, complaints := command(t, faulty, "check", "-f", "-")
	if code != exitFailed || !strings.HasPrefix(out, "standard input:3: Secret default/le: InvalidIssuer: emial: unknown key") || complaints != "wildcast: found 1 fault\n" {
		t.Errorf("exit code %d\n%s%s", code, out, complaints)
	}
	code, out, complaints = command(t, strings.Replace(faulty, "emial", "zones", 1), "check", "-f", "-")
	if code != 0 || out != "no fault in 1 object that wildcast reads\n" || complaints != "" {
		t.Errorf("exit code %d\n%s%s", code, out, complaints)
	}
	code, out, complaints = command(t, "", "check", "-f", "testdata/nothing")
	if code != exitFailed || out != "" || complaints != "wildcast: there is no file or folder testdata/nothing: name one with -f\n" {
		t.Errorf("exit code %d\n%s%s", code, out, complaints)
	}
}

func TestCheckIsReadByMachines(t *testing.T) {
	code, out, _ := command(t, faulty, "check", "-f", "-", "-o", "json", "-n", "web")
	var got struct{ Findings []lint.Finding }
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != exitFailed {
		t.Fatalf("exit code %d, %v\n%s", code, err, out)
	}
	if len(got.Findings) != 1 {
		t.Fatal(out)
	}
	found := got.Findings[0]
	found.Message, _, _ = strings.Cut(found.Message, ";")
	want := lint.Finding{File: "standard input", Line: 3, Kind: "Secret", Namespace: "web", Name: "le", Reason: "InvalidIssuer", Message: "emial: unknown key"}
	if found != want {
		t.Errorf("%+v", found)
	}
	if _, out, _ := command(t, "", "check", "-f", "-", "-o", "json"); out != "{\n  \"findings\": []\n}\n" {
		t.Error(out)
	}
}

func TestCheckKnowsAllNames(t *testing.T) {
	for _, name := range append(constants(t, "controllers/names.go", ""), constants(t, "syncer/names.go", "wildcast.dev/")...) {
		_, path, ours := strings.Cut(name, "wildcast.dev/")
		if isType := slices.Contains([]string{"issuer", "dns01", "account", "order", ""}, path); ours && !isType && !slices.Contains(lint.Names, name) {
			t.Errorf("check takes %s for a fault", name)
		}
	}
}
