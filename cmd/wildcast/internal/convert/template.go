package convert

import (
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/controllers"
)

// kubed's annotations.
const (
	kubedSync         = kubedPrefix + "sync"
	kubedSyncContexts = kubedPrefix + "sync-contexts"
	kubedOrigin       = kubedPrefix + "origin"
)

// template is what the ConfigMap of a standing certificate carries: the labels and annotations for the Secret. Those of the
// Certificate itself would go there too.
func (c *converter) template(in *input, w *wish, f *fields) metadata {
	meta := metadata{f.texts("labels"), f.texts("annotations")}
	c.copies(in, w, meta.annotations)
	for _, part := range []struct {
		name string
		all  map[string]string
	}{{"labels", meta.labels}, {"annotations", meta.annotations}} {
		for _, key := range slices.Sorted(maps.Keys(part.all)) {
			if isToolMark(key) || strings.HasPrefix(key, "wildcast.dev/") {
				delete(part.all, key)
				f.lost(f.path(part.name)+"["+key+"]", "it would make a tool take the Secret for its own")
			}
		}
	}
	meta.labels[controllers.LabelCertificate] = "true"
	c.ownMarks(in)
	return meta
}

// copies makes the key sync of kubed's annotation, that of the template or one that somebody put on the Secret. In the home
// namespace the issuer's sync would count without it, and cert-manager copies nothing.
func (c *converter) copies(in *input, w *wish, annotations map[string]string) {
	selector, found := annotations[kubedSync]
	path := "spec.secretTemplate.annotations[" + kubedSync + "]"
	if held := c.secrets[types.NamespacedName{Namespace: in.name.Namespace, Name: in.sub("spec").text("secretName")}]; !found && held != nil {
		selector, found = held.annotations[kubedSync]
		path = "spec.secretName"
	}
	if _, contexts := annotations[kubedSyncContexts]; contexts {
		in.note("spec.secretTemplate.annotations["+kubedSyncContexts+"]", "kept: wildcast reads it, with --contexts-kubeconfig")
	}
	switch {
	case found && (c.KeepKubed || selector == "false"):
		annotations[kubedSync] = selector
		in.note(path, "kept: wildcast reads it as kubed does%s", odd(selector))
	case found:
		delete(annotations, kubedSync)
		w.data["sync"] = selector
		in.note(path, "its key sync is %q, which means the same", selector)
	case in.name.Namespace == c.Home:
		w.data["sync"] = "false"
	}
}

// ownMarks tells what becomes of the labels and annotations of a Certificate: nothing, since they would go onto the Secret.
func (c *converter) ownMarks(in *input) {
	in.tools()
	for _, part := range []struct {
		name string
		all  map[string]string
	}{{"labels", in.labels}, {"annotations", in.annotations}} {
		for _, key := range slices.Sorted(maps.Keys(untooled(part.all))) {
			in.lost("metadata."+part.name+"["+key+"]", "what is on a standing certificate goes onto its Secret, where this was not")
		}
	}
}

// tools tells which marks of tools were left out.
func (in *input) tools() {
	var marks []string
	for _, all := range []map[string]string{in.labels, in.annotations} {
		for key := range all {
			if isToolMark(key) {
				marks = append(marks, key)
			}
		}
	}
	slices.Sort(marks)
	if len(marks) > 0 {
		in.note("metadata", "left out, since tools know by it what they applied: %s", strings.Join(marks, ", "))
	}
}
