package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/wildcast/wildcast/e2e/internal/child"
)

// readyTimeout is long, since several clusters may start at once on a small machine.
const readyTimeout = 2 * time.Minute

func (c *Cluster) startEtcd() error {
	args := []string{
		"--data-dir=" + c.path("etcd"),
		"--listen-client-urls=" + c.urls.etcd, "--advertise-client-urls=" + c.urls.etcd,
		"--listen-peer-urls=" + c.urls.etcdPeer, "--initial-advertise-peer-urls=" + c.urls.etcdPeer,
		"--initial-cluster=default=" + c.urls.etcdPeer,
		"--log-level=warn",
	}
	if !c.opts.Fsync {
		args = append(args, "--unsafe-no-fsync")
	}
	return c.run(&c.etcd, "etcd", args)
}

func (c *Cluster) startAPIServer(ctx context.Context) error {
	if err := c.run(&c.apiserver, "kube-apiserver", c.apiServerArgs()); err != nil {
		return err
	}
	if err := c.waitReady(ctx, c.apiserver, c.apiServerReady); err != nil {
		return err
	}
	return c.admin.write(c.Kubeconfig(), c.urls.apiserver)
}

func (c *Cluster) apiServerArgs() []string {
	args := []string{
		"--etcd-servers=" + c.urls.etcd,
		"--cert-dir=" + c.path("tls"), // it makes a certificate and its CA there
		"--bind-address=127.0.0.1", "--secure-port=" + strconv.Itoa(c.urls.apiserverPort),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-signing-key-file=" + c.path("sa.key"),
		"--service-account-key-file=" + c.path("sa.pub"),
		"--service-cluster-ip-range=10.0.0.0/24",
		"--token-auth-file=" + c.path("tokens.csv"),
		"--authorization-mode=RBAC",
		// It wants every Pod to have a token mounted by a kubelet that is not here.
		"--disable-admission-plugins=ServiceAccount",
		"--endpoint-reconciler-type=none", // no node could reach the endpoint
		"--profiling=false",
	}
	if c.audit != nil {
		args = append(args, c.audit.flags()...)
	}
	return append(args, c.opts.APIServerFlags...)
}

// apiServerReady asks /readyz, which waits for the hooks that make RBAC's default roles too.
func (c *Cluster) apiServerReady(ctx context.Context) error {
	first := c.admin.ca == nil // made at the first start, and found again by later ones
	if first {
		ca, err := os.ReadFile(filepath.Join(c.path("tls"), "apiserver.crt"))
		if err != nil {
			return fmt.Errorf("read certificate that the API server makes: %w", err)
		}
		c.admin.ca = ca // the CA follows the server's own certificate in this file
	}
	client, err := kubernetes.NewForConfig(c.Admin())
	if err != nil {
		return err
	}
	err = client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	if err != nil && first {
		c.admin.ca = nil // the file may have been half written
	}
	return err
}

// The controllers' client has a limit of 20 requests a second, with which 1,000 namespaces would take
// minutes to go.
func (c *Cluster) startControllers(ctx context.Context) error {
	args := []string{
		"--kubeconfig=" + c.Kubeconfig(),
		"--service-account-private-key-file=" + c.path("sa.key"),
		"--root-ca-file=" + filepath.Join(c.path("tls"), "apiserver.crt"),
		"--use-service-account-credentials=true",
		"--leader-elect=false",
		"--bind-address=127.0.0.1", "--secure-port=" + strconv.Itoa(c.urls.controllerPort),
		"--cert-dir=" + c.path("controller-tls"),
		"--controllers=*,-nodeipam",
		"--kube-api-qps=1000", "--kube-api-burst=2000",
		"--profiling=false",
	}
	if err := c.run(&c.controller, "kube-controller-manager", args); err != nil {
		return err
	}
	return c.waitReady(ctx, c.controller, c.controllersReady)
}

// controllersReady asks /healthz, which answers before the controllers run, and looks for what one of
// them makes. The manager's certificate is its own and nothing secret is sent: it is not verified.
func (c *Cluster) controllersReady(ctx context.Context) error {
	local := &rest.Config{
		Host:            "https://127.0.0.1:" + strconv.Itoa(c.urls.controllerPort),
		TLSClientConfig: rest.TLSClientConfig{Insecure: true},
	}
	manager, err := kubernetes.NewForConfig(local)
	if err != nil {
		return err
	}
	if err := manager.Discovery().RESTClient().Get().AbsPath("/healthz").Do(ctx).Error(); err != nil {
		return err
	}
	return c.defaultServiceAccount(ctx)
}

// run starts a program of the cluster and remembers it.
func (c *Cluster) run(slot **child.Child, name string, args []string) error {
	p, err := child.Start(child.Spec{
		Path: filepath.Join(c.programs, name),
		Args: args,
		Dir:  c.dir,
		Log:  c.path(name + ".log"),
	})
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	*slot = p
	return nil
}

// waitReady asks until ready is content, the program ends, or the time is up.
func (c *Cluster) waitReady(ctx context.Context, p *child.Child, ready func(context.Context) error) error {
	name := filepath.Base(p.Log())
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for {
		last := ready(ctx)
		if last == nil {
			return nil
		}
		select {
		case <-p.Done():
			return fmt.Errorf("the program ended; the end of %s:\n%s", name, p.Tail(2000))
		case <-ctx.Done():
			return fmt.Errorf("%w; last: %w; the end of %s:\n%s", context.Cause(ctx), last, name, p.Tail(2000))
		case <-time.After(50 * time.Millisecond):
		}
	}
}
