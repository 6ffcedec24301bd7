package stage

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// Quota is the name of the quota that Fill makes.
const Quota = "none-more"

// Fill makes a quota that allows no more objects of a resource, secrets or configmaps, in a namespace. It returns when
// the API server refuses them: a quota is not in force until a controller has counted what is there.
func Fill(ctx context.Context, kube kubernetes.Interface, namespace, counted string) error {
	_, err := kube.CoreV1().ResourceQuotas(namespace).Create(ctx, &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: Quota},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourceName("count/" + counted): resource.MustParse("0")}},
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return Until(ctx, func() error {
		err := probe(ctx, kube, namespace, counted)
		switch {
		case err == nil:
			return errors.New("the quota is not in force")
		case apierrors.IsForbidden(err):
			return nil
		}
		return err
	})
}

// probe asks whether an object could be made.
func probe(ctx context.Context, kube kubernetes.Interface, namespace, counted string) (err error) {
	meta, dry := metav1.ObjectMeta{GenerateName: "probe-"}, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}
	switch counted {
	case "secrets":
		_, err = kube.CoreV1().Secrets(namespace).Create(ctx, &corev1.Secret{ObjectMeta: meta}, dry)
	case "configmaps":
		_, err = kube.CoreV1().ConfigMaps(namespace).Create(ctx, &corev1.ConfigMap{ObjectMeta: meta}, dry)
	default:
		panic(fmt.Sprintf("nobody counts %s yet", counted))
	}
	return err
}
