package child

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// Spec says what to run.
type Spec struct {
	Path string
	Args []string // without the program's own name
	Env  []string // as os.Environ gives; nil is this process's own
	Dir  string   // working directory; "" is this process's own
	Log  string   // file that standard output and error are appended to
	// Files are open in the program from file descriptor 3 on.
	Files []*os.File
}

// Child is a running program, or one that has ended. Its methods may be called from any goroutine.
type Child struct {
	spec Spec
	cmd  *exec.Cmd
	done chan struct{} // closed when the program has ended and was waited for
}

// Start runs the program. The error tells that it could not be started at all.
func Start(spec Spec) (*Child, error) {
	log, err := os.OpenFile(spec.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log of %s: %w", spec.Path, err)
	}
	defer log.Close()
	cmd := exec.Command(spec.Path, spec.Args...)
	cmd.Env, cmd.Dir = spec.Env, spec.Dir
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = log, log, spec.Files
	cmd.SysProcAttr = attributes()
	c := &Child{spec: spec, cmd: cmd, done: make(chan struct{})}

	started := make(chan error)
	go c.run(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Path, err)
	}
	return c, nil
}

// Ready waits until the program answers at a URL with 200. The error holds the end of its log.
func (c *Child) Ready(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		if resp, err := http.Get(url); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-c.Done():
			return fmt.Errorf("%s ended; the end of its log:\n%s", c.spec.Path, c.Tail(4000))
		case <-ctx.Done():
			return fmt.Errorf("%s did not get ready; the end of its log:\n%s", c.spec.Path, c.Tail(4000))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// run owns the thread that the kernel watches: see the package's comment.
func (c *Child) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := c.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	_ = c.cmd.Wait() // how it ended is read from ProcessState
	close(c.done)
}

// PID returns the program's process id, also after it has ended.
func (c *Child) PID() int { return c.cmd.Process.Pid }

// Log returns the file that holds what the program wrote.
func (c *Child) Log() string { return c.spec.Log }

// Done is closed when the program has ended.
func (c *Child) Done() <-chan struct{} { return c.done }

// Ended reports whether the program has ended.
func (c *Child) Ended() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// Stop sends SIGTERM, and SIGKILL to the program's whole group when it still runs after the grace.
// It returns when the program has ended, with its exit code: -1 when a signal ended it.
func (c *Child) Stop(grace time.Duration) int {
	c.signal(syscall.SIGTERM)
	select {
	case <-c.done:
	case <-time.After(grace):
	}
	return c.Kill()
}

// Kill sends SIGKILL to the program's whole group and returns, when the program has ended, its exit
// code as Stop does. A program that has ended by itself keeps its code.
func (c *Child) Kill() int {
	c.signal(syscall.SIGKILL)
	return c.Wait()
}

// Wait returns, when the program has ended, its exit code as Stop does.
func (c *Child) Wait() int {
	<-c.done
	return c.cmd.ProcessState.ExitCode()
}

// signal reaches the group, so that what the program itself started goes too. Once the program was
// waited for, the kernel may give its number to another: nothing is sent any more.
func (c *Child) signal(s syscall.Signal) {
	if c.Ended() {
		return
	}
	_ = syscall.Kill(-c.PID(), s) // it may have ended just now
}

// Tail returns up to n bytes from the end of the program's log.
func (c *Child) Tail(n int64) string {
	text, err := tail(c.spec.Log, n)
	if err != nil {
		return err.Error()
	}
	return text
}

func tail(path string, n int64) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if _, err := f.Seek(-n, io.SeekEnd); err != nil && !errors.Is(err, syscall.EINVAL) {
		return "", err // EINVAL: the file is shorter than n, and is read from its beginning
	}
	text, err := io.ReadAll(f)
	return string(text), err
}
