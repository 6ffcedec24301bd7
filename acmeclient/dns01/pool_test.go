package dns01_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/wildcast/wildcast/acmeclient"
	"github.com/wildcast/wildcast/acmeclient/acmetest/testchild"
	"github.com/wildcast/wildcast/acmeclient/dns01"
)

func TestARecordIsPresentedAndRemoved(t *testing.T) {
	w := newWorld(t, dns01.Config{})
	remove, err := w.pool.Solver([]dns01.Settings{w.settings()}, nil).Present(t.Context(), challenge("x.a.test"))
	must(t, err)
	if got := w.dns.TXT("_acme-challenge.x.a.test"); len(got) != 1 {
		t.Errorf("records are %v, want one", got)
	}
	must(t, remove(t.Context()))
	w.clean()
}

func TestOneChildServesAllOrdersOfASolver(t *testing.T) {
	w := newWorld(t, dns01.Config{})
	solver := w.pool.Solver([]dns01.Settings{w.settings()}, nil)
	var all sync.WaitGroup
	for _, domain := range []string{"a.test", "x.a.test", "y.a.test", "b.test", "x.b.test", "z.sub.a.test"} {
		all.Go(func() {
			remove, err := solver.Present(t.Context(), challenge(domain))
			if err != nil {
				t.Error(err)
				return
			}
			if err := remove(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	w.clean()
	if n := len(w.children()); n != 1 {
		t.Errorf("%d children, want 1", n)
	}
}

func TestAnIdleChildIsEndedAndTheNextOneStarted(t *testing.T) {
	w := newWorld(t, dns01.Config{Idle: 10 * time.Millisecond})
	solver := w.pool.Solver([]dns01.Settings{w.settings()}, nil)
	for range 2 {
		remove, err := solver.Present(t.Context(), challenge("a.test"))
		must(t, err)
		must(t, remove(t.Context()))
		pids := w.children()
		eventually(t, "the idle child's end", func() bool { return syscall.Kill(pids[len(pids)-1], 0) != nil })
	}
	if n := len(w.children()); n != 2 {
		t.Errorf("%d children, want 2", n)
	}
}

func TestAKilledChildsRecordsAreRemovedByItsSuccessor(t *testing.T) {
	w := newWorld(t, dns01.Config{})
	remove, err := w.pool.Solver([]dns01.Settings{w.settings()}, nil).Present(t.Context(), challenge("a.test"))
	must(t, err)
	must(t, syscall.Kill(w.children()[0], syscall.SIGKILL))
	must(t, remove(t.Context()))
	w.clean()
}

func TestWaitingForANamesTurnCanBeGivenUp(t *testing.T) {
	w := newWorld(t, dns01.Config{})
	solver := w.pool.Solver([]dns01.Settings{w.settings()}, nil)
	remove, err := solver.Present(t.Context(), challenge("a.test"))
	must(t, err)
	gaveUp := errors.New("the order has ended")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 200*time.Millisecond, gaveUp) // all but the turn takes less
	defer cancel()
	if _, err := solver.Present(ctx, challenge("a.test")); !errors.Is(err, gaveUp) {
		t.Errorf("error is %v, want the context's", err)
	}
	must(t, remove(t.Context()))
	w.clean()
}

func TestWhatAnotherProcessLeftIsSwept(t *testing.T) {
	w, other := newWorld(t, dns01.Config{}), newWorld(t, dns01.Config{})
	settings := []dns01.Settings{w.settings()}
	_, err := w.pool.Solver(settings, nil).Present(t.Context(), challenge("a.test"))
	must(t, err)
	sweeper := other.pool.Solver(settings, nil).(acmeclient.Sweeper)
	for range 2 { // the second time there is nothing to sweep
		must(t, sweeper.Sweep(t.Context(), challenge("a.test")))
		w.clean()
	}
}

func TestAChildThatIsKilledBeforeItSaysHelloIsReported(t *testing.T) {
	w := newWorld(t, dns01.Config{Command: "/bin/cat"}) // waits, and says nothing
	ended := make(chan error)
	go func() {
		_, err := w.pool.Solver([]dns01.Settings{w.settings()}, nil).Present(t.Context(), challenge("b.test"))
		ended <- err
	}()
	eventually(t, "the child's start", func() bool { return len(w.children()) == 1 })
	must(t, syscall.Kill(w.children()[0], syscall.SIGKILL))
	says(t, <-ended, "wildcast-dns01 ended", "killed")
}

func TestCloseRemovesWhatIsLeft(t *testing.T) {
	w := newWorld(t, dns01.Config{})
	solver := w.pool.Solver([]dns01.Settings{w.settings()}, nil)
	remove, err := solver.Present(t.Context(), challenge("a.test"))
	must(t, err)
	w.pool.Close()
	w.clean()
	if n := w.logs.FilterMessage("Killed DNS child that did not stop").Len(); n != 0 {
		t.Error("Close waited until it had to kill")
	}
	if err := remove(t.Context()); err != nil {
		t.Errorf("remove after Close: %v", err)
	}
	_, err = solver.Present(t.Context(), challenge("a.test"))
	says(t, err, "stopping")
}

func TestCloseKillsAChildThatDoesNotStop(t *testing.T) {
	w := newWorld(t, dns01.Config{Stop: 50 * time.Millisecond})
	remove, err := w.pool.Solver([]dns01.Settings{w.settings()}, nil).Present(t.Context(), challenge("a.test"))
	must(t, err)
	must(t, syscall.Kill(w.children()[0], syscall.SIGSTOP))
	w.pool.Close()
	if n := w.logs.FilterMessage("Killed DNS child that did not stop").Len(); n != 1 {
		t.Errorf("%d children reported killed, want 1", n)
	}
	says(t, remove(t.Context()), "remove")
	if n := w.logs.FilterMessage("Left TXT record behind").Len(); n != 1 {
		t.Errorf("%d records reported left behind, want 1", n)
	}
}

// parentEnv makes the test's binary the parent that is killed.
const parentEnv = "DNS01_TEST_PARENT"

func TestAParentThatIsKilledLeavesNoRecord(t *testing.T) {
	if server := os.Getenv(parentEnv); server != "" {
		beTheParent(t, server)
	}
	w := newWorld(t, dns01.Config{})
	parent := exec.Command(testchild.Command(), "-test.run=^TestAParentThatIsKilledLeavesNoRecord$")
	parent.Env = append(os.Environ(), parentEnv+"="+w.dns.Addr())
	for name, value := range w.dns.SolverEnv() {
		parent.Env = append(parent.Env, "SOLVER_"+name+"="+value)
	}
	must(t, parent.Start())
	eventually(t, "the parent's record", func() bool { return len(w.dns.Records()) == 1 })
	must(t, parent.Process.Kill())
	_ = parent.Wait() // it was killed
	eventually(t, "the record to go", func() bool { return len(w.dns.Records()) == 0 })
}

// beTheParent presents a record and waits to be killed.
func beTheParent(t *testing.T, server string) {
	s := dns01.Settings{Name: "test", Provider: "rfc2136", Nameservers: []string{server}, Env: map[string]string{}}
	for _, variable := range os.Environ() {
		if name, value, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "SOLVER_") {
			s.Env[strings.TrimPrefix(name, "SOLVER_")] = value
		}
	}
	pool := dns01.NewPool(dns01.Config{Command: testchild.Command()})
	_, err := pool.Solver([]dns01.Settings{s}, nil).Present(t.Context(), challenge("a.test"))
	must(t, err)
	select {}
}

func TestTwoSolversWithDifferentCredentialsWorkAtOnce(t *testing.T) {
	w := newWorld(t, dns01.Config{})
	a, b := w.settings(), w.settings()
	a.Name, a.Zones, a.Env = "a", []string{"a.test"}, w.dns.Account("a.test")
	b.Name, b.Zones, b.Env = "b", []string{"b.test"}, w.dns.Account("b.test")
	solver := w.pool.Solver([]dns01.Settings{a, b}, nil)
	var all sync.WaitGroup
	for _, domain := range []string{"a.test", "b.test", "x.a.test", "x.b.test"} {
		all.Go(func() {
			remove, err := solver.Present(t.Context(), challenge(domain))
			if err != nil {
				t.Error(err)
				return
			}
			if err := remove(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	w.clean()
	if n := len(w.children()); n != 2 {
		t.Errorf("%d children, want one for each solver", n)
	}
	a.Zones, b.Zones = []string{"b.test"}, []string{"a.test"} // each the other's
	_, err := w.pool.Solver([]dns01.Settings{a, b}, nil).Present(t.Context(), challenge("a.test"))
	says(t, err, "REFUSED")
}

func TestAChildSeesOnlyItsOwnSettings(t *testing.T) {
	t.Setenv("DNSUPDATE_TSIG_SECRET", "of-somebody-else")
	t.Setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
	w := newWorld(t, dns01.Config{})
	_, err := w.pool.Solver([]dns01.Settings{w.settings()}, nil).Present(t.Context(), challenge("a.test"))
	must(t, err)
	environment, err := os.ReadFile("/proc/" + itoa(w.children()[0]) + "/environ")
	must(t, err)
	for _, word := range []string{"of-somebody-else", "KUBERNETES"} {
		if strings.Contains(string(environment), word) {
			t.Errorf("the child's environment holds %s", word)
		}
	}
}

func TestACancelledPresentLeavesNothing(t *testing.T) {
	w := newWorld(t, dns01.Config{})
	w.dns.Hide()
	stop := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan error)
	go func() {
		_, err := w.pool.Solver([]dns01.Settings{w.settings()}, nil).Present(ctx, challenge("a.test"))
		ended <- err
	}()
	eventually(t, "the record", func() bool { return len(w.dns.Records()) == 1 })
	cancel(stop)
	err := <-ended
	if !errors.Is(err, stop) {
		t.Errorf("error is %v, want the context's cause", err)
	}
	w.pool.Close() // the record may have been on its way
	w.clean()
}

func TestAProgramThatIsNotThereIsReported(t *testing.T) {
	w := newWorld(t, dns01.Config{Command: "/nonexistent/wildcast-dns01"})
	_, err := w.pool.Solver([]dns01.Settings{w.settings()}, nil).Present(t.Context(), challenge("a.test"))
	says(t, err, "start", "/nonexistent/wildcast-dns01")
}

func TestAProgramThatIsNoDNSChildIsReported(t *testing.T) {
	w := newWorld(t, dns01.Config{Command: "/bin/false"})
	_, err := w.pool.Solver([]dns01.Settings{w.settings()}, nil).Present(t.Context(), challenge("a.test"))
	says(t, err, "wildcast-dns01 ended", "exit status 1")
}
