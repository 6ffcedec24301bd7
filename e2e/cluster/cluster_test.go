package cluster_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/wildcast/wildcast/e2e/cluster"
)

// shared is applied to, never broken: tests that break a cluster start their own.
var shared *cluster.Cluster

func TestMain(m *testing.M) {
	if name := os.Getenv(scene); name != "" {
		os.Exit(play(name))
	}
	counted := []string{cluster.Username("here", "counted"), cluster.Username("here", "watches"), cluster.Username("full", "refused")}
	os.Exit(cluster.Main(m, cluster.Options{Audit: true, AuditUsers: counted}, func(_ context.Context, c *cluster.Cluster) error {
		shared = c
		return nil
	}))
}

func admin(t *testing.T, c *cluster.Cluster) kubernetes.Interface {
	t.Helper()
	client, err := kubernetes.NewForConfig(c.Admin())
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// eventually asks until ok, for at most half a minute, and fails the test after that.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("waited in vain: %s", what)
}

func TestANamespaceThatIsDeletedGoesWithItsContents(t *testing.T) {
	t.Parallel()
	client, ctx := admin(t, shared), t.Context()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "goes"}}
	if _, err := client.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "s"}}
	if _, err := client.CoreV1().Secrets("goes").Create(ctx, secret, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := client.CoreV1().Namespaces().Delete(ctx, "goes", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "namespace is gone", func() bool {
		_, err := client.CoreV1().Namespaces().Get(ctx, "goes", metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	})
}

func TestARestartedAPIServerHasItsPortItsDataAndItsCount(t *testing.T) {
	t.Parallel()
	c := cluster.New(t, cluster.Options{AuditUsers: []string{"admin"}})
	client, ctx, url := admin(t, c), t.Context(), c.URL()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "kept"}}
	if _, err := client.CoreV1().Secrets("default").Create(ctx, secret, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := c.RestartAPIServer(ctx); err != nil {
		t.Fatal(err)
	}
	if c.URL() != url {
		t.Errorf("address %s, want %s", c.URL(), url)
	}
	if _, err := client.CoreV1().Secrets("default").Get(ctx, "kept", metav1.GetOptions{}); err != nil {
		t.Errorf("the client from before the restart: %v", err)
	}
	got := requests(t, c, func(r cluster.Request) bool { return r.Name == "kept" })
	if want := "create secrets default/kept 201, get secrets default/kept 200"; strings.Join(got, ", ") != want {
		t.Errorf("counted %q, want %q", got, want)
	}
}

func TestKubeconfigsAreReadableByTheirOwnerOnlyAndVerifyTheServer(t *testing.T) {
	t.Parallel()
	account(t, shared, "kubeconfigs", "reader")
	for _, name := range []string{"admin.kubeconfig", "kubeconfigs-reader.kubeconfig"} {
		path := filepath.Join(shared.Dir(), name)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o", name, info.Mode().Perm())
		}
		config, err := cluster.Config(path)
		if err != nil {
			t.Fatal(err)
		}
		if config.Insecure || len(config.CAData) == 0 {
			t.Errorf("%s does not verify the API server", name)
		}
	}
}

func TestClustersRunSideBySide(t *testing.T) {
	t.Parallel()
	other := cluster.New(t, cluster.Options{})
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "only-in-the-other"}}
	if _, err := admin(t, other).CoreV1().Namespaces().Create(t.Context(), ns, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	_, err := admin(t, shared).CoreV1().Namespaces().Get(t.Context(), ns.Name, metav1.GetOptions{})
	if !apierrors.IsNotFound(err) {
		t.Errorf("the namespace of one cluster in another: %v", err)
	}
}

func TestAFieldThatTheAPIServerDoesNotKnowIsAnError(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"kustomization.yaml": "resources: [secret.yaml]\n",
		"secret.yaml":        "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: default}\nstringdata: {a: b}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	err := shared.Apply(t.Context(), dir)
	if err == nil || !strings.Contains(err.Error(), "stringdata") {
		t.Errorf("error %v, want one that names the field", err)
	}
}

func TestWhatTheAPIServerSaysWhenItCannotStartIsInTheError(t *testing.T) {
	t.Parallel()
	_, err := cluster.Start(t.Context(), cluster.Options{Parent: t.TempDir(), APIServerFlags: []string{"--no-such-flag"}})
	if err == nil || !strings.Contains(err.Error(), "unknown flag: --no-such-flag") {
		t.Errorf("error %v", err)
	}
}
