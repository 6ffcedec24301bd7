package lint

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/wildcast/wildcast/controllers"
	"github.com/wildcast/wildcast/syncer"
)

// Finding is something that wildcast would not understand, or not do.
type Finding struct {
	File      string `json:"file"`
	Line      int    `json:"line"`
	Kind      string `json:"kind,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
	Reason    string `json:"reason"` // of the Event that wildcast would emit, or one of those below
	Message   string `json:"message"`
}

// Reasons of findings for which wildcast emits no Event.
const (
	Malformed   = "Malformed"   // the API server would refuse the object
	UnknownName = "UnknownName" // a label, an annotation or a Secret's type of wildcast that means nothing
)

// Config is how wildcast is going to be run.
type Config struct {
	Namespace string // of objects that name none
	controllers.Config
}

// Check looks at the objects of files. It returns how many of them concern wildcast, and what is wrong with them, by file
// and line.
func Check(files Files, c Config) (concerned int, findings []Finding, err error) {
	findings = slices.Clone(files.Faults)
	var all []*object
	for _, d := range files.Documents {
		o, faults := d.decode(c.Namespace)
		findings = append(findings, faults...)
		if o != nil {
			all = append(all, o)
		}
	}
	survey, err := controllers.NewSurvey(c.Config, objectsOf(all), true)
	if err != nil {
		return 0, nil, err
	}
	for _, p := range survey.Problems() {
		if o := find(all, string(p.Object.Kind), p.Object.Namespace, p.Object.Name); o != nil {
			findings = append(findings, o.finding(p.Reason, p.Note))
		}
	}
	for _, o := range all {
		findings = append(findings, o.asSource()...)
		findings = append(findings, o.unknownNames()...)
		if o.concerns() {
			concerned++
		}
	}
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), strings.Compare(a.Message, b.Message))
	})
	return concerned, slices.Compact(findings), nil
}

func objectsOf(all []*object) (objects controllers.Objects) {
	for _, o := range all {
		switch object := o.Object.(type) {
		case *corev1.Namespace:
			objects.Namespaces = append(objects.Namespaces, object)
		case *networkingv1.Ingress:
			objects.Ingresses = append(objects.Ingresses, object)
		case *unstructured.Unstructured:
			objects.Gateways = append(objects.Gateways, object)
		case *corev1.Secret:
			objects.Secrets = append(objects.Secrets, object)
		case *corev1.ConfigMap:
			objects.ConfigMaps = append(objects.ConfigMaps, object)
		}
	}
	return objects
}

// find returns the last object of that name, which is the one that would stay.
func find(all []*object, kind, namespace, name string) *object {
	for _, o := range slices.Backward(all) {
		if o.kind == kind && o.GetNamespace() == namespace && o.GetName() == name {
			return o
		}
	}
	return nil
}

func (o *object) finding(reason, message string) Finding {
	return Finding{File: o.File, Line: o.lineOf(message), Kind: o.kind, Namespace: o.GetNamespace(), Name: o.GetName(), Reason: reason, Message: message}
}

// entry is how a problem begins that is about one entry of spec.tls, or one listener or server of a Gateway.
var entry = regexp.MustCompile(`^spec\.(tls|listeners|servers)\[(\d+)\]: `)

// lineOf is where the key stands that a message is about: the one that it begins with, or the first annotation that it
// names.
func (o *object) lineOf(message string) int {
	if found := entry.FindStringSubmatch(message); found != nil {
		return o.Line("spec", found[1], found[2])
	}
	keys, _, _ := strings.Cut(message, ": ")
	words := strings.FieldsFunc(keys, func(r rune) bool { return r == ' ' || r == ',' })
	for _, key := range words {
		for _, under := range []string{"stringData", "data"} {
			if o.has(under, key) {
				return o.Line(under, key)
			}
		}
	}
	first, longest, line := len(message), 0, o.Line("metadata", "name")
	for _, under := range []string{"annotations", "labels"} {
		values, _ := o.at("metadata", under).(map[string]any)
		for key := range values {
			at := strings.Index(message, key)
			if at >= 0 && (at < first || at == first && len(key) > longest) { // one key may begin as another does
				first, longest, line = at, len(key), o.Line("metadata", under, key)
			}
		}
	}
	return line
}

// asSource judges the annotations of what is to be copied.
func (o *object) asSource() []Finding {
	if o.kind != string(syncer.Secrets) && o.kind != string(syncer.ConfigMaps) || o.GetLabels()[controllers.LabelCertificate] == "true" {
		return nil
	}
	_, err := syncer.ParseRule(o.GetName(), o.GetAnnotations())
	if wrong, ok := errors.AsType[*syncer.RuleError](err); ok {
		return []Finding{o.finding(wrong.Reason, wrong.Detail)}
	}
	return nil
}

// unknownNames finds labels, annotations and types of ours that mean nothing: most are misspelt.
func (o *object) unknownNames() (findings []Finding) {
	for under, names := range map[string]map[string]string{"label": o.GetLabels(), "annotation": o.GetAnnotations()} {
		for name := range names {
			if strings.HasPrefix(name, syncer.Prefix) && !slices.Contains(Names, name) {
				f := o.finding(UnknownName, fmt.Sprintf("%s %s means nothing to this version; correct or remove it", under, name))
				f.Line = o.Line("metadata", under+"s", name)
				findings = append(findings, f)
			}
		}
	}
	s, isSecret := o.Object.(*corev1.Secret)
	if isSecret && strings.HasPrefix(string(s.Type), syncer.Prefix) && !slices.Contains(types, s.Type) {
		f := o.finding(UnknownName, fmt.Sprintf("type %s means nothing to this version; write %s or %s", s.Type, controllers.TypeIssuer, controllers.TypeSolver))
		f.Line = o.Line("type")
		findings = append(findings, f)
	}
	return findings
}

// types are the types of wildcast's Secrets.
var types = []corev1.SecretType{controllers.TypeIssuer, controllers.TypeSolver, controllers.TypeAccount, controllers.TypeOrder}

// concerns reports whether wildcast reads an object.
func (o *object) concerns() bool {
	mine := func(name string) bool {
		return strings.HasPrefix(name, syncer.Prefix) || strings.HasPrefix(name, "kubed.appscode.com/") || name == controllers.AnnotationTLSACME
	}
	names := slices.Concat(slices.Collect(maps.Keys(o.GetAnnotations())), slices.Collect(maps.Keys(o.GetLabels())))
	s, isSecret := o.Object.(*corev1.Secret)
	return isSecret && mine(string(s.Type)) || slices.ContainsFunc(names, mine)
}
