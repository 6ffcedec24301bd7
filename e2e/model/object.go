package model

import (
	"context"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"
)

// Place is the namespace and name of an object.
type Place = types.NamespacedName

// Object is an object of a kind that is reflected, of whichever kind.
type Object struct {
	Place
	UID, ResourceVersion string
	Created              time.Time
	Labels, Annotations  map[string]string
	Content
}

// Content is what an object carries.
type Content struct {
	Type      string
	Immutable bool
	Data      map[string]string
}

func (o Object) clone() Object {
	o.Labels, o.Annotations, o.Data = maps.Clone(o.Labels), maps.Clone(o.Annotations), maps.Clone(o.Data)
	for _, m := range []*map[string]string{&o.Labels, &o.Annotations, &o.Data} {
		if *m == nil {
			*m = map[string]string{}
		}
	}
	return o
}

// Kind is how objects of one kind are reached, as a user of the cluster.
type Kind struct {
	Name   string // as in a quota: secrets
	List   func(context.Context) ([]Object, error)
	Get    func(context.Context, Place) (Object, error)
	Create func(context.Context, Object) (Object, error)
	Update func(context.Context, Object) (Object, error) // of the state with its ResourceVersion
	Delete func(context.Context, Place) error
}

const user = "user" // in managedFields

// Secrets are the Secrets of a cluster.
func Secrets(kube kubernetes.Interface) Kind {
	core := kube.CoreV1()
	read := func(s *corev1.Secret, err error) (Object, error) {
		if err != nil {
			return Object{}, err
		}
		return fromSecret(s), nil
	}
	return Kind{
		Name: "secrets",
		List: func(ctx context.Context) ([]Object, error) {
			all, err := core.Secrets("").List(ctx, metav1.ListOptions{})
			if err != nil {
				return nil, err
			}
			var objects []Object
			for i := range all.Items {
				objects = append(objects, fromSecret(&all.Items[i]))
			}
			return objects, nil
		},
		Get: func(ctx context.Context, at Place) (Object, error) {
			return read(core.Secrets(at.Namespace).Get(ctx, at.Name, metav1.GetOptions{}))
		},
		Create: func(ctx context.Context, o Object) (Object, error) {
			return read(core.Secrets(o.Namespace).Create(ctx, toSecret(o), metav1.CreateOptions{FieldManager: user}))
		},
		Update: func(ctx context.Context, o Object) (Object, error) {
			return read(core.Secrets(o.Namespace).Update(ctx, toSecret(o), metav1.UpdateOptions{FieldManager: user}))
		},
		Delete: func(ctx context.Context, at Place) error {
			return core.Secrets(at.Namespace).Delete(ctx, at.Name, metav1.DeleteOptions{})
		},
	}
}

func fromSecret(s *corev1.Secret) Object {
	data := map[string]string{}
	for key, value := range s.Data {
		data[key] = string(value)
	}
	return Object{
		Place: Place{Namespace: s.Namespace, Name: s.Name},
		UID:   string(s.UID), ResourceVersion: s.ResourceVersion, Created: s.CreationTimestamp.Time,
		Labels: s.Labels, Annotations: s.Annotations,
		Content: Content{Type: string(s.Type), Immutable: ptr.Deref(s.Immutable, false), Data: data},
	}
}

func toSecret(o Object) *corev1.Secret {
	s := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: o.Namespace, Name: o.Name, UID: types.UID(o.UID), ResourceVersion: o.ResourceVersion,
			Labels: o.Labels, Annotations: o.Annotations,
		},
		Type: corev1.SecretType(o.Type), Data: map[string][]byte{},
	}
	for key, value := range o.Data {
		s.Data[key] = []byte(value)
	}
	if o.Immutable {
		s.Immutable = new(true)
	}
	return s
}
