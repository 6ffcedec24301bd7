package chart

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/wildcast"
)

// A value that the chart takes and wildcast does not is Pods that never start. Where the chart alone refuses something it is
// on purpose: an empty list, a name twice, a port 0.
func TestTheChartAndWildcastTakeTheSameFlags(t *testing.T) {
	for taken, rows := range map[bool][]string{
		true: {
			"dns01-nameservers: ['8.8.8.8:53', '192.0.2.255:65535', '[2001:4860:4860::8888]:53', '[::1]:53', '[::ffff:192.0.2.1]:53', '[fe80::1%eth0]:5353']",
			"dns01-nameservers: []",
			"{metrics-address: ':65535', health-address: '127.0.0.1:8081', http01-address: '[::1]:8089', status-address: 'localhost:1'}",
			"{metrics-address: 0, health-address: '0', http01-address: '', status-address: ''}",
			"http01-service: " + strings.Repeat("a", 63) + ":65535",
			"http01-port: 65535",
			"source-namespaces: [cert-manager, red]",
			"{namespaces: [red], source-namespaces: [red, cert-manager]}",
			"{contexts-kubeconfig: /others, cluster-name: home}",
			"{contexts-kubeconfig: '', cluster-name: ''}",
			"cluster-name: a_b.C-d",
			"cluster-name: gke_" + strings.Repeat("long-", 20),
			"default-issuer: a.b-c",
			"default-issuer: ''",
			"{kube-api-qps: 0.5, workers: 1, delete-grace: '0', dns01-exec-dir: '', log-level: debug, log-format: console, copy-metadata: none}",
			"{kube-api-qps: -1, delete-grace: 1h1.5m30s, dns01-exec-dir: /programs}",
		},
		false: {
			"dns01-nameservers: ['dns.example.com:53']", "dns01-nameservers: ['8.8.8.8']", "dns01-nameservers: ['8.8.8.8:65536']",
			"dns01-nameservers: ['8.8.8.256:53']", "dns01-nameservers: ['8.8.8.08:53']", "dns01-nameservers: ['8.8.8:53']",
			"dns01-nameservers: ['2001:db8::1:53']", "dns01-nameservers: ['[8.8.8.8]:53']", "dns01-nameservers: ['[2001:db8::x]:53']",
			"dns01-nameservers: ['8.8.8.8:53', '']",
			"metrics-address: ':65536'", "metrics-address: ':http'", "metrics-address: '::1:80'", "metrics-address: '[::1]'", "status-address: 'a:b:80'",
			"http01-service: a", "http01-service: 'a:0'", "http01-service: 'a:65536'", "http01-service: '1a:80'", "http01-service: 'a.b:80'",
			"http01-service: " + strings.Repeat("a", 64) + ":80",
			"http01-port: 0", "http01-port: 65536",
			"source-namespaces: [red]", "{namespaces: [red], source-namespaces: [cert-manager, blue]}",
			"namespaces: []", "namespaces: [red, red]", "namespaces: [Red]",
			"contexts-kubeconfig: /others", "{contexts-kubeconfig: /others, cluster-name: ''}", "{contexts-kubeconfig: /others, cluster-name: kubernetes}",
			"cluster-name: a/b", "cluster-name: -a", "cluster-name: _" + strings.Repeat("long-", 20),
			"default-issuer: a/b", "default-issuer: A", "default-issuer: a..b", "default-issuer: " + strings.Repeat("a", 254),
			"kube-api-qps: 0", "workers: 0", "delete-grace: -1s", "delete-grace: soon", "dns01-exec-dir: programs",
			"log-level: loud", "log-format: xml", "copy-metadata: some",
		},
	} {
		for _, flags := range rows {
			t.Run(flags[:min(len(flags), 60)], func(t *testing.T) {
				args := append([]string{"template", "wildcast", chart, "--namespace", cluster.HomeNamespace}, values(t, "flags: "+wrap(flags))...)
				if _, err := helm(t.Context(), shared, Build, args...); (err == nil) != taken {
					t.Errorf("the chart takes it: %t, want %t: %v", err == nil, taken, err)
				}
				if said, ok := takenByWildcast(t, flags); ok != taken {
					t.Errorf("wildcast takes it: %t, want %t: %s", ok, taken, said)
				}
			})
		}
	}
}

// wrap makes one flag a mapping.
func wrap(flags string) string {
	if strings.HasPrefix(flags, "{") {
		return flags
	}
	return "{" + flags + "}"
}

// takenByWildcast reports whether wildcast goes on to look for the API server with these flags, and what it says.
func takenByWildcast(t *testing.T, flags string) (said string, taken bool) {
	t.Helper()
	programs, err := wildcast.Build(t.Context(), os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(programs, "wildcast"), "run")
	cmd.Env = []string{"POD_NAMESPACE=" + cluster.HomeNamespace, "WILDCAST_KUBECONFIG=/nowhere"}
	var given map[string]any
	if err := yaml.Unmarshal([]byte(wrap(flags)), &given); err != nil {
		t.Fatal(err)
	}
	for name, value := range given {
		cmd.Env = append(cmd.Env, "WILDCAST_"+strings.ToUpper(strings.ReplaceAll(name, "-", "_"))+"="+flagText(t, value))
	}
	out, err := cmd.CombinedOutput()
	exit, ended := errors.AsType[*exec.ExitError](err)
	if !ended {
		t.Fatalf("wildcast ends with %v: %s", err, out)
	}
	const usage = 2
	return string(out), exit.ExitCode() != usage && strings.Contains(string(out), "find the cluster")
}

// flagText is a value as the chart gives it to wildcast.
func flagText(t *testing.T, value any) string {
	t.Helper()
	switch value := value.(type) {
	case string:
		return value
	case []any:
		var items []string
		for _, item := range value {
			items = append(items, flagText(t, item))
		}
		return strings.Join(items, ",")
	}
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
