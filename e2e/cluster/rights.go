package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// shippedRole is the ClusterRole that manifests/base gives to wildcast's ServiceAccount.
const shippedRole = "wildcast"

// Withdraw takes those rules from the shipped ClusterRole that match, at least one, and returns when the API server heeds it.
// restore gives them back.
func (c *Cluster) Withdraw(ctx context.Context, match func(rbacv1.PolicyRule) bool) (restore func(context.Context) error, err error) {
	kube := kubernetes.NewForConfigOrDie(c.Admin())
	role, err := kube.RbacV1().ClusterRoles().Get(ctx, shippedRole, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	whole := slices.Clone(role.Rules)
	i := slices.IndexFunc(whole, match)
	if i < 0 {
		return nil, fmt.Errorf("ClusterRole %s has no such rule", shippedRole)
	}
	set := func(ctx context.Context, rules []rbacv1.PolicyRule, allowed bool) error {
		role, err := kube.RbacV1().ClusterRoles().Get(ctx, shippedRole, metav1.GetOptions{})
		if err != nil {
			return err
		}
		role.Rules = rules
		if _, err := kube.RbacV1().ClusterRoles().Update(ctx, role, metav1.UpdateOptions{}); err != nil {
			return err
		}
		return awaitRule(ctx, kube, whole[i], allowed)
	}
	restore = func(ctx context.Context) error { return set(ctx, whole, true) }
	return restore, set(ctx, slices.DeleteFunc(role.Rules, match), false)
}

// awaitRule waits until wildcast's ServiceAccount may do what a rule says, or may not, in all namespaces.
func awaitRule(ctx context.Context, kube kubernetes.Interface, r rbacv1.PolicyRule, allowed bool) error {
	name := ""
	if len(r.ResourceNames) > 0 {
		name = r.ResourceNames[0]
	}
	for ctx.Err() == nil {
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User:               Username(HomeNamespace, ServiceAccount),
			ResourceAttributes: &authorizationv1.ResourceAttributes{Group: r.APIGroups[0], Resource: r.Resources[0], Verb: r.Verbs[0], Name: name},
		}}
		review, err := kube.AuthorizationV1().SubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
		if err != nil || review.Status.Allowed == allowed {
			return err
		}
	}
	return errors.Join(errors.New("the API server does not heed what was changed in the ClusterRole"), ctx.Err())
}
