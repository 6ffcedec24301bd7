package reflection

import (
	"encoding/base64"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/wildcast/wildcast/syncer"
)

// drift is a way in which somebody changes a copy, and what its repair takes.
type drift struct {
	name  string
	do    func(s *story, copy place)
	takes tally // nil: one look at the copy's data, and one update
	of    kind  // only of these; empty: of both
	mark  like  // of the source, for the copy's namespace; nil: ours
	down  bool  // only while wildcast is down: kubectl deletes the copy, and would wait for its end for ever
}

func (d drift) cost() tally {
	if d.takes == nil {
		return tally{"get": 1, "update": 1}
	}
	return d.takes
}

// marked makes an object the source of the copy.
func (d drift) marked(source *corev1.Secret) {
	if d.mark == nil {
		d.mark = to("team=web")
	}
	d.mark(source)
}

var (
	seen     = tally{"update": 1} // metadata says all: there is no need to look at the data
	replaced = tally{"get": 1, "delete": 1, "create": 1}
)

// drifts are all ways to change a copy that we know of. Its keys are key: one, more: 1, and
// blob, which is no text and so in binaryData if it is a ConfigMap.
var drifts = []drift{
	{name: "a value changed by an update", do: editing(holding("key", "two"))},
	{name: "a value emptied", do: editing(holding("key", ""))},
	{name: "a key added", do: editing(holding("added", "1"))},
	{name: "a key removed", do: editing(lacking("more"))},
	{name: "a key renamed", do: editing(lacking("more"), holding("renamed", "1"))},
	{name: "a binary value changed", do: editing(holding("blob", "\xff2"))},
	{name: "a binary key added", do: editing(holding("added", "\xff"))},
	{name: "a text made binary", do: editing(holding("key", "\xff"))},
	{name: "a binary value made text", do: editing(holding("blob", "1"))},
	{name: "a text moved to binaryData", of: configMaps, do: editing(binary("key", "one"))},
	{name: "all keys removed", do: editing(func(o *corev1.Secret) { o.Data = nil })},
	{name: "immutable set", do: editing(immutable), takes: replaced},
	{name: "immutable set with another value", do: editing(immutable, holding("key", "two")), takes: replaced},

	{name: "a label of ours removed", do: editing(func(o *corev1.Secret) { delete(o.Labels, syncer.LabelOriginName) }), takes: seen},
	{name: "a label of ours changed", do: editing(labelled(syncer.LabelOriginCluster, "elsewhere")), takes: seen},
	{name: "a label of the source changed", do: editing(labelled("tier", "lead")), takes: seen},
	{name: "an annotation of the source removed", do: editing(unannotated("example.com/note")), takes: seen},
	{name: "the hash changed", do: editing(annotated(syncer.AnnotationHash, "0-0")), takes: seen},
	{name: "the hash removed", do: editing(unannotated(syncer.AnnotationHash)), takes: seen},
	{name: "the UID in the origin changed", do: editing(inOrigin(`"uid":"`, `"uid":"x`)), takes: seen},
	{name: "the resourceVersion in the origin changed", do: editing(inOrigin(`"resourceVersion":"`, `"resourceVersion":"1`)), takes: seen},
	{name: "the name in the origin changed", do: editing(inOrigin(`"name":"`, `"name":"x`)), takes: seen},

	{name: "a value changed by a merge patch", do: patching(types.MergePatchType, `{"data":{"key":"dHdv"}}`)},
	{name: "a value changed by a JSON patch", do: patching(types.JSONPatchType, `[{"op":"replace","path":"/data/key","value":"dHdv"}]`)},
	{name: "a value changed and managedFields cleared", do: patching(types.JSONPatchType,
		`[{"op":"replace","path":"/data/key","value":"dHdv"},{"op":"replace","path":"/metadata/managedFields","value":[{}]}]`)},
	{name: "a value applied on the server", of: secrets, do: applying(applycorev1.Secret("", "").WithData(map[string][]byte{"key": []byte("two")}))},
	{name: "a text applied on the server", of: secrets, do: applying(applycorev1.Secret("", "").WithStringData(map[string]string{"key": "two"}))},
	{name: "a key applied on the server", of: secrets, do: applying(applycorev1.Secret("", "").WithStringData(map[string]string{"added": "two"}))},

	{name: "a value changed by kubectl patch", of: secrets, do: func(s *story, copy place) {
		s.kubectl("", "patch", "secret", copy.Name, "-n", copy.Namespace, "-p", `{"stringData":{"key":"two"}}`)
	}},
	{name: "a value changed by kubectl apply", do: func(s *story, copy place) {
		s.kubectl(s.manifest(copy), "apply", "-f", "-")
	}},
	{name: "a value changed by kubectl apply on the server", do: func(s *story, copy place) {
		s.kubectl(s.manifest(copy), "apply", "--server-side", "--force-conflicts", "-f", "-")
	}},
	{name: "a value changed in an editor", do: func(s *story, copy place) {
		s.Setenv("KUBE_EDITOR", "sed -i "+map[kind]string{secrets: "s/b25l/dHdv/", configMaps: "s/one/two/"}[s.kind])
		s.kubectl("", "edit", string(s.kind), copy.Name, "-n", copy.Namespace)
	}},
	{name: "a value changed by kubectl replace", do: func(s *story, copy place) {
		s.kubectl(s.yaml(copy, s.text("one"), s.text("two")), "replace", "-f", "-")
	}},

	{name: "a value changed, in kubed's dialect", mark: kubedTo("team=web"), do: editing(holding("key", "two"))},
	{name: "a label of kubed's removed", mark: kubedTo("team=web"), takes: seen,
		do: editing(func(o *corev1.Secret) { delete(o.Labels, syncer.LabelKubedOriginName) })},
	{name: "kubed's origin changed", mark: kubedTo("team=web"), takes: seen, do: editing(annotated(syncer.AnnotationKubedOrigin, "{}"))},
	{name: "deleted, in kubed's dialect", mark: kubedTo("team=web"), takes: tally{"create": 1}, do: func(s *story, copy place) { s.remove(copy) }},

	{name: "deleted", takes: tally{"create": 1}, do: func(s *story, copy place) { s.remove(copy) }},
	{name: "a value changed by kubectl replace with force", down: true, do: func(s *story, copy place) {
		s.kubectl(s.yaml(copy, s.text("one"), s.text("two")), "replace", "--force", "-f", "-")
	}},
	{name: "the type changed by kubectl replace with force", of: secrets, down: true, takes: replaced, do: func(s *story, copy place) {
		s.kubectl(s.yaml(copy, "type: Opaque", "type: example.com/own"), "replace", "--force", "-f", "-")
	}},
}

func editing(how ...like) func(*story, place) {
	return func(s *story, copy place) { s.edit(copy, how...) }
}

// inOrigin changes the text of the origin annotation.
func inOrigin(old, new string) like {
	return func(o *corev1.Secret) {
		annotated(syncer.AnnotationOrigin, strings.Replace(o.Annotations[syncer.AnnotationOrigin], old, new, 1))(o)
	}
}

func patching(how types.PatchType, patch string) func(*story, place) {
	return func(s *story, copy place) {
		s.Helper()
		_, err := s.objects(copy.Namespace).Patch(s.Context(), copy.Name, how, []byte(patch), metav1.PatchOptions{})
		s.must(err)
	}
}

func applying(what *applycorev1.SecretApplyConfiguration) func(*story, place) {
	return func(s *story, copy place) {
		s.Helper()
		_, err := s.kube.CoreV1().Secrets(copy.Namespace).Apply(s.Context(), what.WithNamespace(copy.Namespace).WithName(copy.Name),
			metav1.ApplyOptions{FieldManager: "user", Force: true})
		s.must(err)
	}
}

// manifest is what a user keeps in a repository.
func (s *story) manifest(of place) string {
	kind := map[kind]string{secrets: "Secret", configMaps: "ConfigMap"}[s.kind]
	return fmt.Sprintf("apiVersion: v1\nkind: %s\nmetadata: {namespace: %s, name: %s}\ndata: {key: dHdv}\n", kind, of.Namespace, of.Name)
}

// text is the line of the key with a value, as kubectl prints it.
func (s *story) text(value string) string {
	if s.kind == secrets {
		value = base64.StdEncoding.EncodeToString([]byte(value))
	}
	return "key: " + value + "\n"
}

// yaml is what kubectl prints of an object, with a change.
func (s *story) yaml(of place, old, new string) string {
	s.Helper()
	text := s.kubectl("", "get", string(s.kind), of.Name, "-n", of.Namespace, "-o", "yaml")
	if !strings.Contains(text, old) {
		s.Fatalf("%q is not in\n%s", old, text)
	}
	return strings.ReplaceAll(text, old, new)
}
