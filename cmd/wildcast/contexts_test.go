package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
)

// kubeconfigOf is a kubeconfig with the contexts a and b, which differ in their namespaces, and whose user is as given.
func kubeconfigOf(user string) string {
	return `{"apiVersion":"v1","kind":"Config",
"clusters":[{"name":"c","cluster":{"server":"https://127.0.0.1:1"}}],
"users":[{"name":"u","user":` + user + `},{"name":"v","user":{"token":"t"}}],
"contexts":[{"name":"a","context":{"cluster":"c","user":"u","namespace":"x"}},{"name":"b","context":{"cluster":"c","user":"v"}}]}`
}

func TestContextsAreReadAnewHoweverTheFileChanges(t *testing.T) {
	folder := t.TempDir()
	for name, user := range map[string]string{"one": `{"token":"1"}`, "two": `{"token":"2"}`} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(kubeconfigOf(user)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(folder, "config")
	swap := func(to string) { // as a kubelet does
		t.Helper()
		if err := os.Symlink(to, file+".new"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	read := contexts(&options{contextsKubeconfig: file, kubeAPIQPS: -1}, zap.NewNop())
	if _, err := read(); err == nil {
		t.Error("a file that is not there was read")
	}
	swap("one")
	before, err := read()
	if err != nil || len(before) != 2 || before["a"].Namespace != "x" || before["b"].Namespace != "" {
		t.Fatal(before, err)
	}
	if _, err := before["a"].Connect(); err != nil {
		t.Error(err)
	}
	again, _ := read()
	swap("two")
	after, err := read()
	if err != nil || again["a"].Revision != before["a"].Revision || after["a"].Revision == before["a"].Revision || after["b"].Revision != before["b"].Revision {
		t.Error("the revision does not tell what has changed", err)
	}
	if err := os.WriteFile(filepath.Join(folder, "two"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := read(); err == nil || !strings.Contains(err.Error(), "no context") {
		t.Errorf("a file that is being written: %v", err)
	}
}

func TestProgramsOfAKubeconfigAreNotRun(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config")
	user := `{"exec":{"apiVersion":"client.authentication.k8s.io/v1","command":"touch","args":["` + file + `.ran"],"interactiveMode":"Never"}}`
	if err := os.WriteFile(file, []byte(kubeconfigOf(user)), 0o600); err != nil {
		t.Fatal(err)
	}
	found, err := contexts(&options{contextsKubeconfig: file, kubeAPIQPS: -1}, zap.NewNop())()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := found["a"].Connect(); err == nil || !strings.Contains(err.Error(), "give it a token") {
		t.Error(err)
	}
	if _, err := found["b"].Connect(); err != nil {
		t.Error(err)
	}
}
