package child_test

import (
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wildcast/wildcast/e2e/internal/child"
)

// onThreadThatEnds runs f on a thread that ends with it. The process's first thread never does, so it is
// kept busy when it is the one that got the work.
func onThreadThatEnds(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked on the way out: the thread ends with the goroutine
		if syscall.Gettid() != os.Getpid() {
			f()
			return
		}
		onThreadThatEnds(f)
		runtime.UnlockOSThread()
	}()
	<-done
}

func TestAChildOutlivesTheThreadThatAskedForIt(t *testing.T) {
	var c *child.Child
	onThreadThatEnds(func() { c, _ = shell(t, `echo ready; sleep 0.5; echo alive; sleep 1000`) })
	for end := time.Now().Add(time.Minute); !strings.Contains(c.Tail(100), "alive"); time.Sleep(time.Millisecond) {
		if c.Ended() {
			t.Fatal("the child ended with a thread of its parent")
		}
		if time.Now().After(end) {
			t.Fatalf("the child does not run: %q", c.Tail(100))
		}
	}
}
