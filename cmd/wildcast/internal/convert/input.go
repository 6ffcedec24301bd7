package convert

import (
	"encoding/base64"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// cert-manager's API groups, those of Gateways, and kubed's prefix.
const (
	groupCertManager = "cert-manager.io"
	groupOld         = "certmanager.k8s.io"
	groupGateway     = "gateway.networking.k8s.io"
	groupIstio       = "networking.istio.io"
	kubedPrefix      = "kubed.appscode.com/"
)

// input is one object of the input and what has been read of it.
type input struct {
	*fields
	content             map[string]any
	group, kind         string
	name                types.NamespacedName
	labels, annotations map[string]string
	owners              []owner
	used                bool // it went into what was made
	emitted             bool // it is among the output, changed
}

type owner struct{ kind, name string }

// serverNoise is what the API server, controllers and kubectl write into an object that says nothing of what was wanted.
var serverNoise = []string{"uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink", "finalizers",
	"generateName", "deletionTimestamp", "deletionGracePeriodSeconds"}

// newInput reads what all objects have. Objects of a cluster's own have no namespace; others that name none are in the
// given one.
func newInput(o Object, remarks *[]Remark, namespace string) *input {
	in := &input{fields: newFields(notes{to: remarks, file: o.File}, "", o.Content), content: o.Content}
	in.group, _, _ = strings.Cut(in.text("apiVersion"), "/")
	in.kind = in.text("kind")
	in.skip("status")
	meta := in.sub("metadata")
	meta.skip(serverNoise...)
	in.name = types.NamespacedName{Namespace: meta.text("namespace"), Name: meta.text("name")}
	if in.kind == "ClusterIssuer" || in.kind == "Namespace" {
		in.name.Namespace = ""
	} else if in.name.Namespace == "" {
		in.name.Namespace = namespace
	}
	in.labels, in.annotations = meta.texts("labels"), meta.texts("annotations")
	for _, o := range meta.subs("ownerReferences") {
		in.owners = append(in.owners, owner{o.text("kind"), o.text("name")})
		o.skip(slices.Collect(maps.Keys(o.all))...)
	}
	in.notes.object = in.kind + " " + strings.TrimPrefix(in.name.String(), "/")
	rebind(in.fields, in.notes)
	return in
}

// rebind gives the fields read so far the object's name, which was not known before.
func rebind(f *fields, n notes) {
	f.notes = n
	for _, below := range f.below {
		rebind(below, n)
	}
}

// unreadIf reports the fields that nobody has read, if it is so.
func (in *input) unreadIf(so bool) {
	if so {
		in.unread()
	}
}

// ofCertManager reports whether it is an object of cert-manager's API of that kind.
func (in *input) ofCertManager(kind string) bool {
	return in.kind == kind && (in.group == groupCertManager || in.group == groupOld)
}

// isGateway reports whether it is a Gateway of the Gateway API. cert-manager knows no others.
func (in *input) isGateway() bool { return in.kind == "Gateway" && in.group == groupGateway }

// asksByAnnotation reports whether it is of a kind whose annotations ask for certificates.
func (in *input) asksByAnnotation() bool { return in.kind == "Ingress" || in.isGateway() }

// isSecret reports whether it is a Secret.
func (in *input) isSecret() bool { return in.kind == "Secret" && in.group == "v1" }

// data is a Secret's, decoded.
func (in *input) data() map[string]string {
	found := in.texts("stringData")
	for key, encoded := range in.texts("data") {
		if _, there := found[key]; !there {
			found[key], _ = decode(encoded) // the API server would not have taken anything else
		}
	}
	return found
}

// ownedBy reports whether an owner of that kind has made it.
func (in *input) ownedBy(kind string) bool {
	return slices.ContainsFunc(in.owners, func(o owner) bool { return o.kind == kind })
}

// toolMarks are the beginnings of labels and annotations by which tools know what they have applied themselves.
var toolMarks = []string{corev1.LastAppliedConfigAnnotation, "meta.helm.sh/", "helm.sh/", "argocd.argoproj.io/", "app.kubernetes.io/managed-by",
	"app.kubernetes.io/instance", "kustomize.toolkit.fluxcd.io/", "helm.toolkit.fluxcd.io/"}

func isToolMark(key string) bool {
	return slices.ContainsFunc(toolMarks, func(mark string) bool { return strings.HasPrefix(key, mark) })
}

// untooled is a mapping without tools' marks.
func untooled(from map[string]string) map[string]string {
	to := maps.Clone(from)
	maps.DeleteFunc(to, func(key, _ string) bool { return isToolMark(key) })
	return to
}

// decode reads base64.
func decode(encoded string) (string, error) {
	text, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(encoded), ""))
	return string(text), err
}
