package controllers

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

// Template is what is put on a certificate's Secret for those who ask, and kept there.
type Template struct {
	Labels      map[string]string
	Annotations map[string]string
}

// or is what t and next ask for together. Of two values of one key t's counts.
func (t Template) or(next Template) Template {
	return Template{Labels: union(t.Labels, next.Labels), Annotations: union(t.Annotations, next.Annotations)}
}

func union(first, next map[string]string) map[string]string {
	if len(first)+len(next) == 0 {
		return nil
	}
	all := maps.Clone(next)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, first)
	return all
}

func (t Template) equal(o Template) bool {
	return maps.Equal(t.Labels, o.Labels) && maps.Equal(t.Annotations, o.Annotations)
}

// put puts the template on a Secret, and takes from it what an earlier template put there and this one does not. Which
// keys that are is noted on the Secret.
func (t Template) put(s *corev1.Secret) {
	var before templateKeys
	_ = json.Unmarshal([]byte(s.Annotations[AnnotationTemplate]), &before) // what cannot be read is none
	replace(s.Labels, before.Labels, t.Labels)
	replace(s.Annotations, before.Annotations, t.Annotations)
	now := templateKeys{slices.Sorted(maps.Keys(t.Labels)), slices.Sorted(maps.Keys(t.Annotations))}
	text, _ := json.Marshal(now) // strings always marshal
	set(s.Annotations, AnnotationTemplate, string(text), len(now.Labels)+len(now.Annotations) > 0)
}

// templateKeys is the text of [AnnotationTemplate].
type templateKeys struct {
	Labels      []string `json:"labels,omitempty"`
	Annotations []string `json:"annotations,omitempty"`
}

func replace(on map[string]string, before []string, now map[string]string) {
	for _, key := range before {
		if !ours(key) {
			delete(on, key)
		}
	}
	maps.Copy(on, now)
}

// ours reports whether a label or annotation is wildcast's own.
func ours(key string) bool { return strings.HasPrefix(key, "wildcast.dev/") }

// templated reports whether a template may put a label or annotation on a Secret: none of ours, and none that binds the
// Secret to a tool, which would then prune it or take it for its own.
func templated(key string) bool {
	switch key {
	case corev1.LastAppliedConfigAnnotation, "app.kubernetes.io/instance", "app.kubernetes.io/managed-by":
		return false
	}
	prefix, _, _ := strings.Cut(key, "/")
	if prefix == "kubed.appscode.com" {
		return strings.HasPrefix(key, kubedSync) // the others are kubed's marks on what it has seen
	}
	return !ours(key) && !slices.Contains([]string{"argocd.argoproj.io", "meta.helm.sh", "helm.sh"}, prefix)
}

// parseLabels reads labels such as k=v,k2=v2. The error names those that are left out, and the remedy.
func parseLabels(v string) (labels map[string]string, err error) {
	labels = map[string]string{}
	var faults []error
	for _, item := range splitLines(v) {
		key, value, found := strings.Cut(item, "=")
		wrong := slices.Concat(validation.IsQualifiedName(key), validation.IsValidLabelValue(value))
		switch {
		case !found || len(wrong) > 0:
			faults = append(faults, fmt.Errorf("%.100q is no label; write for example team=web,tier=edge", item))
		case !templated(key):
			faults = append(faults, fmt.Errorf("%s would bind the Secret to another tool, or is wildcast's own; remove it", key))
		default:
			labels[key] = value
		}
	}
	return labels, inOneLine(faults)
}
