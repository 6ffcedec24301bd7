package wildcast_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/wildcast"
)

var shared *cluster.Cluster

func TestMain(m *testing.M) {
	os.Exit(cluster.Main(m, cluster.Options{Audit: true}, func(ctx context.Context, c *cluster.Cluster) error {
		shared = c
		return c.Apply(ctx, "manifests/base")
	}))
}

func TestAStartedProcessIsReadyAndTellsItsMetricsMemoryAndLog(t *testing.T) {
	w := wildcast.New(t, shared, wildcast.Options{})
	if err := w.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	metrics, err := w.Metrics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if metrics.Sum("rest_client_requests_total", "method", "GET", "code", "200") == 0 {
		t.Error("the metrics tell of no request that it made")
	}
	rss, err := w.RSS()
	if err != nil {
		t.Fatal(err)
	}
	if rss < 10<<20 || rss > 1<<30 {
		t.Errorf("resident memory of %d bytes", rss)
	}
	log, err := w.Logs()
	if err != nil || log == "" {
		t.Errorf("log %q, %v", log, err)
	}
}

func TestAProcessHasTheRightsOfTheShippedServiceAccount(t *testing.T) {
	wildcast.New(t, shared, wildcast.Options{})
	found, err := shared.Requests(func(r cluster.Request) bool { return strings.HasPrefix(r.UserAgent, "wildcast/") })
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		t.Fatal("no request of wildcast was counted")
	}
	for _, r := range found {
		if r.Code == 403 || r.User != "system:serviceaccount:cert-manager:wildcast" {
			t.Errorf("%s as %s", r, r.User)
		}
	}
}

func TestAStoppedProcessHasExitedWithCodeZeroAndFreedItsLease(t *testing.T) {
	w := wildcast.New(t, shared, wildcast.Options{})
	if code := w.Stop(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if err := w.Ready(t.Context()); err == nil {
		t.Error("a stopped process is ready")
	}
	client, err := kubernetes.NewForConfig(shared.Admin())
	if err != nil {
		t.Fatal(err)
	}
	lease, err := client.CoordinationV1().Leases(cluster.HomeNamespace).Get(t.Context(), "wildcast", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if holder := lease.Spec.HolderIdentity; holder != nil && *holder != "" {
		t.Errorf("the lease is still held by %q", *holder)
	}
}

func TestAKilledProcessIsRestartedAtItsAddressesAndIntoItsLog(t *testing.T) {
	w := wildcast.New(t, shared, wildcast.Options{})
	address, first := w.MetricsAddress(), w.PID()
	w.Kill()
	if code := w.Wait(); code != -1 {
		t.Errorf("exit code %d of a killed process, want -1", code)
	}
	before, err := w.Logs()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w.MetricsAddress() != address || w.PID() == first {
		t.Errorf("address %s and process %d, after %s and %d", w.MetricsAddress(), w.PID(), address, first)
	}
	after, err := w.Logs()
	if err != nil || len(after) <= len(before) || !strings.HasPrefix(after, before) {
		t.Errorf("the log of the first run is lost, %v", err)
	}
}

func TestTwoReplicasRunSideBySide(t *testing.T) {
	one := wildcast.New(t, shared, wildcast.Options{Name: "one"})
	two := wildcast.New(t, shared, wildcast.Options{Name: "two"})
	for _, w := range []*wildcast.Process{one, two} {
		if err := w.Ready(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestWhatTheProcessSaysWhenItCannotStartIsInTheError(t *testing.T) {
	_, err := wildcast.Start(t.Context(), wildcast.Options{
		Kubeconfig: shared.Kubeconfig(), Dir: t.TempDir(), Args: []string{"--no-such-flag"},
	})
	if err == nil || !strings.Contains(err.Error(), "exit code 2") || !strings.Contains(err.Error(), "--no-such-flag") {
		t.Errorf("error %v", err)
	}
}

func TestTheDNSProgramIsBesideTheOther(t *testing.T) {
	folder, err := wildcast.Build(t.Context(), os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"wildcast", "wildcast-dns01"} {
		info, err := os.Stat(filepath.Join(folder, name))
		if err != nil || info.Mode().Perm()&0o111 == 0 {
			t.Errorf("%s is not a program: %v", name, err)
		}
	}
}
