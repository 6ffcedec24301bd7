package certificates

import (
	"context"
	"os"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/stage"
	"github.com/wildcast/wildcast/e2e/wildcast"
)

var shared *cluster.Cluster

func TestMain(m *testing.M) {
	os.Exit(cluster.Main(m, cluster.Options{Audit: true}, func(ctx context.Context, c *cluster.Cluster) error {
		shared = c
		return c.Apply(ctx, "manifests/base")
	}))
}

func TestSpine(t *testing.T) {
	s, err := stage.Open(shared, "spine", stage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.Issuer(ctx, stage.Home, "le", nil))
	must(s.Solver(ctx, stage.Home, "dns", nil))
	must(s.Namespace(ctx, "infra", map[string]string{"cert-manager-tls": "wildcard.a.test"}))
	p := wildcast.New(t, shared, wildcast.Options{Args: []string{"--log-level=debug"}})
	began := time.Now()
	must(s.Ingress(ctx, "infra", "wiki", "wiki-tls", []string{"wiki.a.test"}, map[string]string{"wildcast.dev/issuer": "le"}))
	c, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	err = stage.Until(c, func() error {
		_, err := s.Kube.CoreV1().Secrets("infra").Get(ctx, "wiki-tls", metav1.GetOptions{})
		return err
	})
	t.Log(time.Since(began), err)
	reqs, _ := shared.Requests(cluster.Since(began))
	for _, r := range reqs {
		t.Log(r)
	}
	out, _ := shared.Kubectl(ctx, "describe", "secret", "-n", "infra")
	t.Log(out)
	out, _ = shared.Kubectl(ctx, "describe", "ingress", "-n", "infra")
	t.Log(out)
	l, _ := p.Logs()
	t.Log(l)
	if err != nil {
		t.Fail()
	}
}
