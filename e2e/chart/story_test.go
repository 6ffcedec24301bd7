package chart

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/stage"
)

func TestCertificatesAndCopiesOutliveUpgradesAndTheReleaseItself(t *testing.T) {
	r := install(t, cluster.HomeNamespace, "--set", "flags.cluster-name=home,flags.delete-grace=200ms")
	st, err := stage.Open(shared, "release", stage.Options{Zones: []string{"release.test"}})
	r.must(err)
	t.Cleanup(func() { r.must(st.Close(context.Background())) })
	r.must(st.Issuer(t.Context(), stage.Home, "le", map[string]string{"sync": "team=web"}))
	r.must(st.Solver(t.Context(), stage.Home, "dns", nil))
	teams(t, "web")
	r.start()
	r.source("password")
	r.must(st.Ingress(t.Context(), "web", "wiki", "wiki-tls", []string{"wiki.release.test"}, map[string]string{"wildcast.dev/issuer": "le"}))
	for _, name := range []string{"password", "wiki-tls", "wildcard.release.test"} {
		r.copied("web", name)
	}
	origin, err := r.kube.CoreV1().Secrets("web").Get(t.Context(), "password", metav1.GetOptions{})
	r.must(err)
	if got := origin.Labels["wildcast.dev/origin.cluster"]; got != "home" {
		t.Errorf("the flag of the release has not reached wildcast: the cluster is %q", got)
	}

	before := r.state()
	r.upgrade("--reuse-values", "--set", "replicas=3,flags.log-level=debug")
	d, err := r.kube.AppsV1().Deployments(stage.Home).Get(t.Context(), "wildcast", metav1.GetOptions{})
	r.must(err)
	if *d.Spec.Replicas != 3 {
		t.Errorf("%d replicas", *d.Spec.Replicas)
	}
	r.source("second")
	r.copied("web", "second")
	r.unchanged(before)
	if log, err := r.w.Logs(); err != nil || !strings.Contains(log, `"level":"debug"`) {
		t.Errorf("the upgraded flag has not reached wildcast: %v", err)
	}

	r.w.Stop()
	before = r.state()
	run(t, "uninstall", "wildcast", "--namespace", stage.Home)
	r.unchanged(before)
	if left := r.installed("deployments,services,serviceaccounts,roles,rolebindings,clusterroles,clusterrolebindings,networkpolicies,poddisruptionbudgets"); len(left) > 0 {
		t.Errorf("helm has left %q", left)
	}
	if _, err := r.kube.CoreV1().Namespaces().Get(t.Context(), stage.Home, metav1.GetOptions{}); err != nil {
		t.Error(err)
	}

	again := install(t, stage.Home, "--set", "flags.cluster-name=home")
	again.start()
	again.source("third")
	again.copied("web", "third")
	again.unchanged(before)
	if orders := st.CA.Orders(); len(orders) != 1 {
		t.Errorf("%d orders for one certificate", len(orders))
	}
}

func TestWithNamespacesTheReleaseGivesRightsInThemAloneAndFollowsTheList(t *testing.T) {
	const home = "tls"
	teams(t, "red", "blue", "green", home)
	r := install(t, home, "--set", "flags.namespaces={red,blue}")
	if global := r.installed("clusterroles,clusterrolebindings"); len(global) > 0 {
		t.Errorf("helm has made %q", global)
	}
	r.grantedIn("blue", "red", home)
	r.start()
	r.source("one")
	r.copied("red", "one")
	r.copied("blue", "one")
	r.absent("green", "one")

	r.upgrade("--set", "flags.namespaces={red,green}")
	r.grantedIn("green", "red", home)
	r.copied("green", "one")
	r.source("two")
	r.copied("green", "two")
	r.copied("red", "two")
	r.absent("blue", "two")

	r.upgrade("--reset-values")
	r.source("three")
	for _, namespace := range []string{"red", "blue", "green"} {
		r.copied(namespace, "three")
	}
	r.grantedIn()

	r.w.Stop()
	before := r.state()
	run(t, "uninstall", "wildcast", "--namespace", home)
	r.unchanged(before)
}

// grantedIn checks that the Role of a list of namespaces is bound in these and nowhere else.
func (r *release) grantedIn(want ...string) {
	r.Helper()
	all, err := r.kube.RbacV1().RoleBindings("").List(r.Context(), metav1.ListOptions{})
	r.must(err)
	var got []string
	for _, b := range all.Items {
		mine := func(s rbacv1.Subject) bool { return s.Namespace == r.namespace && s.Name == cluster.ServiceAccount }
		if b.RoleRef.Name == "wildcast-namespace" && slices.ContainsFunc(b.Subjects, mine) {
			got = append(got, b.Namespace)
		}
	}
	if !slices.Equal(got, want) {
		r.Errorf("the Role is bound in %q, want %q", got, want)
	}
}

func TestTheAPIServerTakesEveryFieldOfEveryRendering(t *testing.T) {
	teams(t, "strict")
	for _, text := range []string{
		"{}",
		"flags: {namespaces: [default]}",
		"{replicas: 1, flags: {metrics-address: 0, health-address: 0, http01-address: 0}}",
		`
image: {repository: r/w, digest: "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", pullPolicy: Always}
imagePullSecrets: [{name: registry}]
flags: {cluster-name: home, metrics-address: ":9500", dns01-nameservers: ["8.8.8.8:53"]}
contexts: {secretName: others}
env: [{name: AWS_REGION, value: eu}]
envFrom: [{secretRef: {name: cloud}}]
serviceAccount: {annotations: {eks.amazonaws.com/role-arn: "arn:x"}}
volumes: [{name: v, emptyDir: {}}]
volumeMounts: [{name: v, mountPath: /v}]
podLabels: {team: edge}
podAnnotations: {a: b}
nodeSelector: {disk: fast}
tolerations: [{key: infra, operator: Exists}]
affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: a, operator: Exists}]}]}}}
topologySpreadConstraints: [{topologyKey: rack, maxSkew: 1, whenUnsatisfiable: DoNotSchedule}]
priorityClassName: system-cluster-critical
networkPolicy: {egress: [{ports: [{port: 14000}]}]}
admission: {enabled: true, validationActions: [Warn, Audit]}
viewer: {enabled: true}
monitoring:
  serviceMonitor: {enabled: true, labels: {release: prometheus}}
  prometheusRule: {enabled: true, labels: {release: prometheus}}
  dashboard: {enabled: true, labels: {folder: tls}}
`,
	} {
		args := append([]string{"template", "wildcast", chart, "--namespace", "strict"}, values(t, text)...)
		stream := strings.NewReader(run(t, args...))
		_, err := shared.KubectlWith(t.Context(), shared.Kubeconfig(), stream, "apply", "--server-side", "--validate=strict", "--dry-run=server", "--filename=-")
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestEveryPartIsInstalledAndRemoved(t *testing.T) {
	teams(t, "parts")
	r := install(t, "parts", values(t, `
admission: {enabled: true}
viewer: {enabled: true}
monitoring: {serviceMonitor: {enabled: true}, prometheusRule: {enabled: true}, dashboard: {enabled: true}}
`)...)
	const kinds = "servicemonitors,prometheusrules,configmaps,clusterroles,validatingadmissionpolicies,validatingadmissionpolicybindings"
	if got := r.installed(kinds); len(got) != 3+2+2*5 {
		t.Errorf("helm has made %q", got)
	}
	until(t, "the policies refuse what is malformed", func() error {
		_, err := shared.Kubectl(t.Context(), "-n", "parts", "create", "secret", "generic", "x", "--type=wildcast.dev/issuer", "--from-literal=sever=x", "--dry-run=server")
		if err == nil || !strings.Contains(err.Error(), "sever: unknown key") {
			return errors.Join(err, errors.New("it is not refused"))
		}
		return nil
	})
	run(t, "uninstall", "wildcast", "--namespace", "parts")
	if left := r.installed(kinds); len(left) > 0 {
		t.Errorf("helm has left %q", left)
	}
	_, err := r.kube.CoreV1().ServiceAccounts("parts").Get(t.Context(), "wildcast", metav1.GetOptions{})
	if !apierrors.IsNotFound(err) {
		t.Errorf("ServiceAccount: %v, want none", err)
	}
}
