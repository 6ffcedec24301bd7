package syncer

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
)

// secrets is the kind Secret. Not reflected are credentials that are bound to where they are, and what wildcast keeps
// for itself.
func secrets(c Clients) kind {
	client := c.Kube.CoreV1()
	w := writer{client.RESTClient(), c.deletions().CoreV1().RESTClient(), "secrets", func(c content) runtime.Object { return secret(c) }}
	return kind{
		kind:     corev1.SchemeGroupVersion.WithKind(string(Secrets)),
		resource: corev1.SchemeGroupVersion.WithResource("secrets"),
		never: []string{
			"helm.sh/release.v1", string(corev1.SecretTypeServiceAccountToken), string(corev1.SecretTypeBootstrapToken),
			Prefix + "issuer", Prefix + "dns01", Prefix + "account", Prefix + "order",
		},
		read: func(ctx context.Context, n ref) (content, error) {
			s, err := client.Secrets(n.Namespace).Get(ctx, n.Name, metav1.GetOptions{})
			if err != nil {
				return content{}, err
			}
			return content{s.ObjectMeta, payload{Type: string(s.Type), Immutable: ptr.Deref(s.Immutable, false), Data: s.Data}}, nil
		},
		create: w.create,
		update: w.update,
		remove: w.remove,
	}
}

func secret(c content) *corev1.Secret {
	s := &corev1.Secret{ObjectMeta: c.meta, Type: corev1.SecretType(c.Type), Data: c.Data}
	if c.Immutable {
		s.Immutable = ptr.To(true)
	}
	return s
}
