package chart

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/internal/gobuild"
)

// builder returns the folder that holds a helm, after building it if it must.
type builder func(ctx context.Context, log io.Writer) (string, error)

// Build is the builder of Helm 4.
func Build(ctx context.Context, log io.Writer) (string, error) {
	return build(ctx, log, "helm", "helm.sh/helm/v4/cmd/helm")
}

// Build3 is the builder of Helm 3, which most people have.
func Build3(ctx context.Context, log io.Writer) (string, error) {
	return build(ctx, log, "helm3", "helm.sh/helm/v3/cmd/helm")
}

func build(ctx context.Context, log io.Writer, module, program string) (string, error) {
	return cluster.BuildTools(ctx, gobuild.Programs{
		Name: module, Packages: []string{program}, Log: log,
		What:  program + ", once: about 2 minutes on 2 cores",
		Flags: func() ([]string, error) { return []string{"-trimpath", "-ldflags=-s -w"}, nil },
	})
}

// helm runs a helm in the checkout as the administrator, and returns its standard output. The error is what it wrote on
// standard error.
func helm(ctx context.Context, c *cluster.Cluster, which builder, args ...string) (string, error) {
	programs, err := which(ctx, os.Stderr)
	if err != nil {
		return "", err
	}
	checkout, err := cluster.Checkout()
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(programs, "helm"), args...)
	cmd.Dir = checkout
	cmd.Env = environment(c)
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("helm %s: %w: %s", strings.Join(args, " "), err, complaints.String())
	}
	return out.String(), nil
}

// environment has helm leave the user's own files alone.
func environment(c *cluster.Cluster) []string {
	folder := filepath.Join(c.Dir(), "helm")
	return append(os.Environ(), "KUBECONFIG="+c.Kubeconfig(), "KUBECTL_KUBERC=false",
		"HELM_CACHE_HOME="+folder, "HELM_CONFIG_HOME="+folder, "HELM_DATA_HOME="+folder)
}
