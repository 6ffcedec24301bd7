package faults

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/model"
	"github.com/wildcast/wildcast/e2e/wildcast"
	"github.com/wildcast/wildcast/syncer"
)

// refused plays a scene in which the API server refuses wildcast's writes in one of its namespaces, until allow.
func (s *scene) refused(allow func(namespace string)) {
	s.Helper()
	blocked := s.at(3, "").Namespace
	s.users.World.Full[blocked] = true
	source := s.source("a")
	s.must(s.users.Rest(s.Context()))
	s.until(func() error { return s.reported(source, syncer.ReasonTargetFailed, blocked) })
	s.change(source, 2)
	s.must(s.users.Rest(s.Context()))
	allow(blocked)
	delete(s.users.World.Full, blocked)
	s.settle()
}

// reported looks for the Event on a source that has all the words in its note.
func (s *scene) reported(source model.Place, reason string, words ...string) error {
	all, err := s.kube.EventsV1().Events(source.Namespace).List(s.Context(), metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, e := range all.Items {
		lacks := func(word string) bool { return !strings.Contains(e.Note, word) }
		if e.Regarding.Name == source.Name && e.Reason == reason && !slices.ContainsFunc(words, lacks) {
			return nil
		}
	}
	return fmt.Errorf("no Event %s about %s with %q", reason, source, words)
}

func TestAQuotaInOneNamespaceDelaysNoOther(t *testing.T) {
	s := play(t, "quota", wildcast.Options{})
	s.namespaces(5)
	at := s.at(3, "")
	s.try(model.Op{Verb: "fill namespace", At: at, Other: at})
	s.refused(func(namespace string) {
		s.must(s.kube.CoreV1().ResourceQuotas(namespace).DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{}))
	})
}

// A policy says Invalid when it refuses, unless it says otherwise: as if the copy were at fault.
func TestAPolicyThatRefusesOneNamespaceDelaysNoOther(t *testing.T) {
	s := play(t, "policy", wildcast.Options{})
	s.namespaces(5)
	s.policy(s.at(3, "").Namespace)
	s.refused(func(string) {
		policies := s.kube.AdmissionregistrationV1()
		s.must(policies.ValidatingAdmissionPolicyBindings().Delete(t.Context(), s.name, metav1.DeleteOptions{}))
		s.must(policies.ValidatingAdmissionPolicies().Delete(t.Context(), s.name, metav1.DeleteOptions{}))
	})
}

// policy refuses every write of a Secret in a namespace, and returns when the API server does.
func (s *scene) policy(namespace string) {
	s.Helper()
	meta := metav1.ObjectMeta{Name: s.name}
	policies := s.kube.AdmissionregistrationV1()
	_, err := policies.ValidatingAdmissionPolicies().Create(s.Context(), &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: meta,
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{
				RuleWithOperations: admissionv1.RuleWithOperations{
					Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update},
					Rule:       admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"secrets"}},
				},
			}}},
			Validations: []admissionv1.Validation{{Expression: "false", Message: "no Secrets here"}},
		},
	}, metav1.CreateOptions{})
	s.must(err)
	_, err = policies.ValidatingAdmissionPolicyBindings().Create(s.Context(), &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: meta,
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName:        s.name,
			ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
			MatchResources:    &admissionv1.MatchResources{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: namespace}}},
		},
	}, metav1.CreateOptions{})
	s.must(err)
	s.until(func() error {
		probe := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "probe"}}
		_, err := s.kube.CoreV1().Secrets(namespace).Create(s.Context(), probe, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err == nil {
			return errors.New("the policy is not in force")
		}
		return nil
	})
}

func TestRightsThatLackInOneNamespaceDelayNoOther(t *testing.T) {
	const namespaces = 5
	a := account{name: "narrow", kube: kubernetes.NewForConfigOrDie(shared.Admin())}
	if err := a.make(t.Context()); err != nil {
		t.Fatal(err)
	}
	kubeconfig, err := shared.KubeconfigFor(t.Context(), cluster.HomeNamespace, a.name)
	if err != nil {
		t.Fatal(err)
	}
	s := play(t, "rights", wildcast.Options{Kubeconfig: kubeconfig})
	s.namespaces(namespaces)
	for i := range namespaces {
		if i != 3 {
			s.must(a.mayWrite(t.Context(), s.at(i, "").Namespace))
		}
	}
	s.refused(func(namespace string) { s.must(a.mayWrite(t.Context(), namespace)) })
}

// account is a ServiceAccount that may read what wildcast reads, and write Secrets where a Role says so.
type account struct {
	name string
	kube kubernetes.Interface
}

func (a account) writer() string { return a.name + "-writer" }

func (a account) make(ctx context.Context) error {
	core, rights := a.kube.CoreV1(), a.kube.RbacV1()
	_, err := core.ServiceAccounts(cluster.HomeNamespace).Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: a.name}}, metav1.CreateOptions{})
	for name, rules := range map[string][]rbacv1.PolicyRule{
		a.name: {
			{APIGroups: []string{""}, Resources: []string{"secrets", "configmaps", "namespaces"}, Verbs: []string{"get", "list", "watch"}},
			{APIGroups: []string{"networking.k8s.io"}, Resources: []string{"ingresses"}, Verbs: []string{"get", "list", "watch"}},
			{APIGroups: []string{"events.k8s.io"}, Resources: []string{"events"}, Verbs: []string{"create", "patch"}},
		},
		a.writer(): {{APIGroups: []string{""}, Resources: []string{"secrets", "configmaps"}, Verbs: []string{"create", "update", "delete"}}},
	} {
		_, failed := rights.ClusterRoles().Create(ctx, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules}, metav1.CreateOptions{})
		err = errors.Join(err, failed)
	}
	_, failed := rights.ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: a.name}, RoleRef: a.role(a.name), Subjects: a.subjects(),
	}, metav1.CreateOptions{})
	return errors.Join(err, failed)
}

// mayWrite lets the account write Secrets in a namespace.
func (a account) mayWrite(ctx context.Context, namespace string) error {
	_, err := a.kube.RbacV1().RoleBindings(namespace).Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: a.name}, RoleRef: a.role(a.writer()), Subjects: a.subjects(),
	}, metav1.CreateOptions{})
	return err
}

func (a account) role(name string) rbacv1.RoleRef {
	return rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name}
}

func (a account) subjects() []rbacv1.Subject {
	return []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: cluster.HomeNamespace, Name: a.name}}
}
