// Package gobuild builds Go programs for the suites, once for all who ask at the same time, and says
// how far it is: a first build of a Kubernetes control plane takes minutes.
package gobuild

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Build says what go build is to make.
type Build struct {
	Dir      string   // folder of the module
	Packages []string // main packages
	Flags    []string // of go build
	Env      []string // added to this process's own
	Out      string   // folder for the programs, which exists
	Log      io.Writer
	What     string // for the progress lines
}

// Run builds. Every ten seconds it writes a line to Log; the error holds what the compiler said.
func (b Build) Run(ctx context.Context) error {
	args := append([]string{"build", "-v", "-o", b.Out + string(filepath.Separator)}, b.Flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, b.Packages...)...)
	cmd.Dir = b.Dir
	cmd.Env = append(os.Environ(), b.Env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // lets go remove its work folder
	cmd.WaitDelay = 10 * time.Second
	output, err := cmd.StderrPipe()
	if err != nil {
		return fmt.Errorf("build %s: %w", b.What, err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("build %s: %w: is Go installed and on the PATH?", b.What, err)
	}
	var p progress
	stop := p.report(b.Log, b.What)
	said := p.read(output)
	err = cmd.Wait()
	stop()
	if err != nil {
		return fmt.Errorf("build %s: %w\n%s", b.What, err, said)
	}
	return nil
}

// progress counts what go build -v tells.
type progress struct{ downloaded, compiled atomic.Int64 }

// read counts the lines of packages and modules, and returns all others, which are complaints.
func (p *progress) read(output io.Reader) string {
	var complaints strings.Builder
	for lines := bufio.NewScanner(output); lines.Scan(); {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "go: downloading "):
			p.downloaded.Add(1)
		case line != "" && !strings.ContainsAny(line, " \t:"):
			p.compiled.Add(1)
		default:
			complaints.WriteString(line + "\n")
		}
	}
	return complaints.String()
}

// report writes a line every ten seconds until the returned function is called.
func (p *progress) report(log io.Writer, what string) (stop func()) {
	begun, tick, quit, ended := time.Now(), time.NewTicker(10*time.Second), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
				fmt.Fprintf(log, "  %s: %d modules downloaded, %d packages compiled, %s\n",
					what, p.downloaded.Load(), p.compiled.Load(), time.Since(begun).Round(time.Second))
			}
		}
	}()
	return func() { tick.Stop(); close(quit); <-ended }
}

// Lock waits until no other process holds the lock file at path, and holds it until unlock is called
// or this process ends. It says so to log when it must wait.
func Lock(ctx context.Context, path string, log io.Writer) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("make folder of lock: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	for waited := false; ; waited = true {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if err != syscall.EWOULDBLOCK {
			_ = f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if !waited {
			fmt.Fprintf(log, "waiting for another process that holds %s\n", path)
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, context.Cause(ctx))
		case <-time.After(200 * time.Millisecond):
		}
	}
}
