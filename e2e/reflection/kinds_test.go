package reflection

import (
	"context"
	"testing"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/utils/ptr"
)

// kind is what a story is about, as kubectl calls it. Stories speak of Secrets; one about ConfigMaps shows these as
// ConfigMaps to the API server, and back.
type kind string

const (
	secrets    kind = "secret"
	configMaps kind = "configmap"
)

// resource is what the API server calls the kind.
func (k kind) resource() string { return string(k) + "s" }

// both tells a story twice: of Secrets, and of ConfigMaps.
func both(t *testing.T, name string, story func(*testing.T, *story), flags ...string) {
	t.Helper()
	t.Run(string(secrets), func(t *testing.T) { story(t, tell(t, name, flags...)) })
	t.Run(string(configMaps), func(t *testing.T) { story(t, tellOf(t, configMaps, name+"-maps", flags...)) })
}

// inBothDialects tells a story twice of both kinds: of sources that are marked as ours are, and of sources that are marked
// as kubed's are.
func inBothDialects(t *testing.T, name string, play func(t *testing.T, s *story, to func(selector string) like), flags ...string) {
	t.Helper()
	both(t, name, func(t *testing.T, s *story) { play(t, s, to) }, flags...)
	t.Run("kubed", func(t *testing.T) {
		both(t, name+"-kubed", func(t *testing.T, s *story) { play(t, s, kubedTo) }, flags...)
	})
}

// objects is what a story does with those of its kind in a namespace.
type objects interface {
	Create(context.Context, *corev1.Secret, metav1.CreateOptions) (*corev1.Secret, error)
	Update(context.Context, *corev1.Secret, metav1.UpdateOptions) (*corev1.Secret, error)
	Get(context.Context, string, metav1.GetOptions) (*corev1.Secret, error)
	Delete(context.Context, string, metav1.DeleteOptions) error
	List(context.Context, metav1.ListOptions) (*corev1.SecretList, error)
	Patch(ctx context.Context, name string, how types.PatchType, patch []byte, o metav1.PatchOptions, sub ...string) (*corev1.Secret, error)
}

func (s *story) objects(namespace string) objects {
	if s.kind == secrets {
		return s.kube.CoreV1().Secrets(namespace)
	}
	return shownMaps{s.kube.CoreV1().ConfigMaps(namespace)}
}

// shownMaps are ConfigMaps, shown as Secrets.
type shownMaps struct {
	client corev1client.ConfigMapInterface
}

func (m shownMaps) Create(ctx context.Context, o *corev1.Secret, how metav1.CreateOptions) (*corev1.Secret, error) {
	return shown(m.client.Create(ctx, mapOf(o), how))
}

func (m shownMaps) Update(ctx context.Context, o *corev1.Secret, how metav1.UpdateOptions) (*corev1.Secret, error) {
	return shown(m.client.Update(ctx, mapOf(o), how))
}

func (m shownMaps) Get(ctx context.Context, name string, how metav1.GetOptions) (*corev1.Secret, error) {
	return shown(m.client.Get(ctx, name, how))
}

func (m shownMaps) Delete(ctx context.Context, name string, how metav1.DeleteOptions) error {
	return m.client.Delete(ctx, name, how)
}

func (m shownMaps) List(ctx context.Context, how metav1.ListOptions) (*corev1.SecretList, error) {
	all, err := m.client.List(ctx, how)
	if err != nil {
		return nil, err
	}
	list := &corev1.SecretList{}
	for i := range all.Items {
		o, _ := shown(&all.Items[i], nil)
		list.Items = append(list.Items, *o)
	}
	return list, nil
}

func (m shownMaps) Patch(ctx context.Context, name string, how types.PatchType, patch []byte, o metav1.PatchOptions, sub ...string) (*corev1.Secret, error) {
	return shown(m.client.Patch(ctx, name, how, patch, o, sub...))
}

// shown has what is in binaryData in its StringData as well, which no Secret that was read has.
func shown(m *corev1.ConfigMap, err error) (*corev1.Secret, error) {
	if err != nil {
		return nil, err
	}
	o := &corev1.Secret{ObjectMeta: m.ObjectMeta, Immutable: m.Immutable}
	for key, text := range m.Data {
		holding(key, text)(o)
	}
	for key, value := range m.BinaryData {
		binary(key, string(value))(o)
	}
	return o, nil
}

// mapOf has in its binaryData what is no text and what is in StringData.
func mapOf(o *corev1.Secret) *corev1.ConfigMap {
	m := &corev1.ConfigMap{ObjectMeta: o.ObjectMeta, Data: map[string]string{}, BinaryData: map[string][]byte{}}
	if ptr.Deref(o.Immutable, false) {
		m.Immutable = o.Immutable
	}
	for key, value := range o.Data {
		if _, chosen := o.StringData[key]; chosen || !utf8.Valid(value) {
			m.BinaryData[key] = value
		} else {
			m.Data[key] = string(value)
		}
	}
	return m
}
