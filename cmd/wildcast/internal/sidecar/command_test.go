package sidecar

import (
	"context"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
)

func idle(t *testing.T) *Keeper {
	t.Helper()
	k, err := New(Config{Log: zap.NewNop(), Folder: t.TempDir()})
	must(t, err)
	return k
}

func TestACommandFindsTheFilesAndItsErrorHoldsTheEndOfItsOutput(t *testing.T) {
	err := idle(t).run(t.Context(), "--check", "seq 100000; echo $"+EnvFolder+" >&2; exit 3", "/tls")
	if err == nil || !strings.HasSuffix(err.Error(), "\n99999\n100000\n/tls") || !strings.Contains(err.Error(), "exit status 3: ...") || len(err.Error()) > mostOutput+200 {
		t.Errorf("got %v", err)
	}
}

func TestACommandMayLeaveADaemonThatKeepsItsOutput(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	if err := idle(t).run(t.Context(), "--reload", "sleep 300 & echo $! > "+file, "/tls"); err != nil {
		t.Error(err)
	}
	if err := send(syscall.SIGTERM, file); err != nil {
		t.Errorf("the daemon was ended: %v", err)
	}
}

func TestACommandEndsAtItsLimitOrSomeTimeAfterTheStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		ctx, stop := context.WithCancel(t.Context())
		out, done := graced(ctx)
		<-out.Done()
		if took := time.Since(began); took != commandTimeout || !strings.Contains(context.Cause(out).Error(), "more than 1m0s") {
			t.Errorf("after %s: %v", took, context.Cause(out))
		}
		done()
		out, done = graced(ctx)
		defer done()
		stop()
		began = time.Now()
		<-out.Done()
		if took := time.Since(began); took != commandGrace {
			t.Errorf("%s after the stop", took)
		}
	})
}

func TestAShortCommandIsLeftItsTimeAfterTheStop(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := idle(t).run(ctx, "--check", "true", "/tls"); err != nil {
		t.Error(err)
	}
}

func TestASignalReachesTheProcessOfThePIDFile(t *testing.T) {
	got := make(chan os.Signal, 1)
	signal.Notify(got, syscall.SIGUSR1)
	defer signal.Stop(got)
	file := filepath.Join(t.TempDir(), "pid")
	must(t, os.WriteFile(file, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600))
	must(t, send(syscall.SIGUSR1, file))
	if received := <-got; received != syscall.SIGUSR1 {
		t.Errorf("got %s", received)
	}
}

func TestASignalWithoutAProcessIsAnError(t *testing.T) {
	ended := exec.Command("true")
	must(t, ended.Run())
	for text, why := range map[string]string{
		"": "does not hold the number", "0": "does not hold the number", "-1": "does not hold the number", "nginx": "does not hold the number",
		strconv.Itoa(ended.Process.Pid): "send hangup to process",
	} {
		file := filepath.Join(t.TempDir(), "pid")
		must(t, os.WriteFile(file, []byte(text), 0o600))
		if err := send(syscall.SIGHUP, file); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("with %q: %v", text, err)
		}
	}
	if err := send(syscall.SIGHUP, filepath.Join(t.TempDir(), "pid")); err == nil {
		t.Error("without a file it is no error")
	}
}

func TestSignalsAreKnownWithAndWithoutSIG(t *testing.T) {
	for _, name := range []string{"HUP", "SIGHUP", "hup"} {
		if got, err := ParseSignal(name); got != syscall.SIGHUP || err != nil {
			t.Errorf("%s is %s, %v", name, got, err)
		}
	}
	if _, err := ParseSignal("KILL"); err == nil || !strings.Contains(err.Error(), "give one of HUP, INT") {
		t.Errorf("got %v", err)
	}
}
