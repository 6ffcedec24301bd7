package admission

import (
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/wildcast/wildcast/controllers"
	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/internal/page"
)

func TestTheCommandsOfThePageAboutDNSPrintWhatItShowsAndMakeSolversThatTheCodeTakes(t *testing.T) {
	checkout, err := cluster.Checkout()
	if err != nil {
		t.Fatal(err)
	}
	all, err := page.Examples(filepath.Join(checkout, "docs", "dns.md"))
	if err != nil || len(all) < 15 {
		t.Fatalf("%d examples, %v", len(all), err)
	}
	for _, e := range all {
		got, err := shared.Kubectl(t.Context(), e.Args...)
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, strings.TrimSpace(e.Want)) {
			t.Errorf("kubectl %q prints\n%s, not\n%s", e.Args, got, e.Want)
		}
	}
	solvers := client.CoreV1().Secrets(cluster.HomeNamespace)
	only := metav1.ListOptions{FieldSelector: "type=" + string(controllers.TypeSolver)}
	made, err := solvers.List(t.Context(), only)
	if err != nil || len(made.Items) < 12 {
		t.Fatalf("%d solvers were made, %v", len(made.Items), err)
	}
	for _, s := range made.Items {
		if _, err := controllers.ParseSolver(&s, cluster.HomeNamespace, "/programs"); err != nil {
			t.Errorf("solver %s: %v", s.Name, err)
		}
	}
	if err := solvers.DeleteCollection(t.Context(), metav1.DeleteOptions{}, only); err != nil {
		t.Error(err)
	}
}
