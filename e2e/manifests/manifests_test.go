package manifests_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/wildcast/wildcast/e2e/cluster"
)

var shared *cluster.Cluster

func TestMain(m *testing.M) {
	os.Exit(cluster.Main(m, cluster.Options{}, func(ctx context.Context, c *cluster.Cluster) error {
		shared = c
		return c.Apply(ctx, "manifests/base")
	}))
}

func admin(t *testing.T) kubernetes.Interface {
	t.Helper()
	client, err := kubernetes.NewForConfig(shared.Admin())
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

func TestEveryFolderAppliesWithStrictValidationTwice(t *testing.T) {
	checkout, err := cluster.Checkout()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(checkout, "manifests", "overlays", "*", "kustomization.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no overlays: %v", err)
	}
	overlays := dirs(files)
	// Two change the Deployment, which would go on rolling out for ever where no Pod runs: suite roles installs one instead
	// of base, and the other is only tried.
	contexts := filepath.Join(checkout, "manifests", "overlays", "contexts")
	overlays = slices.DeleteFunc(overlays, func(folder string) bool {
		return folder == contexts || folder == filepath.Join(checkout, "manifests", "overlays", "namespaces")
	})
	for _, folder := range append([]string{"manifests/base", "manifests/admission", "manifests/viewer", "manifests/examples", "manifests/contexts"}, overlays...) {
		for range 2 { // the second changes nothing, and conflicts with nobody
			if err := shared.Apply(t.Context(), folder); err != nil {
				t.Error(err)
			}
		}
	}
	_, err = shared.Kubectl(t.Context(), "apply", "--kustomize", contexts, "--server-side", "--validate=strict", "--dry-run=server")
	if err != nil {
		t.Error(err)
	}
}

// ownOverlay is the kustomization of docs/reflection.md that joins other clusters with an issuer.
var ownOverlay = regexp.MustCompile("(?s)```yaml\n(# manifests/overlays/own/kustomization.yaml\n.*?)```")

func TestTheOverlayOfTheDocumentationJoinsOtherClustersWithAnIssuer(t *testing.T) {
	checkout, err := cluster.Checkout()
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(checkout, "docs", "reflection.md"))
	if err != nil {
		t.Fatal(err)
	}
	shown := ownOverlay.FindSubmatch(page)
	if shown == nil {
		t.Fatal("docs/reflection.md shows no such kustomization")
	}
	manifests := t.TempDir()
	if err := os.CopyFS(manifests, os.DirFS(filepath.Join(checkout, "manifests"))); err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(manifests, "overlays", "own")
	patch, err := os.ReadFile(filepath.Join(checkout, "manifests", "overlays", "contexts", "deployment.yaml"))
	if err := errors.Join(err, os.Mkdir(own, 0o700), os.WriteFile(filepath.Join(own, "kustomization.yaml"), shown[1], 0o600),
		os.WriteFile(filepath.Join(own, "deployment.yaml"), patch, 0o600)); err != nil {
		t.Fatal(err)
	}
	built, err := shared.Kubectl(t.Context(), "kustomize", own)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"WILDCAST_CONTEXTS_KUBECONFIG", "secretName: wildcast-contexts", "type: wildcast.dev/issuer", "kind: ValidatingAdmissionPolicy\n"} {
		if !strings.Contains(built, text) {
			t.Errorf("what it makes has no %s", text)
		}
	}
}

func dirs(files []string) []string {
	for i, file := range files {
		files[i] = filepath.Dir(file)
	}
	return files
}

func TestEveryFileOfTheExamplesIsPartOfTheirFolder(t *testing.T) {
	checkout, err := cluster.Checkout()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(checkout, "manifests", "examples", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadFile(filepath.Join(checkout, "manifests", "examples", "kustomization.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		if name != "kustomization.yaml" && !strings.Contains(string(list), "  - "+name+"\n") {
			t.Errorf("%s is not in kustomization.yaml, and so is not checked", name)
		}
	}
}

func TestTheNamespaceEnforcesRestrictedPodSecurityAndAdmitsBothReplicas(t *testing.T) {
	client, ctx := admin(t), t.Context()
	eventually(t, "two Pods are admitted", func() bool {
		pods, err := client.CoreV1().Pods(cluster.HomeNamespace).
			List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=wildcast"})
		return err == nil && len(pods.Items) == 2
	})
	no := false
	lax := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "lax"},
		Spec: corev1.PodSpec{
			AutomountServiceAccountToken: &no,
			Containers:                   []corev1.Container{{Name: "lax", Image: "lax"}},
		},
	}
	_, err := client.CoreV1().Pods(cluster.HomeNamespace).Create(ctx, lax, metav1.CreateOptions{})
	if err == nil || !strings.Contains(err.Error(), `violates PodSecurity "restricted:latest"`) {
		t.Errorf("a Pod without a security context: %v", err)
	}
}

func TestTheServiceAndTheBudgetSelectThePods(t *testing.T) {
	client, ctx := admin(t), t.Context()
	deployment, err := client.AppsV1().Deployments(cluster.HomeNamespace).Get(ctx, "wildcast", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	service, err := client.CoreV1().Services(cluster.HomeNamespace).Get(ctx, "wildcast", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	budget, err := client.PolicyV1().PodDisruptionBudgets(cluster.HomeNamespace).Get(ctx, "wildcast", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	policy, err := client.NetworkingV1().NetworkPolicies(cluster.HomeNamespace).Get(ctx, "wildcast", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprint(deployment.Spec.Template.Labels)
	for what, labels := range map[string]map[string]string{
		"Deployment":          deployment.Spec.Selector.MatchLabels,
		"Service":             service.Spec.Selector,
		"PodDisruptionBudget": budget.Spec.Selector.MatchLabels,
		"NetworkPolicy":       policy.Spec.PodSelector.MatchLabels,
	} {
		if fmt.Sprint(labels) != want {
			t.Errorf("the %s selects %v, and the Pods have %v", what, labels, want)
		}
	}
}
