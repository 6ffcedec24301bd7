package chart

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/wildcast/wildcast/e2e/cluster"
)

// values writes a file of values, and returns the arguments that name it.
func values(t *testing.T, text string) []string {
	t.Helper()
	file, err := os.CreateTemp(shared.Dir(), "*.yaml") // a test's own folder may have commas in its name, at which helm splits
	if err != nil {
		t.Fatal(err)
	}
	_, err = file.WriteString(text)
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	return []string{"--values", file.Name()}
}

func names(o objects) []string {
	var all []string
	for name := range o {
		all = append(all, strings.Replace(name, cluster.HomeNamespace+"/", "", 1))
	}
	slices.Sort(all)
	return all
}

func TestEachValueAddsOrRemovesItsObjects(t *testing.T) {
	common := names(rendered(t, cluster.HomeNamespace))
	for _, row := range []struct {
		values            string
		added, subtracted []string
	}{
		{"replicas: 1", nil, []string{"PodDisruptionBudget wildcast"}},
		{"podDisruptionBudget: {enabled: false}", nil, []string{"PodDisruptionBudget wildcast"}},
		{"networkPolicy: {enabled: false}", nil, []string{"NetworkPolicy wildcast"}},
		{`flags: {metrics-address: "0"}`, nil, []string{"Service wildcast"}},
		{`flags: {http01-address: 0}`, nil, []string{"Service wildcast-http01"}},
		{"viewer: {enabled: true}", []string{"ClusterRole /wildcast-viewer"}, nil},
		{"monitoring: {serviceMonitor: {enabled: true}}", []string{"ServiceMonitor wildcast"}, nil},
		{"monitoring: {prometheusRule: {enabled: true}}", []string{"PrometheusRule wildcast"}, nil},
		{"monitoring: {dashboard: {enabled: true}}", []string{"ConfigMap wildcast-dashboard"}, nil},
		{"admission: {enabled: true}", policies(), nil},
		{
			"flags: {namespaces: [red, cert-manager]}",
			[]string{"Role wildcast-namespace", "RoleBinding wildcast-namespace", "Role red/wildcast-namespace", "RoleBinding red/wildcast-namespace"},
			[]string{"ClusterRole /wildcast", "ClusterRoleBinding /wildcast"},
		},
		{"{global: {registry: x}, enabled: true}", nil, nil},
	} {
		t.Run(row.values, func(t *testing.T) {
			want := slices.DeleteFunc(append(slices.Clone(common), row.added...), func(name string) bool { return slices.Contains(row.subtracted, name) })
			slices.Sort(want)
			if got := names(rendered(t, cluster.HomeNamespace, values(t, row.values)...)); !slices.Equal(got, want) {
				t.Errorf("it has\n%s\nand should have\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

// policies are what the value admission.enabled adds.
func policies() (all []string) {
	for _, name := range []string{"certificates", "ingresses", "issuers", "solvers", "sources"} {
		all = append(all, "ValidatingAdmissionPolicy /wildcast-"+name, "ValidatingAdmissionPolicyBinding /wildcast-"+name)
	}
	return all
}

// pod is the Deployment that values make, and its Pods' spec and container.
type pod struct {
	*appsv1.Deployment
	spec      *corev1.PodSpec
	container *corev1.Container
}

func podOf(t *testing.T, o objects) pod {
	t.Helper()
	d := into[appsv1.Deployment](t, o["Deployment "+cluster.HomeNamespace+"/wildcast"])
	return pod{d, &d.Spec.Template.Spec, &d.Spec.Template.Spec.Containers[0]}
}

func (p pod) variable(name string) string {
	for _, v := range p.container.Env {
		if v.Name == name {
			return v.Value
		}
	}
	return ""
}

func (p pod) port(name string) int32 {
	for _, port := range p.container.Ports {
		if port.Name == name {
			return port.ContainerPort
		}
	}
	return 0
}

func TestEachValueIsWhereItBelongsInThePods(t *testing.T) {
	for _, row := range []struct {
		values string
		got    func(p pod) any
		want   string
	}{
		{"image: {repository: r/w}", func(p pod) any { return p.container.Image }, "r/w:0.1.0"},
		{"image: {tag: v2, pullPolicy: Always}", func(p pod) any { return p.container.Image + " " + string(p.container.ImagePullPolicy) }, "wildcast:v2 Always"},
		{"image: {tag: v2, digest: 'sha256:0123456789abcdef0123456789abcdef'}", func(p pod) any { return p.container.Image }, "wildcast@sha256:0123456789abcdef0123456789abcdef"},
		{"imagePullSecrets: [{name: registry}]", func(p pod) any { return p.spec.ImagePullSecrets }, "[{registry}]"},
		{"replicas: 3", func(p pod) any { return *p.Spec.Replicas }, "3"},
		{"flags: {kube-api-qps: 12.5, workers: 1000000, delete-grace: 1m30s}", func(p pod) any {
			return p.variable("WILDCAST_KUBE_API_QPS") + " " + p.variable("WILDCAST_WORKERS") + " " + p.variable("WILDCAST_DELETE_GRACE")
		}, "12.5 1000000 1m30s"},
		{"{replicas: 1, flags: {source-namespaces: [cert-manager, red], leader-elect: false}}", func(p pod) any {
			return p.variable("WILDCAST_SOURCE_NAMESPACES") + " " + p.variable("WILDCAST_LEADER_ELECT")
		}, "cert-manager,red false"},
		{"{replicas: 1, flags: {leader-elect: false}}", func(p pod) any { return fmt.Sprint(p.Spec.Strategy.Type, " ", p.Spec.Strategy.RollingUpdate) }, "Recreate nil"},
		{"{replicas: 1, flags: {leader-elect: true}}", func(p pod) any { return p.Spec.Strategy.Type }, "RollingUpdate"},
		{"env: [{name: AWS_REGION, value: eu}]", func(p pod) any { return p.variable("AWS_REGION") }, "eu"},
		{"envFrom: [{secretRef: {name: cloud}}]", func(p pod) any { return p.container.EnvFrom[0].SecretRef.Name }, "cloud"},
		{"resources: {limits: {memory: 1Gi}}", func(p pod) any {
			return p.container.Resources.Limits.Memory().String() + " " + p.container.Resources.Requests.Memory().String()
		}, "1Gi 64Mi"},
		{"resources: {limits: null}", func(p pod) any { return len(p.container.Resources.Limits) }, "0"},
		{"{volumes: [{name: v, emptyDir: {}}], volumeMounts: [{name: v, mountPath: /v}]}", func(p pod) any {
			return p.spec.Volumes[0].Name + p.container.VolumeMounts[0].MountPath
		}, "v/v"},
		{"{contexts: {secretName: others}, flags: {cluster-name: home}, volumes: [{name: v, emptyDir: {}}]}", func(p pod) any {
			return p.variable("WILDCAST_CONTEXTS_KUBECONFIG") + " " + p.spec.Volumes[0].Secret.SecretName + " " + p.container.VolumeMounts[0].MountPath + " " + p.spec.Volumes[1].Name
		}, "/contexts/config others /contexts v"},
		{"podLabels: {team: edge, app.kubernetes.io/name: other}", func(p pod) any { return p.Spec.Template.Labels }, "map[app.kubernetes.io/name:wildcast team:edge]"},
		{"podAnnotations: {a: b, prometheus.io/scrape: 'false'}", func(p pod) any { return p.Spec.Template.Annotations }, "map[a:b prometheus.io/port:9402 prometheus.io/scrape:false]"},
		{"nodeSelector: {disk: fast}", func(p pod) any { return p.spec.NodeSelector }, "map[disk:fast]"},
		{"tolerations: [{key: infra, operator: Exists}]", func(p pod) any { return p.spec.Tolerations[0].Key }, "infra"},
		{"affinity: {nodeAffinity: {}}", func(p pod) any { return p.spec.Affinity.NodeAffinity != nil }, "true"},
		{"topologySpreadConstraints: [{topologyKey: rack, maxSkew: 1, whenUnsatisfiable: DoNotSchedule}]", func(p pod) any {
			return fmt.Sprint(len(p.spec.TopologySpreadConstraints), p.spec.TopologySpreadConstraints[0].TopologyKey)
		}, "1rack"},
		{"priorityClassName: system-cluster-critical", func(p pod) any { return p.spec.PriorityClassName }, "system-cluster-critical"},
		{`flags: {metrics-address: "127.0.0.1:9500"}`, func(p pod) any {
			return fmt.Sprint(p.port("metrics"), p.Spec.Template.Annotations)
		}, "9500 map[prometheus.io/port:9500 prometheus.io/scrape:true]"},
		{`flags: {metrics-address: 0}`, func(p pod) any { return fmt.Sprint(p.port("metrics"), p.Spec.Template.Annotations) }, "0 map[]"},
		{`flags: {health-address: ":9081"}`, func(p pod) any {
			return fmt.Sprint(p.port("health"), p.container.LivenessProbe.HTTPGet.Port.String())
		}, "9081health"},
		{`flags: {health-address: "0"}`, func(p pod) any {
			return fmt.Sprint(p.port("health"), p.container.LivenessProbe == nil, p.container.ReadinessProbe == nil)
		}, "0 true true"},
	} {
		t.Run(row.values, func(t *testing.T) {
			p := podOf(t, rendered(t, cluster.HomeNamespace, values(t, row.values)...))
			if got := fmt.Sprint(row.got(p)); got != row.want {
				t.Errorf("it is %s, want %s", got, row.want)
			}
		})
	}
}

func TestTheNetworkPolicyFollowsThePortsAndTakesMoreRules(t *testing.T) {
	all := rendered(t, cluster.HomeNamespace, values(t, `
flags: {metrics-address: 0, http01-address: 0}
networkPolicy: {egress: [{ports: [{port: 14000}]}]}
`)...)
	p := into[networkingv1.NetworkPolicy](t, all["NetworkPolicy "+cluster.HomeNamespace+"/wildcast"])
	if ports := p.Spec.Ingress[0].Ports; len(ports) != 1 || ports[0].Port.String() != "health" {
		t.Errorf("it lets in %v", ports)
	}
	if rules := p.Spec.Egress; len(rules) != 2 || rules[1].Ports[0].Port.String() != "14000" || len(rules[0].Ports) < 5 {
		t.Errorf("it lets out %v", rules)
	}
	closed := rendered(t, cluster.HomeNamespace, values(t, "flags: {metrics-address: 0, http01-address: 0, health-address: 0}")...)
	p = into[networkingv1.NetworkPolicy](t, closed["NetworkPolicy "+cluster.HomeNamespace+"/wildcast"])
	if len(p.Spec.Ingress) != 0 {
		t.Errorf("with no port it lets in %v", p.Spec.Ingress)
	}
}

func TestLabelsAndAnnotationsThatOthersSelectByAreTaken(t *testing.T) {
	all := rendered(t, "tls", values(t, `
serviceAccount: {annotations: {eks.amazonaws.com/role-arn: "arn:x"}}
admission: {enabled: true, validationActions: [Warn, Audit]}
monitoring:
  serviceMonitor: {enabled: true, labels: {release: prometheus}}
  prometheusRule: {enabled: true, labels: {release: prometheus}}
  dashboard: {enabled: true, labels: {folder: tls}}
`)...)
	for name, want := range map[string]string{
		"ServiceMonitor tls/wildcast":      "map[app.kubernetes.io/name:wildcast release:prometheus]",
		"PrometheusRule tls/wildcast":      "map[app.kubernetes.io/name:wildcast release:prometheus]",
		"ConfigMap tls/wildcast-dashboard": "map[folder:tls grafana_dashboard:1]",
	} {
		if all[name] == nil || fmt.Sprint(all[name].GetLabels()) != want {
			t.Errorf("%s is %v", name, all[name])
		}
	}
	if got := all["ServiceAccount tls/wildcast"].GetAnnotations()["eks.amazonaws.com/role-arn"]; got != "arn:x" {
		t.Errorf("the ServiceAccount's role is %q", got)
	}
	for _, name := range policies() {
		if o := all[name]; strings.Contains(name, "Binding ") && !strings.Contains(text(t, o), "validationActions:\n  - Warn\n  - Audit\n") {
			t.Errorf("%s is\n%s", name, text(t, o))
		}
	}
	if rule := text(t, all["PrometheusRule tls/wildcast"]); !strings.Contains(rule, "kubectl -n tls get") {
		t.Errorf("an alert does not name the namespace:\n%s", rule)
	}
}

func TestWithoutTheLeaseNoAlertMissesALeader(t *testing.T) {
	const missing = "alert: WildcastNotLeading\n"
	for given, want := range map[string]int{"true": 1, "false": 0} {
		all := rendered(t, "tls", values(t, "{replicas: 1, flags: {leader-elect: "+given+"}, monitoring: {prometheusRule: {enabled: true}}}")...)
		rule := text(t, all["PrometheusRule tls/wildcast"])
		if strings.Count(rule, missing) != want || strings.Count(rule, "alert: ") < 8 {
			t.Errorf("with leader-elect %s the rules are\n%s", given, rule)
		}
	}
}

func TestHelmHasNothingToComplainOf(t *testing.T) {
	for _, args := range [][]string{nil, {"--set", "flags.namespaces={red}"}} {
		out := run(t, append([]string{"lint", chart, "--strict", "--quiet"}, args...)...)
		if strings.Contains(out, "[") {
			t.Error(out)
		}
	}
}
