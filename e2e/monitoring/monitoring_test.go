package monitoring

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	operator "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	prometheus "github.com/prometheus/client_golang/api/prometheus/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/yaml"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/stage"
	"github.com/wildcast/wildcast/e2e/wildcast"
)

var shared *cluster.Cluster

func TestMain(m *testing.M) {
	os.Exit(cluster.Main(m, cluster.Options{}, func(ctx context.Context, c *cluster.Cluster) error {
		shared = c
		return c.Apply(ctx, "manifests/base")
	}))
}

const patience = 90 * time.Second

// file is one of manifests/monitoring.
func file(t *testing.T, name string) []byte {
	t.Helper()
	checkout, err := cluster.Checkout()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(checkout, "manifests", "monitoring", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// rules makes a file of rules for Prometheus out of the PrometheusRule, as docs/monitoring.md says.
func rules(t *testing.T, dir string) string {
	t.Helper()
	checkout, err := cluster.Checkout()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(checkout, "docs", "monitoring.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, command, found := strings.Cut(string(text), "\n    sed ")
	if command, _, _ = strings.Cut("sed "+command, "\n"); !found {
		t.Fatal("docs/monitoring.md does not say how to make a file of rules")
	}
	path := filepath.Join(dir, "rules.yaml")
	cmd := exec.CommandContext(t.Context(), "sh", "-c", strings.Replace(command, "> rules.yaml", "> "+path, 1))
	cmd.Dir = checkout
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", command, err, out)
	}
	for _, name := range alerts(t) {
		if !strings.Contains(string(text), "| `"+name+"` |") {
			t.Errorf("docs/monitoring.md does not explain %s", name)
		}
	}
	return path
}

func TestEachAlertComesWhenItShouldAndNotBefore(t *testing.T) {
	dir := t.TempDir()
	path := rules(t, dir)
	if out, err := Promtool(t.Context(), "check", "rules", "--lint=all", "--lint-fatal", path); err != nil {
		t.Fatal(err, out)
	}
	files, err := filepath.Glob(filepath.Join("testdata", "*.yaml"))
	if err != nil || len(files) != 2 {
		t.Fatalf("testdata has %q: %v", files, err)
	}
	var played []byte
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		played = append(played, text...)
		copied := filepath.Join(dir, filepath.Base(file))
		if err := os.WriteFile(copied, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := Promtool(t.Context(), "test", "rules", copied); err != nil {
			t.Error(err, out)
		}
	}
	for _, name := range alerts(t) {
		if !strings.Contains(string(played), "alertname: "+name+"\n        exp_alerts:") {
			t.Errorf("no file in testdata makes %s come", name)
		}
	}
}

// alerts are the names of all alerts.
func alerts(t *testing.T) []string {
	t.Helper()
	var names []string
	for line := range strings.Lines(string(file(t, "prometheusrule.yaml"))) {
		if _, name, found := strings.Cut(line, "- alert: "); found {
			names = append(names, strings.TrimSpace(name))
		}
	}
	if len(names) == 0 {
		t.Fatal("there are no alerts")
	}
	return names
}

// queries are those of the dashboard, as Grafana would send them.
func queries(t *testing.T) []string {
	t.Helper()
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(file(t, "dashboard.json"), &dashboard); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			all = append(all, strings.ReplaceAll(target.Expr, "$__rate_interval", "1m"))
		}
	}
	return all
}

// What a metric needs that is not here: a CA whose limits are known, another cluster, and Gateways that cannot be read.
var elsewhere = []string{"wildcast_ca_budget_left", "wildcast_gateways_unreadable", "wildcast_sync_context_reachable"}

// scene is a wildcast at work, with something in each state that metrics tell of, and a Prometheus that scrapes it.
type scene struct {
	*testing.T
	*stage.Stage
	p *Prometheus
}

func play(t *testing.T) *scene {
	t.Helper()
	opened, err := stage.Open(shared, "seen", stage.Options{Zones: []string{"seen.test", "evil.test"}})
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{T: t, Stage: opened}
	t.Cleanup(func() { s.must(s.Close(context.Background())) })
	ctx := t.Context()
	w := wildcast.New(t, shared, wildcast.Options{})
	dir := t.TempDir()
	s.p, err = Start(ctx, dir, w.MetricsAddress(), rules(t, dir))
	s.must(err)
	t.Cleanup(s.p.Stop)

	s.CA.SetValidity(0, 10*24*time.Hour)
	s.CA.Refuse("evil.test")
	s.must(s.Issuer(ctx, stage.Home, "seen", map[string]string{"sync": "stage=seen"}))
	s.must(s.Solver(ctx, stage.Home, "seen-dns", nil))
	s.must(s.Namespace(ctx, "seen-web", nil))
	s.must(s.Namespace(ctx, "seen-full", nil))
	s.must(stage.Fill(ctx, s.Kube, "seen-full", "secrets"))
	s.must(s.Ingress(ctx, "seen-web", "wiki", "wiki-tls", []string{"wiki.seen.test"}, map[string]string{"wildcast.dev/issuer": "seen"}))
	s.must(s.Ingress(ctx, "seen-web", "bad", "bad-tls", []string{"www.evil.test"}, map[string]string{"wildcast.dev/issuer": "seen"}))
	return s
}

func (s *scene) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *scene) until(condition func() error) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	s.must(stage.Until(ctx, condition))
}

// answered waits until a query has a result.
func (s *scene) answered(query string) {
	s.Helper()
	s.until(func() error {
		found, err := s.p.Ask(s.Context(), query)
		if err == nil && len(found) == 0 {
			err = fmt.Errorf("nothing is found by %s", query)
		}
		return err
	})
}

func TestARealPrometheusAnswersEachQueryOfTheDashboardAndOfTheAlerts(t *testing.T) {
	s := play(t)
	s.drift()
	for _, query := range queries(t) {
		if slices.ContainsFunc(elsewhere, func(name string) bool { return strings.Contains(query, name) }) {
			_, err := s.p.Ask(t.Context(), query)
			s.must(err)
			continue
		}
		s.answered(query)
	}
	s.until(func() error { return s.evaluated() })
	// As it stands in tutorials about cert-manager.
	s.answered(`(certmanager_certificate_expiration_timestamp_seconds - time())/3600/24 < 20`)
	s.answered(`ALERTS{alertname="WildcastCertificateNotReady", alertstate="pending"}`)
	s.answered(`ALERTS{alertname="WildcastCopiesFailing", alertstate="pending"}`)
}

// drift changes a copy, for wildcast to repair.
func (s *scene) drift() {
	s.Helper()
	secrets := s.Kube.CoreV1().Secrets("seen-web")
	s.until(func() error {
		copied, err := secrets.Get(s.Context(), "wildcard.seen.test", metav1.GetOptions{})
		if err != nil {
			return err
		}
		copied.Data[corev1.TLSCertKey] = nil
		_, err = secrets.Update(s.Context(), copied, metav1.UpdateOptions{})
		return err
	})
	s.answered(`wildcast_sync_drift_repaired_total{drift="changed"} > 0`)
}

// evaluated reports whether Prometheus has evaluated every alert without an error.
func (s *scene) evaluated() error {
	all, err := s.p.Rules(s.Context(), nil)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, group := range all.Groups {
		for _, rule := range group.Rules {
			if alert, ok := rule.(prometheus.AlertingRule); ok && alert.Health == prometheus.RuleHealthGood {
				seen[alert.Name] = true
			} else if ok && alert.LastError != "" {
				s.Fatalf("%s: %s", alert.Name, alert.LastError)
			}
		}
	}
	var missing []error
	for _, name := range alerts(s.T) {
		if !seen[name] {
			missing = append(missing, fmt.Errorf("alert %s was not evaluated yet", name))
		}
	}
	return errors.Join(missing...)
}

func TestThePrometheusOperatorKnowsEachFieldOfWhatItIsGiven(t *testing.T) {
	var rule operator.PrometheusRule
	if err := yaml.UnmarshalStrict(file(t, "prometheusrule.yaml"), &rule); err != nil {
		t.Error(err)
	}
	if n := len(rule.Spec.Groups); n != 3 {
		t.Errorf("it reads %d groups", n)
	}
	var monitor operator.ServiceMonitor
	if err := yaml.UnmarshalStrict(file(t, "servicemonitor.yaml"), &monitor); err != nil {
		t.Error(err)
	}
	service, err := kubernetes.NewForConfigOrDie(shared.Admin()).CoreV1().Services(stage.Home).Get(t.Context(), "wildcast", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	selector, err := metav1.LabelSelectorAsSelector(&monitor.Spec.Selector)
	if err != nil || !selector.Matches(labels.Set(service.Labels)) || monitor.Spec.Endpoints[0].Port != service.Spec.Ports[0].Name {
		t.Errorf("the ServiceMonitor does not select the Service's port: %v, %+v", err, monitor.Spec)
	}
}
