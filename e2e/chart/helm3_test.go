package chart

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

func TestHelm3RendersWhatHelm4Renders(t *testing.T) {
	for name, args := range map[string][]string{
		"the default values":   nil,
		"some namespaces only": {"--set", "flags.namespaces={red,blue}"},
		"everything": {"--set", "replicas=3,flags.cluster-name=x,flags.status-address=127.0.0.1:8082,contexts.secretName=y,admission.enabled=true,viewer.enabled=true," +
			"monitoring.serviceMonitor.enabled=true,monitoring.prometheusRule.enabled=true,monitoring.dashboard.enabled=true"},
	} {
		t.Run(name, func(t *testing.T) {
			if out := with(t, Build3, append([]string{"lint", chart, "--strict", "--quiet"}, args...)...); out != "" {
				t.Errorf("it complains: %s", out)
			}
			template := append([]string{"template", "wildcast", chart, "--namespace", "tls"}, args...)
			want := parse(t, run(t, template...))
			if len(want) < 7 {
				t.Errorf("just %d objects", len(want))
			}
			same(t, parse(t, with(t, Build3, template...)), want)
		})
	}
}

// A release outlives the helm that made it: who has Helm 3 today has Helm 4 one day.
func TestHelm3InstallsUpgradesAndRemovesAndHelm4GoesOnBetween(t *testing.T) {
	const home = "three"
	r := &release{T: t, kube: kubernetes.NewForConfigOrDie(shared.Admin()), namespace: home}
	uninstall := []string{"uninstall", "wildcast", "--namespace", home}
	t.Cleanup(func() { with(t, Build3, append(uninstall, "--ignore-not-found")...) })
	with(t, Build3, "install", "wildcast", chart, "--namespace", home, "--create-namespace", "--set", "flags.cluster-name=home")
	teams(t, "web")
	r.start()
	r.source("password")
	r.copied("web", "password")

	before := r.state()
	for _, step := range []struct {
		which    builder
		replicas int32
	}{{Build3, 3}, {Build, 4}, {Build3, 5}} {
		with(t, step.which, "upgrade", "wildcast", chart, "--namespace", home, "--reuse-values", "--set", fmt.Sprintf("replicas=%d", step.replicas))
		d, err := r.kube.AppsV1().Deployments(home).Get(t.Context(), "wildcast", metav1.GetOptions{})
		r.must(err)
		if is := *d.Spec.Replicas; is != step.replicas {
			t.Errorf("%d replicas, want %d", is, step.replicas)
		}
	}
	r.w.Stop()
	with(t, Build3, uninstall...)
	r.unchanged(before)
	if left := r.installed("deployments,services,serviceaccounts,roles,rolebindings,clusterroles,clusterrolebindings,networkpolicies,poddisruptionbudgets"); len(left) > 0 {
		t.Errorf("helm has left %q", left)
	}
}
