package child_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wildcast/wildcast/e2e/internal/child"
)

// shell runs a script, which writes a line when it is where the test wants it, and returns the line.
func shell(t *testing.T, script string) (*child.Child, string) {
	t.Helper()
	c, err := child.Start(child.Spec{Path: "/bin/sh", Args: []string{"-c", script}, Log: filepath.Join(t.TempDir(), "log")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Kill() })
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if line := c.Tail(100); strings.HasSuffix(line, "\n") {
			return c, strings.TrimSpace(line)
		}
	}
	t.Fatalf("%q wrote no line", script)
	return nil, ""
}

// gone waits for the end of a process that this one does not wait for.
func gone(t *testing.T, pid int) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		state, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil || strings.Contains(string(state), ") Z ") { // a zombie waits for init
			return
		}
	}
	t.Fatalf("process %d still runs", pid)
}

func TestAChildThatHeedsSIGTERMReturnsItsExitCode(t *testing.T) {
	c, _ := shell(t, `trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done`)
	if code := c.Stop(10 * time.Second); code != 7 {
		t.Errorf("exit code %d, want 7", code)
	}
}

func TestAChildThatIgnoresSIGTERMIsKilledAfterTheGrace(t *testing.T) {
	c, _ := shell(t, `trap '' TERM; echo ready; while :; do sleep 0.01; done`)
	if code := c.Stop(50 * time.Millisecond); code != -1 {
		t.Errorf("exit code %d, want -1 for a signal", code)
	}
}

func TestWhatAChildHasStartedIsKilledWithIt(t *testing.T) {
	c, grandchild := shell(t, `sleep 1000 & echo $!; wait`)
	pid, err := strconv.Atoi(grandchild)
	if err != nil {
		t.Fatal(err)
	}
	c.Kill()
	gone(t, pid)
}

func TestAChildThatHasEndedKeepsItsExitCode(t *testing.T) {
	c, _ := shell(t, `echo ready; exit 3`)
	<-c.Done()
	for range 2 {
		if code := c.Stop(0); code != 3 {
			t.Errorf("exit code %d, want 3", code)
		}
	}
}

func TestAProgramThatDoesNotExistIsAnErrorThatNamesIt(t *testing.T) {
	_, err := child.Start(child.Spec{Path: "/no/such/program", Log: filepath.Join(t.TempDir(), "log")})
	if err == nil || !strings.Contains(err.Error(), "/no/such/program") {
		t.Errorf("error %v", err)
	}
}
