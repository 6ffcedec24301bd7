package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain runs this test binary as the demo itself when it is asked to, so that a test can interrupt it.
func TestMain(m *testing.M) {
	if os.Getenv("DEMO_TEST") == "run" {
		main()
	}
	os.Exit(m.Run())
}

func TestTheStoryIsPlayedToItsEnd(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var out bytes.Buffer
	code := run(t.Context(), &narrator{w: &out}, true)
	text := out.String()
	if code != 0 {
		t.Fatalf("exit code %d:\n%s", code, text)
	}
	for _, s := range story {
		if !strings.Contains(text, s.title) {
			t.Errorf("the chapter %q is missing", s.title)
		}
	}
	for _, fact := range []string{
		"$ kubectl apply --server-side -k manifests/base",
		"wildcast.dev/origin.namespace=cert-manager",
		"DNS:*.example.test",
		"HTTP/1.1 200 OK",
		"order 3 at the CA: *.example.test (the renewal)",
		"12 steps in",
	} {
		if !strings.Contains(text, fact) {
			t.Errorf("the story does not tell %q", fact)
		}
	}
	if strings.Contains(text, "\x1b") {
		t.Error("there are terminal codes in what no terminal reads")
	}
	nothingLeft(t, os.Getenv("TMPDIR"))
	if t.Failed() {
		t.Log(text)
	}
}

func TestAnInterruptedDemoLeavesNothingBehind(t *testing.T) {
	for _, tc := range []struct {
		name, line string // of the output, after which it is interrupted
		code       int
	}{
		{"while the control plane starts", "all programs are there", exitInterrupted},
		{"while a certificate is ordered", "A user asks for a certificate", exitInterrupted},
		{"after the story", "Everything stays up until Ctrl-C", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			folder := t.TempDir()
			code, rest := interrupted(t, folder, tc.line)
			if code != tc.code {
				t.Errorf("exit code %d, want %d, after:\n%s", code, tc.code, rest)
			}
			nothingLeft(t, folder)
		})
	}
}

// interrupted runs the demo with its files in the folder, presses Ctrl-C twice after the line, and returns how it ended.
func interrupted(t *testing.T, folder, line string) (code int, rest string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), "DEMO_TEST=run", "DEMO_EXIT=", "TMPDIR="+folder)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // as a shell does
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	for text := ""; !strings.Contains(text, line); {
		if text, err = lines.ReadString('\n'); err != nil {
			t.Fatalf("the demo ended before %q: %v", line, errors.Join(err, cmd.Wait()))
		}
	}
	for range 2 {
		if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
	}
	end, err := io.ReadAll(lines)
	if err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // the exit code is asked for below
	return cmd.ProcessState.ExitCode(), string(end)
}

// nothingLeft fails if there is a file in the folder, or a process whose command line names it.
func nothingLeft(t *testing.T, folder string) {
	t.Helper()
	var files []string
	err := filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
		files = append(files, path)
		return err
	})
	if err != nil || len(files) > 1 {
		t.Errorf("left in the folder: %v, %v", files, err)
	}
	processes, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range processes {
		line, err := os.ReadFile(file) // fails when the process has just ended
		if err == nil && strings.Contains(string(line), folder) {
			t.Errorf("still running: %s", strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
}

func TestAStepThatFailsIsNamedAndEndsTheStory(t *testing.T) {
	var out bytes.Buffer
	s := &scene{tell: &narrator{w: &out}}
	played := 0
	err := s.play(t.Context(), []step{
		{"It begins.", func(context.Context, *scene) error { played++; return nil }},
		{"It breaks.", func(context.Context, *scene) error { played++; return errors.New("the curtain fell") }},
		{"It ends.", func(context.Context, *scene) error { played++; return nil }},
	})
	if err == nil || err.Error() != `step 2, "It breaks.": the curtain fell` {
		t.Errorf("error %v", err)
	}
	if played != 2 {
		t.Errorf("%d steps were played", played)
	}
}

func TestADemoThatCannotBeginSaysWhyAndFails(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("WILDCAST_CACHE", file) // no folder
	var out bytes.Buffer
	if code := run(t.Context(), &narrator{w: &out}, true); code != exitFailed {
		t.Errorf("exit code %d, want %d", code, exitFailed)
	}
	if !strings.Contains(out.String(), "FAILED: ") || !strings.Contains(out.String(), file) {
		t.Errorf("it said:\n%s", out.String())
	}
}
