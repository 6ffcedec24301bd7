package syncer

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/utils/ptr"
)

// ref is the namespace and name of an object.
type ref = types.NamespacedName

// content is an object whole.
type content struct {
	meta metav1.ObjectMeta
	payload
}

// kind is all that the rest of the package needs to know about a kind of object that can be reflected.
type kind struct {
	kind     schema.GroupVersionKind
	resource schema.GroupVersionResource
	never    []string // types of such objects that are neither reflected nor seen

	read   func(context.Context, ref) (content, error)
	create func(context.Context, content) (metav1.ObjectMeta, error)
	update func(context.Context, content) (metav1.ObjectMeta, error)
	remove func(context.Context, ref, metav1.Preconditions) error
}

// selector keeps what is never reflected out of the watch.
func (k *kind) selector() string {
	var terms []fields.Selector
	for _, t := range k.never {
		terms = append(terms, fields.OneTermNotEqualSelector("type", t))
	}
	return fields.AndSelectors(terms...).String()
}

// reference names an object of this kind, for Events.
func (k *kind) reference(of ref, uid types.UID) corev1.ObjectReference {
	apiVersion, kind := k.kind.ToAPIVersionAndKind()
	return corev1.ObjectReference{APIVersion: apiVersion, Kind: kind, Namespace: of.Namespace, Name: of.Name, UID: uid}
}

// secrets is the kind Secret. Not reflected are credentials that are bound to where they are, and what wildcast keeps
// for itself.
func secrets(client corev1client.SecretsGetter) kind {
	return kind{
		kind:     corev1.SchemeGroupVersion.WithKind("Secret"),
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
			return content{s.ObjectMeta, payload{string(s.Type), ptr.Deref(s.Immutable, false), s.Data}}, nil
		},
		create: func(ctx context.Context, c content) (metav1.ObjectMeta, error) {
			s, err := client.Secrets(c.meta.Namespace).Create(ctx, secret(c), metav1.CreateOptions{FieldManager: manager})
			if err != nil {
				return metav1.ObjectMeta{}, err
			}
			return s.ObjectMeta, nil
		},
		update: func(ctx context.Context, c content) (metav1.ObjectMeta, error) {
			s, err := client.Secrets(c.meta.Namespace).Update(ctx, secret(c), metav1.UpdateOptions{FieldManager: manager})
			if err != nil {
				return metav1.ObjectMeta{}, err
			}
			return s.ObjectMeta, nil
		},
		remove: func(ctx context.Context, n ref, p metav1.Preconditions) error {
			return client.Secrets(n.Namespace).Delete(ctx, n.Name, metav1.DeleteOptions{Preconditions: &p})
		},
	}
}

func secret(c content) *corev1.Secret {
	s := &corev1.Secret{ObjectMeta: c.meta, Type: corev1.SecretType(c.Type), Data: c.Data}
	if c.Immutable {
		s.Immutable = ptr.To(true)
	}
	return s
}
