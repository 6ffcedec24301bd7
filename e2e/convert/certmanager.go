package convert

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/internal/child"
	"github.com/wildcast/wildcast/e2e/internal/gobuild"
	"github.com/wildcast/wildcast/e2e/internal/ports"
)

// Build returns the folder that holds cert-manager's controller, after building it if it must.
func Build(ctx context.Context, log io.Writer) (string, error) {
	return cluster.BuildTools(ctx, gobuild.Programs{
		Name: "certmanager", Packages: []string{"github.com/cert-manager/cert-manager/cmd/controller"}, Log: log,
		What:  "cert-manager, once: about 2 minutes on 2 cores",
		Flags: func() ([]string, error) { return []string{"-trimpath", "-ldflags=-s -w"}, nil },
		As:    map[string]string{"controller": "cert-manager-controller"},
	})
}

// account is the ServiceAccount that cert-manager's chart makes, as a manifest.
const account = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: cert-manager, namespace: " + cluster.HomeNamespace + "}\n---\n"

// Install installs cert-manager's definitions, its ServiceAccount and the rights that its chart gives to it, and returns when
// its objects can be made.
func Install(ctx context.Context, c *cluster.Cluster) error {
	manifests, err := published(ctx)
	if err != nil {
		return fmt.Errorf("install cert-manager: %w", err)
	}
	for _, manifest := range manifests {
		_, err := c.KubectlWith(ctx, c.Kubeconfig(), strings.NewReader(manifest), "apply", "--server-side", "--filename", "-")
		if err != nil {
			return err
		}
	}
	for {
		_, err = c.Kubectl(ctx, "wait", "--for=condition=Established", "--timeout=90s", "crd", "--all")
		early := err != nil && strings.Contains(err.Error(), "conditions accessor error") // there are no conditions yet
		if !early || ctx.Err() != nil {
			return err
		}
	}
}

// published are the manifests in cert-manager's module. They are templates of Helm, in which names alone need to be filled in.
func published(ctx context.Context) (manifests []string, err error) {
	checkout, err := cluster.Checkout()
	if err != nil {
		return nil, err
	}
	module, err := gobuild.ModuleFolder(ctx, filepath.Join(checkout, "e2e", "certmanager"), "github.com/cert-manager/cert-manager")
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(module, "deploy", "crds", "*.yaml"))
	if err != nil {
		return nil, err
	}
	for _, file := range append(files, filepath.Join(module, "deploy", "charts", "cert-manager", "templates", "rbac.yaml")) {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		manifests = append(manifests, account+filled(string(text)))
	}
	return manifests, nil
}

// filled fills in the names, and leaves out the lines with all else that Helm would: labels, and what is there on a condition.
func filled(template string) string {
	var out strings.Builder
	names := strings.NewReplacer(
		`{{ template "cert-manager.fullname" . }}`, "cert-manager", `{{ include "cert-manager.fullname" . }}`, "cert-manager",
		`{{ template "cert-manager.serviceAccountName" . }}`, "cert-manager",
		`{{ include "cert-manager.namespace" . }}`, cluster.HomeNamespace, `{{ .Values.global.leaderElection.namespace }}`, cluster.HomeNamespace)
	for line := range strings.Lines(template) {
		if line = names.Replace(line); !strings.Contains(line, "{{") {
			out.WriteString(line)
		}
	}
	return out.String()
}

// CertManager is the real cert-manager's controller. Its webhook and its injector of CAs do not run: without them nothing
// checks its objects but their schemas, and it approves each CertificateRequest itself, as it does by default.
type CertManager struct {
	child *child.Child
	ports ports.Holder
}

// Start runs the controller as its ServiceAccount with the given flags, and returns when it serves its metrics.
func Start(ctx context.Context, c *cluster.Cluster, flags ...string) (*CertManager, error) {
	programs, err := Build(ctx, os.Stderr)
	if err != nil {
		return nil, err
	}
	kubeconfig, err := c.KubeconfigFor(ctx, cluster.HomeNamespace, "cert-manager")
	if err != nil {
		return nil, err
	}
	m := &CertManager{}
	port, err := m.ports.Take(1)
	if err != nil {
		return nil, err
	}
	metrics := "127.0.0.1:" + strconv.Itoa(port[0])
	m.child, err = child.Start(child.Spec{
		Path: filepath.Join(programs, "cert-manager-controller"),
		Args: append([]string{"--v=2", "--kubeconfig=" + kubeconfig, "--leader-elect=false", "--metrics-listen-address=" + metrics,
			"--cluster-resource-namespace=" + cluster.HomeNamespace}, flags...),
		Dir: c.Dir(),
		Log: filepath.Join(c.Dir(), "cert-manager.log"),
	})
	if err != nil {
		return nil, err
	}
	if err := m.child.Ready(ctx, "http://"+metrics+"/metrics"); err != nil {
		m.Stop()
		return nil, err
	}
	return m, nil
}

// Stop ends it as a Deployment does.
func (m *CertManager) Stop() {
	m.child.Stop(30 * time.Second)
	m.ports.Release()
}

// Log returns the end of what it has written.
func (m *CertManager) Log() string { return m.child.Tail(16000) }
