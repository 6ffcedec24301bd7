package convert

import (
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/wildcast/wildcast/syncer"
)

// isSource reports whether kubed copies the object. The Secret of a certificate is not one of those: what asks for it says
// where its copies go.
func (c *converter) isSource(in *input) bool {
	_, sync := in.annotations[kubedSync]
	_, contexts := in.annotations[kubedSyncContexts]
	return (in.isSecret() || in.kind == "ConfigMap" && in.group == "v1") && (sync || contexts) && c.kept[in.name] == nil && !in.kubedCopy()
}

// kubedCopy reports whether kubed has made the object from another one.
func (in *input) kubedCopy() bool {
	var origin struct{ Namespace, Name string }
	text, found := in.annotations[kubedOrigin]
	return found && json.Unmarshal([]byte(text), &origin) == nil && types.NamespacedName(origin) != in.name
}

// source is a source with wildcast's annotations instead of kubed's.
func (c *converter) source(in *input) []map[string]any {
	if c.KeepKubed {
		in.note("metadata.annotations", "kubed's annotations are kept: wildcast reads them")
		return []map[string]any{in.clean(in.annotations)}
	}
	annotations := map[string]string{}
	for key, value := range in.annotations {
		annotations[key] = value
	}
	c.replace(in, annotations, kubedSync, syncer.AnnotationSync)
	c.replace(in, annotations, kubedSyncContexts, syncer.AnnotationSyncContexts)
	return []map[string]any{in.clean(annotations)}
}

// replace puts wildcast's annotation in the place of kubed's, where it means the same.
func (c *converter) replace(in *input, annotations map[string]string, kubeds, ours string) {
	value, found := annotations[kubeds]
	path := "metadata.annotations[" + kubeds + "]"
	if !found {
		return
	}
	if _, there := annotations[ours]; there {
		delete(annotations, kubeds)
		in.note(path, "left out: %s is there, and decides", ours)
		return
	}
	if kubeds == kubedSync && value == "false" {
		in.note(path, "kept: wildcast reads it as kubed does%s", odd(value))
		return
	}
	delete(annotations, kubeds)
	annotations[ours] = value
	in.note(path, "it is %s now, with the same meaning. Copies no longer carry kubed's labels; leave the annotation (--keep-kubed) if something selects by them", ours)
}

// odd is what to know about a value that means to kubed what nobody expects.
func odd(selector string) string {
	if selector != "false" {
		return ""
	}
	return `: to it "false" selects the namespaces that have a label "false"; for no copies, remove it`
}

// clean is the object as somebody would write it, with these annotations.
func (in *input) clean(annotations map[string]string) map[string]any {
	object := runtime.DeepCopyJSON(in.content)
	delete(object, "status")
	meta := object["metadata"].(map[string]any)
	for _, key := range serverNoise {
		delete(meta, key)
	}
	delete(meta, "ownerReferences")
	meta["namespace"] = in.name.Namespace
	delete(meta, "annotations")
	kept := map[string]any{}
	for key, value := range annotations {
		if key != corev1.LastAppliedConfigAnnotation {
			kept[key] = value
		}
	}
	if len(kept) > 0 {
		meta["annotations"] = kept
	}
	for _, o := range in.owners {
		in.note("metadata.ownerReferences", "left out: %s", fmt.Sprintf("%s %s", o.kind, o.name))
	}
	return object
}
