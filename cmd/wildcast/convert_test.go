package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	aClusterIssuer = `{apiVersion: cert-manager.io/v1, kind: ClusterIssuer, metadata: {name: root}, spec: {selfSigned: {}}}`
	aCertificate   = `{apiVersion: cert-manager.io/v1, kind: Certificate, metadata: {name: web}, spec: {secretName: web, dnsNames: [web.internal],
  issuerRef: {name: root, kind: ClusterIssuer}}}`
)

// converted runs the command.
func converted(t *testing.T, stdin string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, complaints bytes.Buffer
	cmd := convertCommand()
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetIn(strings.NewReader(stdin))
	cmd.SetOut(&out)
	cmd.SetErr(&complaints)
	cmd.SetArgs(args)
	err = cmd.ExecuteContext(t.Context())
	return out.String(), complaints.String(), err
}

func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestConvertReadsFilesFoldersAndStandardInputTogether(t *testing.T) {
	dir := folder(t, map[string]string{"issuer.yaml": aClusterIssuer, "README.md": "{", "below/certificate.yml": aCertificate})
	for _, row := range []struct {
		name, stdin string
		args        []string
		kinds       string
	}{
		{"folder", "", []string{"-f", dir}, "Secret"},
		{"folder and what is below", "", []string{"-R", "-f", dir}, "Secret ConfigMap"},
		{"two files", "", []string{"-f", dir + "/issuer.yaml", "-f", dir + "/below/certificate.yml"}, "Secret ConfigMap"},
		{"file and standard input", aCertificate, []string{"-f", dir + "/issuer.yaml", "-f", "-"}, "Secret ConfigMap"},
		{"nothing", "", []string{"-f", "-"}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			stdout, _, err := converted(t, row.stdin, append(row.args, "-o", "json")...)
			if err != nil {
				t.Fatal(err)
			}
			var list struct{ Items []struct{ Kind string } }
			if err := json.Unmarshal([]byte(stdout), &list); err != nil {
				t.Fatal(err)
			}
			var kinds []string
			for _, item := range list.Items {
				kinds = append(kinds, item.Kind)
			}
			if got := strings.Join(kinds, " "); got != row.kinds {
				t.Errorf("got %s, want %s", got, row.kinds)
			}
		})
	}
}

func TestConvertSaysWithItsExitCodeWhatWasNotCarriedOver(t *testing.T) {
	lacking := strings.Replace(aClusterIssuer, "selfSigned: {}", "venafi: {}", 1)
	_, stderr, err := converted(t, lacking, "-f", "-")
	if _, partly := errors.AsType[incompleteError](err); !partly || !strings.Contains(stderr, "ClusterIssuer root: spec: not carried over: ") {
		t.Errorf("got %v and %q", err, stderr)
	}
	dir := folder(t, map[string]string{"lacking.yaml": lacking, "good.yaml": aClusterIssuer, "broken.yaml": "{"})
	var out bytes.Buffer
	for file, want := range map[string]int{"lacking.yaml": exitPartly, "good.yaml": 0, "broken.yaml": exitFailed, "absent.yaml": exitFailed} {
		if got := execute(t.Context(), []string{"convert", "-f", filepath.Join(dir, file)}, streams{err: &out}); got != want {
			t.Errorf("exit code for %s is %d, want %d: %s", file, got, want, out.String())
		}
	}
}
