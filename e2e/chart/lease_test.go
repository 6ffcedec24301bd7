package chart

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// Recreate excludes what a rolling update has, which the API server does not take away by itself.
func TestAReleaseDoesWithoutTheLeaseAndTakesItAgain(t *testing.T) {
	kube := kubernetes.NewForConfigOrDie(shared.Admin())
	for namespace, which := range map[string]builder{"alone": Build, "alone-three": Build3} {
		t.Run(namespace, func(t *testing.T) {
			with(t, which, "install", "wildcast", chart, "--namespace", namespace, "--create-namespace")
			t.Cleanup(func() { with(t, which, "uninstall", "wildcast", "--namespace", namespace, "--ignore-not-found") })
			for _, step := range []struct {
				values   string
				replicas int32
				strategy appsv1.DeploymentStrategyType
			}{
				{"replicas=1,flags.leader-elect=false", 1, appsv1.RecreateDeploymentStrategyType},
				{"replicas=2,flags.leader-elect=true", 2, appsv1.RollingUpdateDeploymentStrategyType},
			} {
				with(t, which, "upgrade", "wildcast", chart, "--namespace", namespace, "--set", step.values)
				d, err := kube.AppsV1().Deployments(namespace).Get(t.Context(), "wildcast", metav1.GetOptions{})
				if err != nil {
					t.Fatal(err)
				}
				if *d.Spec.Replicas != step.replicas || d.Spec.Strategy.Type != step.strategy {
					t.Errorf("with %s there are %d replicas with strategy %s", step.values, *d.Spec.Replicas, d.Spec.Strategy.Type)
				}
			}
		})
	}
}
