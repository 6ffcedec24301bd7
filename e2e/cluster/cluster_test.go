package cluster_test

import (
	"context"
	"os"
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
	os.Exit(cluster.Main(m, cluster.Options{Audit: true}, func(ctx context.Context, c *cluster.Cluster) error {
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
