package cluster_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wildcast/wildcast/e2e/cluster"
)

// These tests run this test binary again, as a suite that ends in the way that scene names.
const scene = "CLUSTER_TEST_SCENE"

// suite is a testing.M whose tests do one thing.
type suite func() int

func (s suite) Run() int { return s() }

// scenes are how a suite may end.
var scenes = map[string]suite{
	"passes": func() int { return 0 },
	"fails":  func() int { return 1 },
	"panics": func() int { panic("a bug in a test") },
	"hangs":  func() int { select {} },
}

// play is a suite of its own, which first tells where its cluster is.
func play(name string) int {
	return cluster.Main(scenes[name], cluster.Options{}, func(_ context.Context, c *cluster.Cluster) error {
		fmt.Println(c.Dir(), strings.TrimPrefix(c.URL(), "https://"))
		return nil
	})
}

// launch starts a suite and returns it with the folder and the address of its cluster, which is up.
func launch(t *testing.T, name string) (suite *exec.Cmd, dir, address string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	suite = exec.Command(self)
	suite.Env = append(os.Environ(), scene+"="+name, "TMPDIR="+t.TempDir())
	suite.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := suite.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := suite.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = suite.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	where := strings.Fields(line)
	if len(where) != 2 {
		t.Fatalf("the suite wrote %q", line)
	}
	return suite, where[0], where[1]
}

// servers returns the processes whose command line names the folder.
func servers(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		line, err := os.ReadFile(file) // fails when the process has just ended; is empty for a zombie
		if err == nil && strings.Contains(string(line), dir) {
			found = append(found, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}

// gone fails unless the servers end, and their port with them: the kernel frees it a moment after it
// has forgotten a process's command line.
func gone(t *testing.T, dir, address string) {
	t.Helper()
	eventually(t, "the servers have ended", func() bool { return len(servers(t, dir)) == 0 })
	eventually(t, "the API server's port is free", func() bool {
		listener, err := net.Listen("tcp", address)
		return err == nil && listener.Close() == nil
	})
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func TestNothingIsLeftOfASuiteThatPasses(t *testing.T) {
	t.Parallel()
	suite, dir, address := launch(t, "passes")
	if err := suite.Wait(); err != nil {
		t.Fatal(err)
	}
	gone(t, dir, address)
	if exists(dir) {
		t.Errorf("%s is left", dir)
	}
}

func TestLogsAreLeftOfASuiteThatFails(t *testing.T) {
	t.Parallel()
	suite, dir, address := launch(t, "fails")
	_ = suite.Wait()
	if code := suite.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit code %d, want the suite's own 1", code)
	}
	gone(t, dir, address)
	for _, name := range []string{"etcd.log", "kube-apiserver.log", "kube-controller-manager.log"} {
		if !exists(filepath.Join(dir, name)) {
			t.Errorf("%s is gone", name)
		}
	}
	if exists(filepath.Join(dir, "etcd")) {
		t.Errorf("etcd's data are left")
	}
}

func TestServersEndWithASuite(t *testing.T) {
	ends := map[string]struct {
		scene string
		end   func(*os.Process) error
	}{
		"that panics":           {"panics", func(*os.Process) error { return nil }},
		"that is interrupted":   {"hangs", func(p *os.Process) error { return p.Signal(os.Interrupt) }},
		"that is terminated":    {"hangs", func(p *os.Process) error { return p.Signal(syscall.SIGTERM) }},
		"that is killed -9":     {"hangs", func(p *os.Process) error { return p.Kill() }},
		"that exceeds its time": {"hangs", func(p *os.Process) error { return p.Signal(syscall.SIGQUIT) }}, // go test at its timeout
	}
	for name, how := range ends {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			suite, dir, address := launch(t, how.scene)
			if how.scene == "hangs" && len(servers(t, dir)) != 3 {
				t.Errorf("three servers should run, and not %q", servers(t, dir))
			}
			if err := how.end(suite.Process); err != nil {
				t.Fatal(err)
			}
			if err := suite.Wait(); err == nil {
				t.Error("the suite passed")
			}
			gone(t, dir, address)
		})
	}
}

func TestAKilledSuitesDataGoWhenTheNextStarts(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	dead, old := filepath.Join(parent, "wildcast-e2e-dead"), filepath.Join(parent, "wildcast-e2e-old")
	for _, dir := range []string{dead, old} {
		if err := os.MkdirAll(filepath.Join(dir, "etcd"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "lock"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	twoDaysAgo := time.Now().Add(-48 * time.Hour)
	if err := os.Chtimes(filepath.Join(old, "lock"), twoDaysAgo, twoDaysAgo); err != nil {
		t.Fatal(err)
	}
	cluster.New(t, cluster.Options{Parent: parent})
	if exists(filepath.Join(dead, "etcd")) || !exists(dead) {
		t.Error("of a suite that was killed today, the logs should be left and etcd's data not")
	}
	if exists(old) {
		t.Error("nothing should be left of a suite that was killed two days ago")
	}
}
