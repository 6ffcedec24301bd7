package controllers

import (
	"maps"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestATemplateIsKeptAndWhatItDropsGoes(t *testing.T) {
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Labels: map[string]string{"others": "1", LabelManaged: "true"}, Annotations: map[string]string{"others": "1"}}}
	for _, step := range []struct {
		name        string
		template    Template
		labels      map[string]string
		annotations int
	}{
		{"nothing", Template{}, map[string]string{}, 1},
		{"two labels and an annotation", Template{map[string]string{"a": "1", "b": "2"}, map[string]string{"c": "3"}}, map[string]string{"a": "1", "b": "2"}, 3},
		{"another value, one dropped", Template{map[string]string{"a": "9"}, nil}, map[string]string{"a": "9"}, 2},
		{"nothing again", Template{}, map[string]string{}, 1},
	} {
		step.template.put(s)
		want := maps.Clone(step.labels)
		maps.Copy(want, map[string]string{"others": "1", LabelManaged: "true"})
		if !maps.Equal(s.Labels, want) || len(s.Annotations) != step.annotations {
			t.Errorf("%s: got %v, %v", step.name, s.Labels, s.Annotations)
		}
	}
}

func TestAForgedNoteCannotTakeOurMarks(t *testing.T) {
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Labels: map[string]string{LabelManaged: "true"}, Annotations: map[string]string{AnnotationTemplate: `{"labels":["wildcast.dev/managed"]}`}}}
	Template{}.put(s)
	if s.Labels[LabelManaged] != "true" {
		t.Error("the mark is gone")
	}
}

func TestTheOldestAskersLabelsCount(t *testing.T) {
	first, next := Template{Labels: map[string]string{"a": "1"}}, Template{Labels: map[string]string{"a": "2", "b": "2"}}
	if got := first.or(next); !got.equal(Template{Labels: map[string]string{"a": "1", "b": "2"}}) {
		t.Errorf("got %v", got)
	}
}

func TestLabelsOfAnIngressAreKeptOnTheSecret(t *testing.T) {
	r := newRig(t)
	r.signer("self", "kind=selfsigned")
	ing := ingress("infra/wiki", "wiki-tls", "wiki.a.test", map[string]string{AnnotationIssuer: "self", AnnotationSecretLabels: "team=web"})
	r.add(ing)
	defer r.run()()
	has := func(value string) func() bool {
		return func() bool { s := r.secret(shared); return s != nil && s.Labels["team"] == value }
	}
	r.eventually("the label is there", has("web"))
	serial := haveOf(r.secret(shared)).Serial
	r.change(shared, func(s *corev1.Secret) { s.Labels["team"] = "other" })
	r.eventually("it is repaired", has("web"))
	ing = ing.DeepCopy()
	ing.Annotations[AnnotationSecretLabels] = ""
	if _, err := r.kube.NetworkingV1().Ingresses(ing.Namespace).Update(t.Context(), ing, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	r.eventually("it is dropped", has(""))
	if haveOf(r.secret(shared)).Serial != serial {
		t.Error("the certificate was signed again")
	}
}
