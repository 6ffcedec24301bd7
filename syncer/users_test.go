package syncer

import (
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// What users do. Labels are written "a=b,c=d".

func (w *world) namespace(name, text string) {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labelSet(text)}}
	if _, err := w.kube.CoreV1().Namespaces().Create(context.Background(), namespace, metav1.CreateOptions{}); err != nil {
		w.t.Fatal(err)
	}
}

func labelSet(text string) map[string]string {
	set, _ := labels.ConvertSelectorToLabelsMap(text)
	return set
}

func (w *world) relabel(name, text string) {
	w.changeNamespace(name, func(n *corev1.Namespace) { n.Labels = labelSet(text) })
}

func (w *world) changeNamespace(name string, change func(*corev1.Namespace)) {
	namespaces := w.kube.CoreV1().Namespaces()
	namespace, err := namespaces.Get(context.Background(), name, metav1.GetOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	change(namespace)
	if _, err := namespaces.Update(context.Background(), namespace, metav1.UpdateOptions{}); err != nil {
		w.t.Fatal(err)
	}
}

// put makes a Secret with the keys a and b.
func (w *world) put(at string, changes ...func(*corev1.Secret)) *corev1.Secret {
	w.t.Helper()
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: place(at).Namespace, Name: place(at).Name},
		Type:       corev1.SecretTypeOpaque,
		Data:       map[string][]byte{"a": []byte("1"), "b": []byte("2")},
	}
	for _, change := range changes {
		change(secret)
	}
	made, err := w.create(secret, "kubectl-create")
	if err != nil {
		w.t.Fatal(err)
	}
	return made
}

// edit changes a Secret.
func (w *world) edit(at string, changes ...func(*corev1.Secret)) {
	w.t.Helper()
	secret := w.want(at).DeepCopy()
	secret.ManagedFields = nil
	for _, change := range changes {
		change(secret)
	}
	if _, err := w.update(secret, "kubectl-edit"); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) del(at string) {
	w.t.Helper()
	if err := w.delete(place(at), nil); err != nil {
		w.t.Fatal(err)
	}
}

func annotate(key, value string) func(*corev1.Secret) {
	return func(s *corev1.Secret) { metav1.SetMetaDataAnnotation(&s.ObjectMeta, key, value) }
}

func unannotate(key string) func(*corev1.Secret) {
	return func(s *corev1.Secret) { delete(s.Annotations, key) }
}

func label(key, value string) func(*corev1.Secret) {
	return func(s *corev1.Secret) { metav1.SetMetaDataLabel(&s.ObjectMeta, key, value) }
}

func key(name, value string) func(*corev1.Secret) {
	return func(s *corev1.Secret) { s.Data[name] = []byte(value) }
}

func syncTo(selector string) func(*corev1.Secret) { return annotate(AnnotationSync, selector) }

// What there is.

// there is the Secret at a place, or nil.
func (w *world) there(at string) *corev1.Secret {
	w.settle()
	found, err := w.get(place(at))
	if err != nil {
		return nil
	}
	return found
}

func (w *world) want(at string) *corev1.Secret {
	w.t.Helper()
	found := w.there(at)
	if found == nil {
		w.t.Fatalf("there is no %s", at)
	}
	return found
}

// copies are the places of all copies, sorted, with blanks between.
func (w *world) copies() string {
	w.settle()
	all, err := w.kube.Tracker().List(secretsResource, corev1.SchemeGroupVersion.WithKind("Secret"), "")
	if err != nil {
		w.t.Fatal(err)
	}
	var found []string
	for _, secret := range all.(*corev1.SecretList).Items {
		if readObject(secret.ObjectMeta, w.in).role == roleCopy {
			found = append(found, secret.Namespace+"/"+secret.Name)
		}
	}
	slices.Sort(found)
	return strings.Join(found, " ")
}

func (w *world) wantCopies(want string) {
	w.t.Helper()
	if got := w.copies(); got != want {
		w.t.Fatalf("copies are %q, want %q", got, want)
	}
}

func (w *world) wantTook(want ...string) {
	w.t.Helper()
	if got := w.took(); !slices.Equal(got, want) {
		w.t.Fatalf("requests were %q, want %q", got, want)
	}
}

func (w *world) wantSaid(want ...string) {
	w.t.Helper()
	if got := w.said(); !slices.Equal(got, want) {
		w.t.Fatalf("Events were %q, want %q", got, want)
	}
}

// wantData checks a Secret's keys and values, written "a=1 b=2".
func (w *world) wantData(at, want string) {
	w.t.Helper()
	var got []string
	for key, value := range w.want(at).Data {
		got = append(got, key+"="+string(value))
	}
	slices.Sort(got)
	if strings.Join(got, " ") != want {
		w.t.Fatalf("data of %s is %q, want %q", at, got, want)
	}
}
