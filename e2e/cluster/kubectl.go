package cluster

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Kubectl runs kubectl as the administrator and returns its standard output. The error holds what it
// wrote on standard error.
func (c *Cluster) Kubectl(ctx context.Context, args ...string) (string, error) {
	return c.KubectlWith(ctx, c.Kubeconfig(), nil, args...)
}

// KubectlWith runs kubectl with a kubeconfig, and with standard input, which may be nil.
func (c *Cluster) KubectlWith(ctx context.Context, kubeconfig string, stdin io.Reader, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, c.KubectlPath(), args...)
	cmd.Env = append(os.Environ(),
		"KUBECONFIG="+kubeconfig,
		"KUBECACHEDIR="+c.path("kubectl-cache"),
		"KUBECTL_KUBERC=false",
	)
	cmd.WaitDelay = time.Second
	var out, complaints bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &complaints
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("kubectl %s: %w: %s",
			strings.Join(args, " "), err, strings.TrimSpace(complaints.String()))
	}
	return out.String(), nil
}

// KubectlPath returns the path of the kubectl of the cluster's own version.
func (c *Cluster) KubectlPath() string { return filepath.Join(c.programs, "kubectl") }

// Apply applies a kustomize folder by server-side apply. Fields that the API server does not know are
// errors. A relative folder is looked up in the checkout.
func (c *Cluster) Apply(ctx context.Context, folder string) error {
	if !filepath.IsAbs(folder) {
		checkout, err := Checkout()
		if err != nil {
			return err
		}
		folder = filepath.Join(checkout, folder)
	}
	_, err := c.Kubectl(ctx, "apply", "--kustomize", folder, "--server-side", "--validate=strict")
	return err
}

// ApplyText applies YAML to a namespace, as the administrator.
func (c *Cluster) ApplyText(ctx context.Context, namespace, manifest string) error {
	_, err := c.KubectlWith(ctx, c.Kubeconfig(), strings.NewReader(manifest), "apply", "--namespace", namespace, "--filename", "-")
	return err
}
