package chart

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/wildcast"
)

// guide is docs/install.md: the commands of each section, which a test takes from it as a reader types them.
type guide struct {
	*testing.T
	checkout string
	path     string // where the programs are
	values   string // the file of values that the page shows
	sections map[string][]string
}

var (
	section = regexp.MustCompile(`(?m)^## (.*)$`)
	command = regexp.MustCompile(`(?m)^    ((?:helm|kubectl|wildcast) .*)$`)
	block   = regexp.MustCompile("(?s)```yaml\n(image:.*?)```")
)

func openGuide(t *testing.T) *guide {
	t.Helper()
	checkout, err := cluster.Checkout()
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(checkout, "docs", "install.md"))
	if err != nil {
		t.Fatal(err)
	}
	helms, err := Build(t.Context(), os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	wildcasts, err := wildcast.Build(t.Context(), os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	g := &guide{T: t, checkout: checkout, sections: map[string][]string{}}
	g.path = strings.Join([]string{helms, filepath.Dir(shared.KubectlPath()), wildcasts, os.Getenv("PATH")}, string(filepath.ListSeparator))
	shown := block.FindSubmatch(page)
	if shown == nil {
		t.Fatal("docs/install.md shows no file of values")
	}
	g.values = values(t, string(shown[1]))[1]
	titles := section.FindAllStringSubmatchIndex(string(page), -1)
	for i, title := range titles {
		end := len(page)
		if i+1 < len(titles) {
			end = titles[i+1][0]
		}
		for _, found := range command.FindAllSubmatch(page[title[1]:end], -1) {
			name := string(page[title[2]:title[3]])
			g.sections[name] = append(g.sections[name], string(found[1]))
		}
	}
	return g
}

// take takes the first command of a section that begins so.
func (g *guide) take(section, begins string) string {
	g.Helper()
	left := g.sections[section]
	i := slices.IndexFunc(left, func(command string) bool { return strings.HasPrefix(command, begins) })
	if i < 0 {
		g.Fatalf("%q has no command that begins with %s: %q", section, begins, left)
	}
	line := left[i]
	g.sections[section] = slices.Delete(left, i, i+1)
	return line
}

// typed takes a command and runs it in the checkout, as a shell does, and returns what it prints.
func (g *guide) typed(section, begins string, more ...string) string {
	g.Helper()
	line := strings.Replace(g.take(section, begins), "--values values.yaml", "--values "+g.values, 1)
	cmd := exec.CommandContext(g.Context(), "sh", "-c", strings.Join(append([]string{line}, more...), " "))
	cmd.Dir = g.checkout
	cmd.Env = append(environment(shared), "PATH="+g.path, "REGISTRY=registry.example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		g.Fatalf("%s: %v: %s", line, err, out)
	}
	return string(out)
}

// done checks that every command of the page was run.
func (g *guide) done() {
	g.Helper()
	for name, left := range g.sections {
		for _, command := range left {
			g.Errorf("%q has a command that no test runs: %s", name, command)
		}
	}
}

func TestTheCommandsOfTheDocumentationInstallAndRemoveWildcast(t *testing.T) {
	g := openGuide(t)
	r := &release{T: t, kube: kubernetes.NewForConfigOrDie(shared.Admin()), namespace: cluster.HomeNamespace}
	t.Cleanup(func() {
		run(t, "uninstall", "wildcast", "--namespace", cluster.HomeNamespace, "--ignore-not-found")
		kubectl(t, "delete", "secret", "letsencrypt-staging", "--namespace", cluster.HomeNamespace, "--ignore-not-found")
	})
	g.typed("With kubectl", "kubectl apply")
	before := r.state()
	g.typed("From kubectl to Helm", "kubectl -n cert-manager delete")
	g.typed("From kubectl to Helm", "kubectl delete")
	g.typed("From kubectl to Helm", "helm install")
	r.unchanged(before)
	r.start()
	g.see(r)
	g.typed("Upgrading", "helm upgrade")
	g.typed("High availability", "helm upgrade")
	d, err := r.kube.AppsV1().Deployments(r.namespace).Get(t.Context(), "wildcast", metav1.GetOptions{})
	if err != nil || *d.Spec.Replicas != 1 {
		t.Errorf("%v replicas: %v", d.Spec.Replicas, err)
	}
	r.w.Stop()
	before = r.state()
	g.typed("Uninstalling", "helm uninstall")
	r.unchanged(before)
	kubectl(t, "apply", "--server-side", "-k", filepath.Join(g.checkout, "manifests/base"))
	g.typed("Uninstalling", "kubectl -n cert-manager delete deployment")
	g.typed("Uninstalling", "kubectl get secrets,configmaps")
	g.typed("Uninstalling", "kubectl delete -k manifests/base")
	kubectl(t, "delete", "-k", filepath.Join(g.checkout, "manifests/admission"))

	g.typed("With Helm", "helm install")
	g.typed("With Helm", "kubectl label")
	g.typed("With Helm", "kubectl -n cert-manager create secret")
	g.typed("With Helm", "helm upgrade --install")
	if got := r.installed("servicemonitors,validatingadmissionpolicies,deployments"); len(got) != 1+5+1 {
		t.Errorf("helm has made %q", got)
	}
	delete(g.sections, "Some namespaces only") // another test's
	g.done()
}

// see runs the commands that tell whether wildcast runs. Without nodes no Pod gets ready, and none has a log.
func (g *guide) see(r *release) {
	g.Helper()
	const section = "See that it runs"
	g.typed(section, "kubectl -n cert-manager rollout status", "--watch=false")
	until(g.T, "the Lease is there", func() error {
		_, err := r.kube.CoordinationV1().Leases(r.namespace).Get(g.Context(), "wildcast", metav1.GetOptions{})
		return err
	})
	g.typed(section, "kubectl -n cert-manager get lease")
	g.take(section, "kubectl -n cert-manager logs")
	if told := g.typed(section, "wildcast status"); !strings.Contains(told, "letsencrypt-staging") {
		g.Errorf("wildcast status says %s", told)
	}
}

func TestTheCommandsOfTheDocumentationInstallWithRolesAlone(t *testing.T) {
	const section = "Some namespaces only"
	g := openGuide(t)
	r := &release{T: t, kube: kubernetes.NewForConfigOrDie(shared.Admin()), namespace: "tls"}
	teams(t, "team-a", "team-b", "team-c")
	t.Cleanup(func() {
		run(t, "uninstall", "wildcast", "--namespace", "tls", "--ignore-not-found")
	})
	g.typed(section, "kubectl apply")
	(&release{T: t, kube: r.kube, namespace: cluster.HomeNamespace}).grantedIn(cluster.HomeNamespace, "team-a", "team-b")
	kubectl(t, "delete", "-k", filepath.Join(g.checkout, "manifests/overlays/namespaces"))
	g.typed(section, "helm install")
	r.grantedIn("team-a", "team-b", "tls")
	g.typed(section, "helm upgrade")
	r.grantedIn("team-a", "team-b", "team-c", "tls")
	if len(g.sections[section]) > 0 {
		t.Errorf("no test runs %q", g.sections[section])
	}
}
