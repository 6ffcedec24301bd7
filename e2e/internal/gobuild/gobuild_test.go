package gobuild_test

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wildcast/wildcast/e2e/internal/gobuild"
)

// module writes a module with one program and returns its folder.
func module(t *testing.T, program string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module example\n\ngo 1.26\n", "main.go": program} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestAProgramIsBuiltIntoTheFolder(t *testing.T) {
	out := t.TempDir()
	b := gobuild.Build{
		Dir: module(t, "package main\n\nfunc main() { print(\"ran\") }\n"), Packages: []string{"."},
		Out: out, Log: io.Discard, What: "example",
	}
	if err := b.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	said, err := exec.Command(filepath.Join(out, "example")).CombinedOutput()
	if err != nil || string(said) != "ran" {
		t.Errorf("the program said %q, %v", said, err)
	}
}

func TestAnErrorHoldsWhatTheCompilerSaid(t *testing.T) {
	b := gobuild.Build{
		Dir: module(t, "package main\n\nfunc main() { mistake() }\n"), Packages: []string{"."},
		Out: t.TempDir(), Log: io.Discard, What: "example",
	}
	err := b.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "main.go:3:15: undefined: mistake") {
		t.Errorf("error %v", err)
	}
}

func TestOneAtATimeHasTheLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "folder", "lock")
	unlock, err := gobuild.Lock(t.Context(), path, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	impatient, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := gobuild.Lock(impatient, path, &log); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("second lock: %v, want a deadline", err)
	}
	if !strings.Contains(log.String(), path) {
		t.Errorf("it waited and said only %q", log.String())
	}
	unlock()
	again, err := gobuild.Lock(t.Context(), path, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	again()
}
