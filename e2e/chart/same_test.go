package chart

import (
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/wildcast/wildcast/e2e/cluster"
)

// The chart reads the files that the kustomizations list, and what the kustomizations do to them the templates do again:
// this is where the two are compared, field by field.
func TestTheChartRendersWhatKustomizeRenders(t *testing.T) {
	for _, row := range []struct {
		name    string
		folders []string
		values  []string
	}{
		{"the default values", []string{"base"}, nil},
		{"some namespaces only", []string{"overlays/namespaces"}, []string{"flags.namespaces={team-a,team-b}"}},
		{"other clusters", []string{"overlays/contexts"}, []string{"flags.cluster-name=home", "contexts.secretName=wildcast-contexts"}},
		{"policies", []string{"base", "admission"}, []string{"admission.enabled=true"}},
		{"viewer", []string{"base", "viewer"}, []string{"viewer.enabled=true"}},
		{"monitoring", []string{"base", "monitoring"}, []string{
			"monitoring.serviceMonitor.enabled=true", "monitoring.prometheusRule.enabled=true", "monitoring.dashboard.enabled=true"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var args []string
			for _, value := range row.values {
				args = append(args, "--set", value)
			}
			same(t, rendered(t, cluster.HomeNamespace, args...), kustomized(t, row.folders...))
		})
	}
}

// kustomized is what kubectl kustomize makes of folders of the manifests, but for the Namespace: helm makes it, if asked to.
func kustomized(t *testing.T, folders ...string) objects {
	t.Helper()
	checkout, err := cluster.Checkout()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, folder := range folders {
		all = append(all, kubectl(t, "kustomize", filepath.Join(checkout, "manifests", folder)))
	}
	text := strings.Join(all, "---\n")
	text = strings.Replace(text, "name: WILDCAST_CLUSTER_NAME\n          value: \"\"", "name: WILDCAST_CLUSTER_NAME\n          value: home", 1) // as whoever applies it has to
	found := parse(t, text)
	delete(found, "Namespace /"+cluster.HomeNamespace)
	return found
}

// same compares what was rendered in two ways.
func same(t *testing.T, found, wanted objects) {
	t.Helper()
	for name := range found {
		if wanted[name] == nil {
			t.Errorf("%s should not be there", name)
		}
	}
	for name, want := range wanted {
		got := found[name]
		if got == nil {
			t.Errorf("%s is missing", name)
			continue
		}
		for _, o := range []*unstructured.Unstructured{got, want} {
			sortVariables(t, o)
		}
		if !reflect.DeepEqual(got.Object, want.Object) {
			t.Errorf("%s is\n%s\nand should be\n%s", name, text(t, got), text(t, want))
		}
	}
}

// sortVariables puts the variables of a Deployment's container in order, which means nothing.
func sortVariables(t *testing.T, o *unstructured.Unstructured) {
	t.Helper()
	if o.GetKind() != "Deployment" {
		return
	}
	containers, _, err := unstructured.NestedSlice(o.Object, "spec", "template", "spec", "containers")
	if err != nil || len(containers) != 1 {
		t.Fatalf("%d containers: %v", len(containers), err)
	}
	env := containers[0].(map[string]any)["env"].([]any)
	name := func(variable any) string { return variable.(map[string]any)["name"].(string) }
	slices.SortFunc(env, func(a, b any) int { return strings.Compare(name(a), name(b)) })
	if err := unstructured.SetNestedSlice(o.Object, containers, "spec", "template", "spec", "containers"); err != nil {
		t.Fatal(err)
	}
}

func text(t *testing.T, o *unstructured.Unstructured) string {
	t.Helper()
	out, err := yaml.Marshal(o.Object)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestEverythingIsInTheReleasesNamespaceAndNothingNamesAnother(t *testing.T) {
	everything := []string{"--set", "admission.enabled=true,viewer.enabled=true,monitoring.serviceMonitor.enabled=true," +
		"monitoring.prometheusRule.enabled=true,flags.cluster-name=x,contexts.secretName=y"}
	for mode, args := range map[string][]string{"cluster": nil, "namespaces": {"--set", "flags.namespaces={red}"}} {
		for name, o := range rendered(t, "tls", append(args, everything...)...) {
			shown := strings.ReplaceAll(text(t, o), "cert-manager-tls", "") // a label's name
			if strings.Contains(shown, cluster.HomeNamespace) {
				t.Errorf("%s: %s names %s:\n%s", mode, name, cluster.HomeNamespace, shown)
			}
			global := strings.HasPrefix(o.GetKind(), "Cluster") || strings.HasPrefix(o.GetKind(), "Validating")
			if in := o.GetNamespace(); global != (in == "") || in != "" && in != "tls" && (mode == "cluster" || in != "red") {
				t.Errorf("%s: %s is in namespace %q", mode, name, in)
			}
		}
	}
}

func TestAPackedChartRendersWhatTheFolderRenders(t *testing.T) {
	folder := t.TempDir()
	run(t, "package", chart, "--destination", folder)
	files, err := filepath.Glob(filepath.Join(folder, "wildcast-*.tgz"))
	if err != nil || len(files) != 1 {
		t.Fatalf("packed: %q, %v", files, err)
	}
	args := []string{"--namespace", "tls", "--set", "flags.namespaces={red},flags.cluster-name=x,contexts.secretName=y,admission.enabled=true," +
		"viewer.enabled=true,monitoring.serviceMonitor.enabled=true,monitoring.prometheusRule.enabled=true,monitoring.dashboard.enabled=true"}
	packed := parse(t, run(t, append([]string{"template", "wildcast", files[0]}, args...)...))
	same(t, packed, rendered(t, "tls", args...))
	if len(packed) < 20 {
		t.Errorf("only %d objects", len(packed))
	}
}
