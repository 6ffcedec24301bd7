package roles_test

import (
	"slices"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/wildcast/wildcast/e2e/cluster"
)

func TestTheOverlayGrantsNothingInTheWholeCluster(t *testing.T) {
	admin := kubernetes.NewForConfigOrDie(shared.Admin())
	bindings, err := admin.RbacV1().ClusterRoleBindings().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range bindings.Items {
		if slices.ContainsFunc(b.Subjects, func(s rbacv1.Subject) bool { return s.Name == cluster.ServiceAccount }) {
			t.Errorf("ClusterRoleBinding %s", b.Name)
		}
	}
	itself := asItself(t)
	_, err = itself.CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{})
	forbidden(t, "list namespaces", err)
	_, err = itself.CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{FieldSelector: "metadata.name=team-a"})
	forbidden(t, "list one namespace", err)
	_, err = itself.CoreV1().Secrets("").List(t.Context(), metav1.ListOptions{})
	forbidden(t, "list all Secrets", err)
	_, err = itself.CoreV1().Secrets(outside).List(t.Context(), metav1.ListOptions{})
	forbidden(t, "list Secrets outside", err)
}

// The whole mode rests on this: a Role in a namespace permits to read that Namespace by its name, and to watch it at a
// path that is old and served still.
func TestARolePermitsToReadAndWatchItsOwnNamespaceByName(t *testing.T) {
	itself := asItself(t)
	for name, may := range map[string]bool{cluster.HomeNamespace: true, "team-a": true, "team-b": true, outside: false, "default": false} {
		for _, path := range []string{"/api/v1/namespaces/" + name, "/api/v1/watch/namespaces/" + name + "?timeoutSeconds=1"} {
			_, err := itself.CoreV1().RESTClient().Get().RequestURI(path).Do(t.Context()).Raw()
			if may && err != nil {
				t.Errorf("%s: %v", path, err)
			}
			if !may {
				forbidden(t, path, err)
			}
		}
	}
}

func asItself(t *testing.T) kubernetes.Interface {
	t.Helper()
	path, err := shared.KubeconfigFor(t.Context(), cluster.HomeNamespace, cluster.ServiceAccount)
	if err != nil {
		t.Fatal(err)
	}
	config, err := cluster.Config(path)
	if err != nil {
		t.Fatal(err)
	}
	return kubernetes.NewForConfigOrDie(config)
}

func forbidden(t *testing.T, what string, err error) {
	t.Helper()
	if !apierrors.IsForbidden(err) {
		t.Errorf("%s: %v, want it to be forbidden", what, err)
	}
}
