package manifests_test

import (
	"slices"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/wildcast/wildcast/e2e/cluster"
)

// everywhere and home are all that wildcast may do: in every namespace, and in its own besides. The
// requests that ask the API server what one may do are granted to everybody by system:basic-user.
var (
	everywhere = []string{
		"create selfsubjectaccessreviews.authorization.k8s.io",
		"create selfsubjectreviews.authentication.k8s.io",
		"create selfsubjectrulesreviews.authorization.k8s.io",
		"create secrets", "delete secrets", "get secrets", "list secrets", "update secrets", "watch secrets",
		"create configmaps", "delete configmaps", "get configmaps", "list configmaps", "update configmaps", "watch configmaps",
		"get namespaces", "list namespaces", "watch namespaces",
		"get ingresses.networking.k8s.io", "list ingresses.networking.k8s.io", "watch ingresses.networking.k8s.io",
		"create events.events.k8s.io", "patch events.events.k8s.io",
	}
	home = append([]string{
		"create leases.coordination.k8s.io", "create ingresses.networking.k8s.io", "delete ingresses.networking.k8s.io",
	}, everywhere...)
)

// verbs are all that RBAC knows of, for resources.
var verbs = []string{
	"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection",
	"bind", "escalate", "impersonate", "approve", "sign", "use",
}

// itself returns a client that is the shipped ServiceAccount.
func itself(t *testing.T) kubernetes.Interface {
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

func may(t *testing.T, client kubernetes.Interface, what authorizationv1.ResourceAttributes) bool {
	t.Helper()
	review := &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &what},
	}
	answer, err := client.AuthorizationV1().SelfSubjectAccessReviews().Create(t.Context(), review, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return answer.Status.Allowed
}

// resources lists every resource and subresource that the API server has, without versions.
func resources(t *testing.T) []authorizationv1.ResourceAttributes {
	t.Helper()
	_, lists, err := admin(t).Discovery().ServerGroupsAndResources()
	if err != nil {
		t.Fatal(err)
	}
	var all []authorizationv1.ResourceAttributes
	for _, list := range lists {
		group, _, versioned := strings.Cut(list.GroupVersion, "/")
		if !versioned {
			group = "" // the core group's text is its version
		}
		for _, r := range list.APIResources {
			name, sub, _ := strings.Cut(r.Name, "/")
			all = append(all, authorizationv1.ResourceAttributes{Group: group, Resource: name, Subresource: sub})
		}
	}
	return all
}

func describe(r authorizationv1.ResourceAttributes) string {
	s := r.Verb + " " + r.Resource
	if r.Subresource != "" {
		s += "/" + r.Subresource
	}
	if r.Group != "" {
		s += "." + r.Group
	}
	return s
}

func TestOfAllThatTheAPIServerOffersWildcastMayDoWhatItsRoleListsAndNothingElse(t *testing.T) {
	client, all := itself(t), resources(t)
	if len(all) < 100 {
		t.Fatalf("the API server has just %d resources", len(all))
	}
	for namespace, want := range map[string][]string{"": everywhere, "default": everywhere, cluster.HomeNamespace: home} {
		var got []string
		for _, what := range all {
			for _, what.Verb = range verbs {
				what.Namespace = namespace
				if may(t, client, what) {
					got = append(got, describe(what))
				}
			}
		}
		got, want = sorted(got), sorted(want)
		if !slices.Equal(got, want) {
			t.Errorf("in namespace %q it may\n%s\nand should\n%s", namespace, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// sorted drops what several versions of a group offer twice.
func sorted(lines []string) []string {
	lines = slices.Clone(lines)
	slices.Sort(lines)
	return slices.Compact(lines)
}

func TestOfLeasesItMayReadAndUpdateItsOwnOnly(t *testing.T) {
	client := itself(t)
	for _, row := range []struct {
		namespace, name, verb string
		want                  bool
	}{
		{cluster.HomeNamespace, "wildcast", "get", true},
		{cluster.HomeNamespace, "wildcast", "update", true},
		{cluster.HomeNamespace, "wildcast", "patch", false},
		{cluster.HomeNamespace, "wildcast", "delete", false},
		{cluster.HomeNamespace, "cert-manager-controller", "get", false},
		{cluster.HomeNamespace, "cert-manager-controller", "update", false},
		{"kube-system", "wildcast", "get", false},
		{"kube-system", "wildcast", "update", false},
	} {
		what := authorizationv1.ResourceAttributes{
			Group: "coordination.k8s.io", Resource: "leases",
			Namespace: row.namespace, Name: row.name, Verb: row.verb,
		}
		if got := may(t, client, what); got != row.want {
			t.Errorf("%s lease %s/%s: allowed %t, want %t", row.verb, row.namespace, row.name, got, row.want)
		}
	}
}

func TestItMayReadNoPathButThoseOfEverybody(t *testing.T) {
	client := itself(t)
	for path, want := range map[string]bool{
		"/api": true, "/apis": true, "/openapi/v3": true, "/version": true, "/healthz": true, "/readyz": true, // system:discovery
		"/metrics": false, "/logs": false, "/debug/pprof": false, "/configz": false,
	} {
		review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
			NonResourceAttributes: &authorizationv1.NonResourceAttributes{Path: path, Verb: "get"},
		}}
		answer, err := client.AuthorizationV1().SelfSubjectAccessReviews().Create(t.Context(), review, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if answer.Status.Allowed != want {
			t.Errorf("get %s: allowed %t, want %t", path, answer.Status.Allowed, want)
		}
	}
}
