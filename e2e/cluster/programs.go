package cluster

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/wildcast/wildcast/e2e/internal/gobuild"
)

// programs are the main packages that e2e/kubernetes is for.
var programs = []string{
	"go.etcd.io/etcd/server/v3",
	"k8s.io/kubernetes/cmd/kube-apiserver",
	"k8s.io/kubernetes/cmd/kube-controller-manager",
	"k8s.io/kubernetes/cmd/kubectl",
}

// Checkout returns the folder of the wildcast checkout that holds the working directory.
func Checkout() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find checkout: %w", err)
	}
	for here := dir; ; here = filepath.Dir(here) {
		if _, err := os.Stat(filepath.Join(here, "e2e", "kubernetes", "go.mod")); err == nil {
			return here, nil
		}
		if here == filepath.Dir(here) {
			return "", fmt.Errorf("find checkout: no folder above %s holds e2e/kubernetes/go.mod", dir)
		}
	}
}

// CacheDir returns the folder for programs that outlive a checkout: $WILDCAST_CACHE, or wildcast in the
// user's cache folder.
func CacheDir() (string, error) {
	if dir := os.Getenv("WILDCAST_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find cache folder: %w: set WILDCAST_CACHE", err)
	}
	return filepath.Join(dir, "wildcast"), nil
}

// Build returns the folder that holds etcd, kube-apiserver, kube-controller-manager and kubectl, after
// building them if it must. Progress goes to log.
func Build(ctx context.Context, log io.Writer) (string, error) {
	p := gobuild.Programs{
		Name: "kubernetes", Packages: programs, Log: log,
		What: "the Kubernetes control plane, once: 2,700 packages, about 5 minutes on 2 cores",
		As:   map[string]string{"server": "etcd"}, // go build names etcd after the last element of its package
	}
	p.Flags = func() ([]string, error) {
		checkout, err := Checkout()
		if err != nil {
			return nil, err
		}
		return buildFlags(ctx, filepath.Join(checkout, "e2e", p.Name))
	}
	return BuildTools(ctx, p)
}

// BuildTools returns the folder that holds the programs which a module of tools, e2e/NAME in this checkout, exists to
// build, after building them if it must. Module and Cache are filled in.
func BuildTools(ctx context.Context, p gobuild.Programs) (folder string, err error) {
	checkout, err := Checkout()
	if err != nil {
		return "", err
	}
	p.Module = filepath.Join(checkout, "e2e", p.Name)
	if p.Cache, err = CacheDir(); err != nil {
		return "", err
	}
	return p.Build(ctx)
}

// buildFlags stamps the version that the programs are built from into them: the API server tells it to
// clients, and kubectl compares it with its own.
func buildFlags(ctx context.Context, module string) ([]string, error) {
	list := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Version}}", "k8s.io/kubernetes")
	list.Dir = module
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("ask go for the version of k8s.io/kubernetes: %w", err)
	}
	version := strings.TrimSpace(string(out))
	number := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	if len(number) != 3 {
		return nil, fmt.Errorf("k8s.io/kubernetes has the version %q, which is not MAJOR.MINOR.PATCH", version)
	}
	stamp := "-s -w" +
		" -X k8s.io/component-base/version.gitVersion=" + version +
		" -X k8s.io/component-base/version.gitMajor=" + number[0] +
		" -X k8s.io/component-base/version.gitMinor=" + number[1] +
		" -X k8s.io/client-go/pkg/version.gitVersion=" + version
	return []string{"-trimpath", "-ldflags", stamp}, nil
}
