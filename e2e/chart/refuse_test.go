package chart

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/wildcast/wildcast/e2e/cluster"
)

func TestWhatTheChartDoesNotKnowIsRefusedAndNamed(t *testing.T) {
	for _, row := range []struct{ values, want string }{
		{"replica: 2", "additional properties 'replica' not allowed"},
		{"flags: {clusterName: x}", "at '/flags': additional properties 'clusterName' not allowed"},
		{"flags: {namespace: x}", "at '/flags': additional properties 'namespace' not allowed"},
		{"image: {name: x}", "at '/image': additional properties 'name' not allowed"},
		{"monitoring: {dashboard: {label: {}}}", "at '/monitoring/dashboard': additional properties 'label' not allowed"},
		{"replicas: two", "at '/replicas': got string, want integer"},
		{"replicas: 1.5", "at '/replicas': got number, want integer"},
		{"flags: {leader-elect: 'no'}", "at '/flags/leader-elect': got string, want boolean"},
		{"flags: {namespaces: red}", "at '/flags/namespaces': got string, want array"},
		{"flags: {namespaces: []}", "at '/flags/namespaces': minItems: got 0, want 1"},
		{"flags: {namespaces: [red, red]}", "at '/flags/namespaces': items at 0 and 1 are equal"},
		{"flags: {namespaces: [Red]}", "at '/flags/namespaces/0': 'Red' does not match pattern"},
		{"flags: {default-issuer: null}", "at '/flags/default-issuer': got null, want string"},
		{"flags: {delete-grace: 5}", "at '/flags/delete-grace': got number, want string"},
		{"flags: {delete-grace: 5 seconds}", "at '/flags/delete-grace': '5 seconds' does not match pattern"},
		{"flags: {copy-metadata: some}", "at '/flags/copy-metadata': value must be one of 'all', 'safe', 'none'"},
		{"flags: {log-level: trace}", "at '/flags/log-level': value must be one of 'debug', 'info', 'warn', 'error'"},
		{"flags: {metrics-address: 9402}", "at '/flags/metrics-address': maximum: got 9,402, want 0"},
		{"flags: {metrics-address: '9402'}", "at '/flags/metrics-address': '9402' does not match pattern"},
		{"flags: {kube-api-qps: 0}", "at '/flags/kube-api-qps': 'not' failed"},
		{"flags: {http01-port: 70000}", "at '/flags/http01-port': maximum: got 70,000, want 65,535"},
		{"flags: {dns01-exec-dir: programs}", "at '/flags/dns01-exec-dir': 'programs' does not match pattern"},
		{"admission: {validationActions: []}", "at '/admission/validationActions': minItems: got 0, want 1"},
		{"admission: {validationActions: [Refuse]}", "at '/admission/validationActions/0': value must be one of 'Deny', 'Warn', 'Audit'"},
		{"flags: {leader-elect: false}", "flags.leader-elect: false takes replicas: 1"},
		{"contexts: {secretName: others}", "contexts.secretName takes flags.cluster-name too: give this cluster a name that no other has"},
		{"flags: {contexts-kubeconfig: /others}", "flags.contexts-kubeconfig takes flags.cluster-name too: give this cluster a name that no other has"},
		{"{contexts: {secretName: others}, flags: {cluster-name: kubernetes}}", "contexts.secretName takes flags.cluster-name too"},
		{"{contexts: {secretName: others}, flags: {cluster-name: home, contexts-kubeconfig: /others}}", "name two kubeconfigs: give one of them"},
		{"flags: {source-namespaces: [red]}", "flags.source-namespaces lacks cert-manager, the release's namespace"},
		{"flags: {namespaces: [red], source-namespaces: [cert-manager, blue]}", "flags.source-namespaces has blue, which wildcast does not see"},
		{"flags: {dns01-nameservers: ['dns.example.com:53']}", "at '/flags/dns01-nameservers/0': 'dns.example.com:53' does not match pattern"},
	} {
		t.Run(row.values, func(t *testing.T) {
			args := append([]string{"template", "wildcast", chart, "--namespace", cluster.HomeNamespace}, values(t, row.values)...)
			out, err := helm(t.Context(), shared, Build, args...)
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("helm says %v, want %s; and prints %d bytes", err, row.want, len(out))
			}
		})
	}
}

// values.yaml is what people read, values.schema.json what helm takes. Flags are compared in cmd/wildcast.
func TestValuesAndSchemaHaveTheSameKeys(t *testing.T) {
	var shown map[string]any
	read(t, "values.yaml", &shown)
	var schema map[string]any
	read(t, "values.schema.json", &schema)
	properties := schema["properties"].(map[string]any)
	for _, silent := range []string{"global", "enabled"} {
		delete(properties, silent)
	}
	delete(properties["flags"].(map[string]any), "properties")
	compare(t, "", shown, properties)
}

func read(t *testing.T, name string, to any) {
	t.Helper()
	checkout, err := cluster.Checkout()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(checkout, "manifests", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, to); err != nil {
		t.Fatal(err)
	}
}

func compare(t *testing.T, path string, shown, properties map[string]any) {
	t.Helper()
	for name := range properties {
		if _, ok := shown[name]; !ok {
			t.Errorf("values.schema.json has %s%s, and values.yaml has not", path, name)
		}
	}
	for name, value := range shown {
		property, ok := properties[name].(map[string]any)
		if !ok {
			t.Errorf("values.yaml has %s%s, and values.schema.json has not", path, name)
			continue
		}
		within, ok := property["properties"].(map[string]any)
		if inner, folder := value.(map[string]any); ok && folder {
			compare(t, path+name+".", inner, within)
		}
	}
}

func TestEveryValueHasAComment(t *testing.T) {
	checkout, err := cluster.Checkout()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(checkout, "manifests", "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	// One comment is for all values up to the next empty line, unless a value has its own.
	for _, paragraph := range strings.Split(string(text), "\n\n") {
		lines := strings.Split(strings.TrimSpace(paragraph), "\n")
		if !slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(strings.TrimSpace(line), "# ") }) {
			t.Errorf("no comment explains\n%s", paragraph)
		}
	}
}
