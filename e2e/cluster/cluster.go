package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"k8s.io/client-go/rest"

	"github.com/wildcast/wildcast/e2e/internal/child"
	"github.com/wildcast/wildcast/e2e/internal/ports"
)

// Cluster is a running control plane. Its methods may be called from any goroutine, except that Stop and
// RestartAPIServer go one after the other.
type Cluster struct {
	opts     Options
	programs string // folder of the programs
	dir      string // this cluster's own folder
	lock     *os.File
	ports    ports.Holder
	urls     urls
	admin    credentials
	audit    *auditLog // nil when nothing is counted

	mu         sync.Mutex // guards what follows
	etcd       *child.Child
	apiserver  *child.Child
	controller *child.Child
	keep       bool
	stopped    bool
}

// urls are where the servers listen.
type urls struct {
	etcd, etcdPeer, apiserver     string
	apiserverPort, controllerPort int
}

// Start builds the programs if it must, and starts a cluster. When it returns without an error the API
// server is ready, RBAC's default roles exist, and the controllers have begun.
func Start(ctx context.Context, opts Options) (*Cluster, error) {
	programs, err := Build(ctx, opts.log())
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	if opts.Parent == "" {
		opts.Parent = os.TempDir()
	}
	sweep(opts.Parent)
	dir, err := os.MkdirTemp(opts.Parent, runPrefix)
	if err != nil {
		return nil, fmt.Errorf("make folder for cluster: %w", err)
	}
	c := &Cluster{opts: opts, programs: programs, dir: dir}
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(c.notStarted(ctx, err), c.stop())
	}
	fmt.Fprintf(opts.log(), "Kubernetes is up after %.1f s: export KUBECONFIG=%s\n", time.Since(begun).Seconds(), c.Kubeconfig())
	return c, nil
}

// notStarted keeps the logs of a start that failed, and leaves nothing of one that the caller has called off. What calls it off,
// such as Ctrl-C, may have reached the programs, or what they wait for, first.
func (c *Cluster) notStarted(ctx context.Context, err error) error {
	select {
	case <-ctx.Done():
		return fmt.Errorf("start cluster: %w", err)
	case <-time.After(calledOff):
	}
	c.Keep()
	return fmt.Errorf("start cluster: %w; its logs are in %s", err, c.dir)
}

// calledOff is how much later than its programs this process may learn that all is called off.
const calledOff = 2 * time.Second

func (c *Cluster) start(ctx context.Context) error {
	if err := c.prepare(); err != nil {
		return err
	}
	if err := c.startEtcd(); err != nil {
		return err
	}
	if err := c.startAPIServer(ctx); err != nil {
		return err
	}
	return c.startControllers(ctx)
}

// prepare chooses ports and writes the files that the programs read.
func (c *Cluster) prepare() error {
	var err error
	if c.lock, err = claim(c.dir); err != nil {
		return err
	}
	p, err := c.ports.Take(4)
	if err != nil {
		return err
	}
	c.urls = urls{
		etcd:           fmt.Sprintf("http://127.0.0.1:%d", p[0]),
		etcdPeer:       fmt.Sprintf("http://127.0.0.1:%d", p[1]),
		apiserver:      fmt.Sprintf("https://127.0.0.1:%d", p[2]),
		apiserverPort:  p[2],
		controllerPort: p[3],
	}
	if err := writeServiceAccountKey(c.path("sa.key"), c.path("sa.pub")); err != nil {
		return err
	}
	c.admin, err = writeTokens(c.path("tokens.csv"))
	if err != nil {
		return err
	}
	return c.prepareAudit()
}

// Dir returns the cluster's folder. Callers may keep files of the run in it: they go with it.
func (c *Cluster) Dir() string { return c.dir }

// URL returns the API server's address.
func (c *Cluster) URL() string { return c.urls.apiserver }

// Admin returns a configuration for clients with every right, without client-go's limit of 5 requests a
// second and without warnings on standard error. It is the caller's to change.
func (c *Cluster) Admin() *rest.Config {
	return c.admin.config(c.urls.apiserver)
}

// Kubeconfig returns the path of the administrator's kubeconfig.
func (c *Cluster) Kubeconfig() string { return c.path("admin.kubeconfig") }

// Keep makes Stop leave the cluster's logs and kubeconfigs where they are.
func (c *Cluster) Keep() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep = true
}

// Stop ends every program, gives the ports back and removes the cluster's folder; after Keep it removes
// only etcd's data and says where the rest is. Stopping twice is fine.
func (c *Cluster) Stop() {
	if err := c.stop(); err != nil {
		fmt.Fprintln(c.opts.log(), err)
	}
}

// The API server waits for its clients for over a minute at SIGTERM, and nobody needs its data any more.
const stopGrace = time.Second

func (c *Cluster) stop() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return nil
	}
	c.stopped = true
	for _, p := range []*child.Child{c.controller, c.apiserver, c.etcd} {
		if p != nil {
			p.Stop(stopGrace)
		}
	}
	c.ports.Release()
	_ = c.lock.Close()
	if c.keep {
		fmt.Fprintf(c.opts.log(), "logs of the cluster are kept in %s\n", c.dir)
		return os.RemoveAll(c.path("etcd"))
	}
	return os.RemoveAll(c.dir)
}

// RestartAPIServer ends the API server and starts it again, on the same port and with the same data.
// Its clients see connections break, and must come back.
func (c *Cluster) RestartAPIServer(ctx context.Context) error {
	c.mu.Lock()
	server := c.apiserver
	c.mu.Unlock()
	server.Stop(stopGrace)
	if err := c.startAPIServer(ctx); err != nil {
		return fmt.Errorf("restart API server: %w; its logs are in %s", err, c.dir)
	}
	return nil
}

func (c *Cluster) path(name string) string { return filepath.Join(c.dir, name) }
