package cluster_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/stage"
)

// account makes a ServiceAccount that may do anything with Secrets, and returns a client that is it.
func account(t *testing.T, c *cluster.Cluster, namespace, name string) kubernetes.Interface {
	t.Helper()
	client, ctx := admin(t, c), t.Context()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	if _, err := client.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	sa := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if _, err := client.CoreV1().ServiceAccounts(namespace).Create(ctx, sa, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	role := &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"*"}}},
	}
	if _, err := client.RbacV1().ClusterRoles().Create(ctx, role, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: name}},
	}
	if _, err := client.RbacV1().ClusterRoleBindings().Create(ctx, binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	path, err := c.KubeconfigFor(ctx, namespace, name)
	if err != nil {
		t.Fatal(err)
	}
	config, err := cluster.Config(path)
	if err != nil {
		t.Fatal(err)
	}
	config.UserAgent = "counted/1"
	return kubernetes.NewForConfigOrDie(config)
}

func requests(t *testing.T, c *cluster.Cluster, keep func(cluster.Request) bool) []string {
	t.Helper()
	found, err := c.Requests(keep)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, r := range found {
		lines = append(lines, r.String())
	}
	return lines
}

func TestEachRequestOfTheShippedServiceAccountIsCountedOnceItIsAnswered(t *testing.T) {
	secrets := account(t, shared, cluster.HomeNamespace, cluster.ServiceAccount).CoreV1().Secrets(cluster.HomeNamespace)
	ctx := t.Context()
	begun := time.Now()
	for i := range 100 {
		s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("counted-", i)}}
		if _, err := secrets.Create(ctx, s, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	created, err := shared.Requests(cluster.Since(begun))
	if err != nil {
		t.Fatal(err)
	}
	if len(created) != 100 {
		t.Errorf("%d requests were counted, want 100", len(created))
	}
	for i, r := range created {
		want := fmt.Sprintf("create secrets cert-manager/counted-%d 201", i)
		if r.String() != want || !r.Write() || r.UserAgent != "counted/1" {
			t.Fatalf("request %d is %q by %q, want %q", i, r, r.UserAgent, want)
		}
		if r.Received.Before(begun.Truncate(time.Microsecond)) || r.Completed.Before(r.Received) || r.Completed.After(time.Now()) {
			t.Fatalf("request %d has the times %s to %s", i, r.Received, r.Completed)
		}
	}
}

func TestRequestsThatFailAreCountedAndThoseOfOthersAreNot(t *testing.T) {
	client, ctx := account(t, shared, "here", "counted"), t.Context()
	begun := time.Now()
	if _, err := client.CoreV1().Secrets("here").Get(ctx, "none", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Fatal(err)
	}
	if _, err := client.CoreV1().ConfigMaps("here").List(ctx, metav1.ListOptions{}); !apierrors.IsForbidden(err) {
		t.Fatal(err)
	}
	if _, err := admin(t, shared).CoreV1().Secrets("here").List(ctx, metav1.ListOptions{}); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(requests(t, shared, cluster.Since(begun)), ", ")
	if want := "get secrets here/none 404, list configmaps here/ 403"; got != want {
		t.Errorf("counted %q, want %q", got, want)
	}
}

func TestWhatAQuotaRefusesIsToldFromWhatTheUserHasNoRightTo(t *testing.T) {
	client, ctx := account(t, shared, "full", "refused"), t.Context()
	if err := stage.Fill(ctx, admin(t, shared), "full", "secrets"); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "one-more"}}
	if _, err := client.CoreV1().Secrets("full").Create(ctx, s, metav1.CreateOptions{}); !apierrors.IsForbidden(err) {
		t.Fatal(err)
	}
	if _, err := client.CoreV1().ConfigMaps("full").List(ctx, metav1.ListOptions{}); !apierrors.IsForbidden(err) {
		t.Fatal(err)
	}
	if got := requests(t, shared, cluster.Since(begun)); len(got) != 2 {
		t.Fatalf("counted %q", got)
	}
	denied := func(r cluster.Request) bool { return r.Denied && cluster.Since(begun)(r) }
	if got := strings.Join(requests(t, shared, denied), ", "); got != "list configmaps full/ 403" {
		t.Errorf("denied %q", got)
	}
}

func TestAWatchIsCountedOnceWhenItBeginsAndNotAgainWhenItEnds(t *testing.T) {
	client, ctx := account(t, shared, "here", "watches"), t.Context()
	begun := time.Now()
	watch, err := client.CoreV1().Secrets("here").Watch(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	const want = "watch secrets here/ 200"
	if got := strings.Join(requests(t, shared, cluster.Since(begun)), ", "); got != want {
		t.Errorf("counted %q while the watch runs, want %q", got, want)
	}
	watch.Stop()
	log := filepath.Join(shared.Dir(), "audit.log")
	eventually(t, "the API server has written that the watch ended", func() bool {
		text, err := os.ReadFile(log)
		return err == nil && strings.Contains(string(text), "ResponseComplete")
	})
	if got := strings.Join(requests(t, shared, cluster.Since(begun)), ", "); got != want {
		t.Errorf("counted %q after the watch ended, want %q", got, want)
	}
}

func TestRequestsOfAClusterThatCountsNoneAreAnErrorAndNotNone(t *testing.T) {
	if _, err := new(cluster.Cluster).Requests(nil); err == nil {
		t.Error("no error")
	}
}
