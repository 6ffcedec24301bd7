package admission

import (
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// checked waits until the API server's controller has checked the types of a policy's expressions.
func checked(t *testing.T, name string) *admissionv1.ValidatingAdmissionPolicy {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		policy, err := client.AdmissionregistrationV1().ValidatingAdmissionPolicies().Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if policy.Status.ObservedGeneration == policy.Generation && policy.Status.TypeChecking != nil {
			return policy
		}
	}
	t.Fatalf("the types of policy %s were not checked within a minute", name)
	return nil
}

func TestTheAPIServerFindsNoFaultInTheTypesOfExpressions(t *testing.T) {
	for _, name := range policies {
		for _, warning := range checked(t, name).Status.TypeChecking.ExpressionWarnings {
			t.Errorf("%s: %s: %s", name, warning.FieldRef, warning.Warning)
		}
	}
}

func TestEachPolicyIsBoundAndNoMoreThanThoseAreThere(t *testing.T) {
	list, err := client.AdmissionregistrationV1().ValidatingAdmissionPolicies().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Items) != len(policies) {
		t.Errorf("there are %d policies, and %d are tested", len(list.Items), len(policies))
	}
	for _, policy := range list.Items {
		binding, err := client.AdmissionregistrationV1().ValidatingAdmissionPolicyBindings().Get(t.Context(), policy.Name, metav1.GetOptions{})
		if err != nil {
			t.Error(err)
			continue
		}
		if binding.Spec.PolicyName != policy.Name || len(binding.Spec.ValidationActions) != 1 || binding.Spec.ValidationActions[0] != admissionv1.Deny {
			t.Errorf("the binding of %s is %+v", policy.Name, binding.Spec)
		}
	}
}
