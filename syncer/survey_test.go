package syncer

import (
	"maps"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
)

// metaAt is metadata at namespace/name.
func metaAt(at, uid string, annotations map[string]string) *metav1.PartialObjectMetadata {
	namespace, name, _ := strings.Cut(at, "/")
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		Namespace: namespace, Name: name, UID: types.UID(uid), ResourceVersion: "9", Annotations: annotations,
		CreationTimestamp: metav1.NewTime(time.Unix(1000, 0)),
	}}
}

// copyAt is a copy of a source in an earlier state, with data and dress as they should be.
func copyAt(at string, source *metav1.PartialObjectMetadata, data payload) *metav1.PartialObjectMetadata {
	held := metaAt(at, at, nil)
	from := origin{source.Namespace, source.Name, source.UID, "1"}
	rule, _ := ParseRule(source.Name, source.Annotations)
	o := &object{ObjectMeta: source.ObjectMeta, rule: rule, role: roleSource}
	bare := &object{ObjectMeta: held.ObjectMeta}
	held.Labels, held.Annotations = policy{cluster: "here", metadata: CopySafe}.dress(bare, o, from.String(), data.hash(source.UID))
	return held
}

func TestASurveyTellsTheStateOfEachCopy(t *testing.T) {
	web := map[string]string{"team": "web"}
	var namespaces []*corev1.Namespace
	for name, labels := range map[string]map[string]string{
		"home": nil, "ops": nil, "blue": web, "red": web, "green": web, "grey": web, "shut": {"team": "web", LabelSync: "false"},
	} {
		namespaces = append(namespaces, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}})
	}
	source := metaAt("home/s", "s", map[string]string{AnnotationSync: "team=web"})
	younger := metaAt("home/x", "x", map[string]string{AnnotationSync: "team=web", AnnotationSyncAs: "s"})
	younger.CreationTimestamp = metav1.NewTime(time.Unix(2000, 0))
	right := payload{Type: "Opaque", Data: map[string][]byte{"k": []byte("v")}}
	old := payload{Type: "Opaque", Data: map[string][]byte{"k": []byte("w")}}
	kube := fake.NewClientset(&corev1.Secret{ObjectMeta: source.ObjectMeta, Type: "Opaque", Data: right.Data})

	s, err := NewSurvey(Config{Kind: Secrets, Clients: Clients{Kube: kube}, ClusterName: "here"}, namespaces)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []*metav1.PartialObjectMetadata{
		source, younger, copyAt("blue/s", source, right), copyAt("grey/s", source, old), copyAt("ops/s", source, right), metaAt("green/s", "theirs", nil),
		copyAt("blue/o", metaAt("home/gone", "gone", map[string]string{AnnotationSync: ""}), right), metaAt("home/broken", "b", map[string]string{AnnotationSync: "a in ("}),
		metaAt("ops/k", "k", map[string]string{AnnotationKubedOrigin: `{"namespace":"home","name":"k","uid":"u","resourceVersion":"1"}`}),
		metaAt("blue/nothing", "n", nil),
	} {
		s.Take(o)
	}
	if err := s.Fill(""); err != nil {
		t.Fatal(err)
	}
	states := func() map[string]TargetState {
		found := map[string]TargetState{}
		for _, source := range s.Sources() {
			for _, target := range source.Targets {
				found[source.Name.Name+" "+target.At.String()] = target.State
			}
			if source.Wrong != nil {
				found[source.Name.Name] = "wrong"
			}
		}
		for _, target := range s.Strays() {
			found["stray "+target.At.String()] = target.State
		}
		return found
	}
	want := map[string]TargetState{
		"s blue/s": Behind, "s grey/s": Behind, "s red/s": Missing, "s green/s": Blocked, "s ops/s": Leaving,
		"x blue/s": Beaten, "x grey/s": Beaten, "x red/s": Beaten, "x green/s": Beaten,
		"broken": "wrong", "stray blue/o": Leaving, "stray ops/k": Kubeds,
	}
	if got := states(); !maps.Equal(got, want) {
		t.Errorf("by metadata alone\n%v\nwant\n%v", got, want)
	}
	if err := s.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	want["s blue/s"] = Synced
	if got := states(); !maps.Equal(got, want) {
		t.Errorf("with the source's data\n%v\nwant\n%v", got, want)
	}
	if reads := len(kube.Actions()); reads != 1 {
		t.Errorf("%d requests, want one for the source whose copies are not what it is: %v", reads, kube.Actions())
	}
	if _, found := s.At(ref{Namespace: "shut", Name: "s"}); found {
		t.Error("there is something in a namespace that has opted out")
	}
	if !s.Foreign(ref{Namespace: "green", Name: "s"}) || s.Foreign(ref{Namespace: "home", Name: "s"}) {
		t.Error("what is foreign is not told from what is not")
	}
}

func TestASurveyTellsOfASourceThatHasNoneOfTheKeysThatItLists(t *testing.T) {
	source := metaAt("home/s", "s", map[string]string{AnnotationSync: "team=web", AnnotationSyncKeys: "typo"})
	right := payload{Type: "Opaque", Data: map[string][]byte{"k": []byte("v")}}
	kube := fake.NewClientset(&corev1.Secret{ObjectMeta: source.ObjectMeta, Type: "Opaque", Data: right.Data})
	namespaces := []*corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "home"}}, {ObjectMeta: metav1.ObjectMeta{Name: "blue", Labels: map[string]string{"team": "web"}}}}
	s, err := NewSurvey(Config{Kind: Secrets, Clients: Clients{Kube: kube}, ClusterName: "here"}, namespaces)
	if err != nil {
		t.Fatal(err)
	}
	s.Take(source)
	s.Take(copyAt("blue/s", source, right))
	if err := s.Fill(""); err != nil {
		t.Fatal(err)
	}
	if err := s.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	found := s.Sources()[0]
	if found.Wrong == nil || found.Wrong.Reason != ReasonInvalidSyncKeys || len(found.Targets) != 1 || found.Targets[0].State != Kept {
		t.Errorf("%+v", found)
	}
}
