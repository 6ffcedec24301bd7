package convert_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/stage"
	"github.com/wildcast/wildcast/e2e/wildcast"
)

// patience is how long anything may take that is bound to happen.
const patience = 90 * time.Second

// story is a cluster of its own with a CA and a DNS server, and the programs.
type story struct {
	*stage.Stage
	*testing.T
	ctx      context.Context
	programs string // folder
	dir      string // where commands run
}

// tell begins a story with these zones. Its cluster is its own: what is converted has names that are not the test's to choose.
func tell(t *testing.T, zones ...string) *story {
	t.Helper()
	return begin(t, stage.Options{Zones: zones})
}

func begin(t *testing.T, o stage.Options) *story {
	t.Helper()
	c := cluster.New(t, cluster.Options{})
	s := &story{T: t, ctx: t.Context(), dir: t.TempDir()}
	s.must(c.Apply(s.ctx, "manifests/base"))
	var err error
	s.Stage, err = stage.Open(c, "convert", o)
	s.must(err)
	t.Cleanup(func() {
		s.DNS.Close()
		s.CA.Close()
	})
	s.programs, err = wildcast.Build(s.ctx, io.Discard)
	s.must(err)
	return s
}

func (s *story) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// run starts wildcast.
func (s *story) run(args ...string) *wildcast.Process {
	s.Helper()
	return wildcast.New(s.T, s.Cluster, wildcast.Options{Args: append([]string{"--log-level=debug"}, args...)})
}

// sh runs a command line in the story's folder, with kubectl as the administrator, and wildcast.
func (s *story) sh(line string) (stdout string, err error) {
	cmd := exec.CommandContext(s.ctx, "sh", "-c", line)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "KUBECONFIG="+s.Cluster.Kubeconfig(), "KUBECTL_KUBERC=false", "KUBECACHEDIR="+filepath.Join(s.dir, "kubectl-cache"), "POD_NAMESPACE=",
		"PATH="+strings.Join([]string{filepath.Dir(s.Cluster.KubectlPath()), s.programs, os.Getenv("PATH")}, ":"))
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("%s: %w: %s", line, err, exit.Stderr)
	}
	return string(out), err
}

// shell runs a command line that must succeed.
func (s *story) shell(line string) string {
	s.Helper()
	out, err := s.sh(line)
	s.must(err)
	return out
}

// write makes a file in the story's folder.
func (s *story) write(name, text string) {
	s.Helper()
	s.must(os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600))
}

// until waits for what is bound to happen.
func (s *story) until(what string, condition func() error) {
	s.Helper()
	s.within(patience, what, condition)
}

// within is until with another patience.
func (s *story) within(patience time.Duration, what string, condition func() error) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	if err := stage.Until(ctx, condition); err != nil {
		s.Fatalf("waited in vain until %s: %v", what, err)
	}
}

func (s *story) get(name types.NamespacedName) (*corev1.Secret, error) {
	return s.Kube.CoreV1().Secrets(name.Namespace).Get(s.ctx, name.Name, metav1.GetOptions{})
}

// stored returns a Secret that must be there.
func (s *story) stored(name types.NamespacedName) *corev1.Secret {
	s.Helper()
	secret, err := s.get(name)
	s.must(err)
	return secret
}

// served waits until a Secret holds a certificate for exactly these names, and returns it.
func (s *story) served(name types.NamespacedName, names ...string) (found *corev1.Secret) {
	s.Helper()
	s.until(fmt.Sprintf("%s serves %s", name, names), func() (err error) {
		if found, err = s.get(name); err != nil {
			return err
		}
		pair, err := tls.X509KeyPair(found.Data[corev1.TLSCertKey], found.Data[corev1.TLSPrivateKeyKey])
		if err != nil {
			return err
		}
		if !slices.Equal(slices.Sorted(slices.Values(pair.Leaf.DNSNames)), slices.Sorted(slices.Values(names))) {
			return fmt.Errorf("it is for %s", pair.Leaf.DNSNames)
		}
		return nil
	})
	return found
}
