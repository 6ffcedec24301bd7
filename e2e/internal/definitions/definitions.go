// Package definitions installs the CustomResourceDefinitions of others in a cluster of the suites, as they are published:
// those of the Go modules that e2e/crds names.
package definitions

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/internal/gobuild"
)

// Definition is one of them.
type Definition struct {
	Name   string // of the CustomResourceDefinition
	module string
	file   string // which it is in, beside others
}

// Those of the kinds that wildcast reads, and those of the Prometheus operator of which its manifests have objects.
var (
	Gateway = Definition{"gateways.gateway.networking.k8s.io", "sigs.k8s.io/gateway-api", "config/crd/standard/gateway.networking.k8s.io_gateways.yaml"}
	Istio   = Definition{"gateways.networking.istio.io", "istio.io/api", "kubernetes/customresourcedefinitions.gen.yaml"}

	ServiceMonitor = Definition{"servicemonitors.monitoring.coreos.com", operator, "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml"}
	PrometheusRule = Definition{"prometheusrules.monitoring.coreos.com", operator, "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml"}
)

const operator = "github.com/prometheus-operator/prometheus-operator"

// Install installs a definition, and returns when objects can be made. It is fine if it is there.
func (d Definition) Install(ctx context.Context, c *cluster.Cluster) error {
	manifest, err := d.read(ctx)
	if err != nil {
		return fmt.Errorf("install %s: %w", d.Name, err)
	}
	if _, err := c.KubectlWith(ctx, c.Kubeconfig(), strings.NewReader(manifest), "apply", "--server-side", "--filename", "-"); err != nil {
		return err
	}
	for { // kubectl wait fails where there are no conditions yet, and the kind is served a moment after they are met
		_, err := c.Kubectl(ctx, "get", d.Name, "--all-namespaces")
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
}

// Remove removes a definition and all its objects, and returns when they have gone. It is fine if it is not there.
func (d Definition) Remove(ctx context.Context, c *cluster.Cluster) error {
	_, err := c.Kubectl(ctx, "delete", "crd", d.Name, "--ignore-not-found", "--timeout=1m")
	return err
}

// read returns the manifest.
func (d Definition) read(ctx context.Context) (string, error) {
	folder, err := d.folder(ctx)
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(d.file)))
	if err != nil {
		return "", err
	}
	for _, manifest := range strings.Split(string(text), "\n---\n") {
		if strings.Contains(manifest, "\n  name: "+d.Name+"\n") {
			return manifest, nil
		}
	}
	return "", fmt.Errorf("%s of module %s has no manifest of that name", d.file, d.module)
}

// folder is where the module's files are, after downloading them if need be.
func (d Definition) folder(ctx context.Context) (string, error) {
	checkout, err := cluster.Checkout()
	if err != nil {
		return "", err
	}
	return gobuild.ModuleFolder(ctx, filepath.Join(checkout, "e2e", "crds"), d.module)
}
