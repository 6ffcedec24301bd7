package syncer

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

func TestAConfigMapIsReadAndWrittenWhole(t *testing.T) {
	client := fake.NewClientset()
	k := configMaps(Clients{Kube: overREST{client}})
	want := content{metav1.ObjectMeta{Namespace: "home", Name: "m"}, payload{
		Immutable: true, Data: map[string][]byte{"a": []byte("1"), "empty": {}}, Binary: map[string][]byte{"b": {0, 255}},
	}}
	if _, err := k.create(context.Background(), want); err != nil {
		t.Fatal(err)
	}
	made, err := client.CoreV1().ConfigMaps("home").Get(t.Context(), "m", metav1.GetOptions{})
	if err != nil || made.Data["a"] != "1" || len(made.Data) != 2 || string(made.BinaryData["b"]) != "\x00\xff" || !*made.Immutable {
		t.Error(made, err)
	}
	if got, err := k.read(t.Context(), place("home/m")); err != nil || !got.equal(want.payload) {
		t.Error(got, err)
	}
	want.Immutable, want.Binary = false, nil
	if _, err := k.update(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	if got, err := k.read(t.Context(), place("home/m")); err != nil || !got.equal(want.payload) {
		t.Error(got, err)
	}
}

func TestConfigMapsAreAllWatched(t *testing.T) {
	clients := Clients{Kube: fake.NewClientset()}
	maps, secrets := configMaps(clients), secrets(clients)
	if got := maps.selector(); got != "" {
		t.Error(got)
	}
	if about := maps.reference(place("home/m"), "uid"); about.Kind != "ConfigMap" || about.APIVersion != "v1" {
		t.Error(about)
	}
	if got := secrets.selector(); got == "" || secrets.never[0] == string(corev1.SecretTypeOpaque) {
		t.Error(got)
	}
}

func TestAStandingCertificateIsNoSource(t *testing.T) {
	meta := metav1.ObjectMeta{Namespace: "home", Name: "m", Labels: map[string]string{labelStanding: "true"}, Annotations: map[string]string{AnnotationKubedSync: ""}}
	if got := readObject(meta, scope{}).role; got != roleForeign {
		t.Errorf("got role %d", got)
	}
	meta.Labels[labelStanding] = "false"
	if got := readObject(meta, scope{}).role; got != roleSource {
		t.Errorf("not a standing certificate: got role %d", got)
	}
	if (policy{metadata: CopyAll}).carries(labelStanding) {
		t.Error("a copy would be one")
	}
}
