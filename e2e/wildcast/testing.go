package wildcast

import (
	"strings"

	"github.com/wildcast/wildcast/e2e/cluster"
)

// T is what New uses of testing.TB.
type T interface {
	cluster.T
	Name() string
	Error(...any)
	Log(...any)
}

// New runs wildcast for one test with the rights of the shipped ServiceAccount, which must have been
// applied to the cluster. Options need no kubeconfig and no folder. It stops when the test ends; if the
// test failed, the end of its log is shown and the cluster's logs are kept. A data race that a program
// built with the race detector has reported fails the test.
func New(t T, c *cluster.Cluster, opts Options) *Process {
	t.Helper()
	if opts.Kubeconfig == "" {
		kubeconfig, err := c.KubeconfigFor(t.Context(), cluster.HomeNamespace, cluster.ServiceAccount)
		if err != nil {
			t.Fatal(err)
		}
		opts.Kubeconfig = kubeconfig
	}
	if opts.Dir == "" {
		opts.Dir = c.Dir()
	}
	if opts.Name == "" {
		opts.Name = fileName(t.Name())
	}
	p, err := Start(t.Context(), opts)
	if err != nil {
		c.Keep()
		t.Fatal(err)
	}
	t.Cleanup(func() { end(t, c, p) })
	return p
}

func end(t T, c *cluster.Cluster, p *Process) {
	t.Helper()
	p.Stop()
	p.ports.Release()
	log, err := p.Logs()
	if err != nil {
		t.Error(err)
	}
	if strings.Contains(log, "WARNING: DATA RACE") {
		t.Error("the race detector has found a data race in wildcast")
	}
	if t.Failed() {
		c.Keep()
		t.Log("the end of " + p.current().Log() + ":\n" + p.current().Tail(8000))
	}
}

// fileName makes a test's name, which may have slashes, the name of a file.
func fileName(test string) string { return strings.ReplaceAll(test, "/", "_") }
