package lint

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kjson "sigs.k8s.io/json"

	"github.com/wildcast/wildcast/controllers"
)

// object is an object of a kind that wildcast reads.
type object struct {
	*Document
	metav1.Object
	kind string
}

// kinds make an empty object of each kind that wildcast reads.
var kinds = map[string]func() metav1.Object{
	"v1 Secret":                    func() metav1.Object { return &corev1.Secret{} },
	"v1 ConfigMap":                 func() metav1.Object { return &corev1.ConfigMap{} },
	"v1 Namespace":                 func() metav1.Object { return &corev1.Namespace{} },
	"networking.k8s.io/v1 Ingress": func() metav1.Object { return &networkingv1.Ingress{} },

	"gateway.networking.k8s.io/v1 Gateway":      newGateway,
	"gateway.networking.k8s.io/v1beta1 Gateway": newGateway,
	"networking.istio.io/v1 Gateway":            newGateway,
	"networking.istio.io/v1beta1 Gateway":       newGateway,
	"networking.istio.io/v1alpha3 Gateway":      newGateway, // which the API server serves as v1, too
}

// newGateway is not typed: of what a Gateway may hold, its definition decides.
func newGateway() metav1.Object { return &unstructured.Unstructured{} }

// decode reads a document as the API server would with strict validation; nil if it is of another kind. An object that
// cannot be applied is not judged further.
func (d *Document) decode(namespace string) (*object, []Finding) {
	kind, version := d.text("kind"), d.text("apiVersion")
	make := kinds[version+" "+kind]
	if make == nil {
		if kind == "Ingress" && version != "" && (strings.HasPrefix(version, "networking.k8s.io/") || strings.HasPrefix(version, "extensions/")) {
			return nil, []Finding{d.fault("apiVersion %s of Ingress is served no more since Kubernetes 1.22; write networking.k8s.io/v1", version).on("apiVersion")}
		}
		return nil, nil
	}
	if faults := d.strings(kind); len(faults) > 0 {
		return nil, faults
	}
	text, err := json.Marshal(d.content)
	if err != nil {
		return nil, []Finding{d.fault("%v", err).on()}
	}
	o := &object{Document: d, Object: make(), kind: kind}
	strict, err := unmarshal(text, o.Object)
	if err != nil {
		strict = append(strict, err)
	}
	if len(strict) > 0 {
		return nil, d.strictly(strict)
	}
	if o.GetNamespace() == "" && kind != "Namespace" {
		o.SetNamespace(namespace)
	}
	switch object := o.Object.(type) {
	case *corev1.Secret:
		mergeStringData(object)
	case *unstructured.Unstructured:
		o.kind = string(controllers.AskerOfGateway(object).Kind)
	}
	return o, nil
}

// unmarshal decodes as the API server would with strict validation, as far as the object's type is known here.
func unmarshal(text []byte, into metav1.Object) (strict []error, err error) {
	if u, ok := into.(*unstructured.Unstructured); ok {
		return nil, u.UnmarshalJSON(text)
	}
	return kjson.UnmarshalStrict(text, into)
}

// strictly are the faults that strict decoding has found.
func (d *Document) strictly(errs []error) (faults []Finding) {
	for _, err := range errs {
		faults = append(faults, d.misfit(err.Error()))
	}
	return faults
}

// misfits are the decoder's words about a value of another type than the field's.
var misfits = regexp.MustCompile(`^json: cannot unmarshal (\w+).* into Go struct field \w+\.([\w.]+) of type (.*)$`)

// misfit puts what the decoder says of Go's types into words about the file.
func (d *Document) misfit(text string) Finding {
	if _, path, found := strings.Cut(text, `unknown field "`); found {
		path = strings.TrimSuffix(path, `"`)
		return d.fault("there is no field %s; correct or remove it", path).on(strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' })...)
	}
	found := misfits.FindStringSubmatch(text)
	switch {
	case found == nil:
		return d.fault("%s", text).on()
	case found[3] == "string" && found[1] != "object" && found[1] != "array":
		return d.fault("%s: the value is no string; put it into quotes", found[2]).on(strings.Split(found[2], ".")...)
	}
	return d.fault("%s: the value is of the wrong type, %s; see: kubectl explain %s.%s", found[2], found[1], strings.ToLower(d.text("kind")), found[2]).on(strings.Split(found[2], ".")...)
}

// stringMaps are the maps whose values must be strings, by kind; those of the empty kind are in all.
var stringMaps = map[string][][]string{
	"":          {{"metadata", "labels"}, {"metadata", "annotations"}},
	"Secret":    {{"data"}, {"stringData"}},
	"ConfigMap": {{"data"}},
}

// strings finds values that should be strings and are not, such as true without quotes, and data of Secrets that is not
// base64.
func (d *Document) strings(kind string) (faults []Finding) {
	for _, path := range slices.Concat(stringMaps[""], stringMaps[kind]) {
		values, _ := d.at(path...).(map[string]any)
		for key, value := range values {
			at := append(slices.Clone(path), key)
			text, isString := value.(string)
			switch _, wrong := base64.StdEncoding.DecodeString(text); {
			case value == nil:
			case !isString:
				faults = append(faults, d.fault("%s: the value is no string; put it into quotes", key).on(at...))
			case kind == "Secret" && path[0] == "data" && wrong != nil:
				faults = append(faults, d.fault("%s: the value is not base64; encode it, or write it as it is under stringData", key).on(at...))
			}
		}
	}
	return faults
}

func mergeStringData(s *corev1.Secret) {
	if s.Data == nil {
		s.Data = map[string][]byte{}
	}
	for key, value := range s.StringData {
		s.Data[key] = []byte(value)
	}
}

// fault is that an object cannot be applied.
func (d *Document) fault(format string, args ...any) *located {
	return &located{d, Finding{
		File: d.File, Kind: d.text("kind"), Namespace: d.text("metadata", "namespace"), Name: d.text("metadata", "name"),
		Reason: Malformed, Message: fmt.Sprintf(format, args...),
	}}
}

type located struct {
	d *Document
	Finding
}

// on says where a finding is.
func (l *located) on(path ...string) Finding {
	l.Line = l.d.Line(path...)
	return l.Finding
}
