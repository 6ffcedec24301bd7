package cluster

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// T is what New uses of testing.TB.
type T interface {
	Helper()
	Context() context.Context
	Cleanup(func())
	Failed() bool
	Fatal(...any)
}

// New starts a cluster for one test. It stops when the test ends, and keeps its logs if the test failed.
func New(t T, opts Options) *Cluster {
	t.Helper()
	c, err := Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			c.Keep()
		}
		c.Stop()
	})
	return c
}

// M is what Main uses of testing.M.
type M interface{ Run() int }

// Main runs a suite whose tests share one cluster, and returns the suite's exit code:
//
//	var shared *cluster.Cluster
//
//	func TestMain(m *testing.M) {
//		os.Exit(cluster.Main(m, cluster.Options{}, func(ctx context.Context, c *cluster.Cluster) error {
//			shared = c
//			return c.Apply(ctx, "manifests/base")
//		}))
//	}
//
// The cluster stops after the last test, and at once at SIGINT and SIGTERM. Its logs are kept when a
// test or prepare failed.
func Main(m M, opts Options, prepare func(context.Context, *Cluster) error) int {
	ctx, interrupted := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer interrupted()
	c, err := Start(ctx, opts)
	if err != nil {
		fmt.Fprintln(opts.log(), err)
		return 1
	}
	defer c.Stop()
	if err := prepare(ctx, c); err != nil {
		c.Keep()
		fmt.Fprintln(opts.log(), "prepare cluster:", err)
		return 1
	}
	ended := make(chan struct{})
	defer close(ended)
	go c.stopWhen(ctx, ended)
	code := m.Run()
	if code != 0 {
		c.Keep()
	}
	return code
}

// stopWhen stops the cluster and ends the process when ctx ends: tests have no way to be told.
func (c *Cluster) stopWhen(ctx context.Context, ended <-chan struct{}) {
	select {
	case <-ended:
	case <-ctx.Done():
		c.Keep()
		c.Stop()
		os.Exit(130) // as shells do for SIGINT
	}
}
