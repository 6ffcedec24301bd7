package model

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"
)

// Kind is how objects of one kind are reached, as a user of the cluster.
type Kind struct {
	Name   string // as in a quota: secrets
	List   func(context.Context) ([]Object, error)
	Get    func(context.Context, Place) (Object, error)
	Create func(context.Context, Object) (Object, error)
	Update func(context.Context, Object) (Object, error) // of the state with its ResourceVersion
	Delete func(context.Context, Place) error
	Kept   func(Object) Object // what the API server keeps of it: a Secret has no binary data
}

// Secrets are the Secrets of a cluster.
func Secrets(kube kubernetes.Interface) Kind {
	core := kube.CoreV1()
	list := func(ctx context.Context) ([]corev1.Secret, error) {
		all, err := core.Secrets("").List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, err
		}
		return all.Items, nil
	}
	in := func(namespace string) client[corev1.Secret] { return core.Secrets(namespace) }
	return kindOf("secrets", list, in, fromSecret, toSecret)
}

// ConfigMaps are the ConfigMaps of a cluster, less those that Kubernetes puts into every namespace.
func ConfigMaps(kube kubernetes.Interface) Kind {
	core := kube.CoreV1()
	list := func(ctx context.Context) ([]corev1.ConfigMap, error) {
		all, err := core.ConfigMaps("").List(ctx, metav1.ListOptions{FieldSelector: "metadata.name!=kube-root-ca.crt"})
		if err != nil {
			return nil, err
		}
		return all.Items, nil
	}
	in := func(namespace string) client[corev1.ConfigMap] { return core.ConfigMaps(namespace) }
	return kindOf("configmaps", list, in, fromConfigMap, toConfigMap)
}

// client is what client-go has for the objects of a kind in a namespace.
type client[T any] interface {
	Get(context.Context, string, metav1.GetOptions) (*T, error)
	Create(context.Context, *T, metav1.CreateOptions) (*T, error)
	Update(context.Context, *T, metav1.UpdateOptions) (*T, error)
	Delete(context.Context, string, metav1.DeleteOptions) error
}

const user = "user" // in managedFields

func kindOf[T any](name string, list func(context.Context) ([]T, error), in func(string) client[T], from func(*T) Object, to func(Object) *T) Kind {
	read := func(o *T, err error) (Object, error) {
		if err != nil {
			return Object{}, err
		}
		return from(o), nil
	}
	return Kind{
		Name: name,
		List: func(ctx context.Context) ([]Object, error) {
			all, err := list(ctx)
			objects := make([]Object, len(all))
			for i := range all {
				objects[i] = from(&all[i])
			}
			return objects, err
		},
		Get: func(ctx context.Context, at Place) (Object, error) {
			return read(in(at.Namespace).Get(ctx, at.Name, metav1.GetOptions{}))
		},
		Create: func(ctx context.Context, o Object) (Object, error) {
			return read(in(o.Namespace).Create(ctx, to(o), metav1.CreateOptions{FieldManager: user}))
		},
		Update: func(ctx context.Context, o Object) (Object, error) {
			return read(in(o.Namespace).Update(ctx, to(o), metav1.UpdateOptions{FieldManager: user}))
		},
		Delete: func(ctx context.Context, at Place) error {
			return in(at.Namespace).Delete(ctx, at.Name, metav1.DeleteOptions{})
		},
		Kept: func(o Object) Object { return from(to(o)) },
	}
}

func fromSecret(s *corev1.Secret) Object {
	return object(s.ObjectMeta, Content{Type: string(s.Type), Immutable: ptr.Deref(s.Immutable, false), Data: texts(s.Data)})
}

func toSecret(o Object) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: o.meta(), Type: corev1.SecretType(o.Type), Immutable: sealed(o), Data: bytes(o.Data)}
}

func fromConfigMap(m *corev1.ConfigMap) Object {
	return object(m.ObjectMeta, Content{Immutable: ptr.Deref(m.Immutable, false), Data: m.Data, Binary: texts(m.BinaryData)})
}

func toConfigMap(o Object) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: o.meta(), Immutable: sealed(o), Data: o.Data, BinaryData: bytes(o.Binary)}
}

// sealed is the field of an immutable object. An object that is not has none.
func sealed(o Object) *bool {
	if !o.Immutable {
		return nil
	}
	return new(true)
}

func texts(data map[string][]byte) map[string]string {
	to := map[string]string{}
	for key, value := range data {
		to[key] = string(value)
	}
	return to
}

func bytes(data map[string]string) map[string][]byte {
	to := map[string][]byte{}
	for key, value := range data {
		to[key] = []byte(value)
	}
	return to
}
