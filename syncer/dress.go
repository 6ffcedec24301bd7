package syncer

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// This file is about the labels and annotations of copies.

// CopyMetadata says which labels and annotations of a source its copies get.
type CopyMetadata string

const (
	// CopySafe leaves out what binds an object to the tool that manages it: last-applied-configuration, and the
	// marks of Argo CD and Helm.
	CopySafe CopyMetadata = "safe"
	// CopyAll copies all.
	CopyAll CopyMetadata = "all"
	// CopyNone copies none.
	CopyNone CopyMetadata = "none"
)

// dressed reports whether the labels and annotations of a copy are as they should be.
func (p policy) dressed(held, source *object) bool {
	labels, annotations := p.dress(held, source, held.Annotations[AnnotationOrigin], held.hash())
	return maps.Equal(labels, held.Labels) && maps.Equal(annotations, held.Annotations)
}

// dress gives the labels and annotations that held should have: those that a copy of source carries, and those that
// others have put on held. What we put there earlier and would not put there now goes.
func (p policy) dress(held, source *object, origin, hash string) (labels, annotations map[string]string) {
	labels = p.carried(source.Labels)
	labels[LabelOriginNamespace] = LabelValue(source.Namespace)
	labels[LabelOriginName] = LabelValue(source.Name)
	if p.cluster != "" {
		labels[LabelOriginCluster] = LabelValue(p.cluster)
	}
	annotations = p.carried(source.Annotations)
	annotations[AnnotationTarget] = p.at.target(held.Namespace, held.Name)
	annotations[AnnotationOrigin] = origin
	annotations[AnnotationHash] = hash
	if source.rule.Kubed {
		labels[LabelKubedOriginCluster] = LabelValue(p.cluster)
		labels[LabelKubedOriginNamespace] = LabelValue(source.Namespace)
		labels[LabelKubedOriginName] = LabelValue(source.Name)
		annotations[AnnotationKubedOrigin] = origin
	}
	keepOthers(labels, held.Labels, put(held, held.owned.labels, source.Labels))
	keepOthers(annotations, held.Annotations, put(held, held.owned.annotations, source.Annotations))
	if held.is(roleOffered) || held.is(roleCopy) && !p.ours(held, source) {
		delete(annotations, AnnotationAdopt)
	}
	return labels, annotations
}

// handOn dresses a copy that is made in place of another as that one was to be, and notes what of it is others': to the API
// server, who makes an object has put everything on it.
func handOn(bare *metav1.ObjectMeta, labels, annotations map[string]string) {
	delete(annotations, AnnotationKept)
	theirs := append(beyond(labels, bare.Labels), beyond(annotations, bare.Annotations)...)
	bare.Labels, bare.Annotations = labels, annotations
	if len(theirs) > 0 {
		slices.Sort(theirs)
		annotations[AnnotationKept] = strings.Join(slices.Compact(theirs), ",")
	}
}

// beyond are the keys of a map that another one does not have.
func beyond(m, other map[string]string) (keys []string) {
	for key := range m {
		if _, found := other[key]; !found {
			keys = append(keys, key)
		}
	}
	return keys
}

// put gives the test for keys that held got from us, who wrote mine, or from kubed, which copied all that the source has.
// What was handed on when a copy was made is others'.
func put(held *object, mine []string, source map[string]string) func(string) bool {
	kept := parseList(held.Annotations[AnnotationKept])
	return func(key string) bool {
		switch {
		case key == AnnotationKept:
			return !held.is(roleCopy) // a clone's tells nothing of the clone
		case held.is(roleCopy) && slices.Contains(kept, key):
			return false
		}
		_, carried := source[key]
		return slices.Contains(mine, key) || strings.HasPrefix(key, AnnotationKubedOrigin) || carried && held.is(roleKubed)
	}
}

// keepOthers adds to want what is there and was not put there by us.
func keepOthers(want, there map[string]string, ours func(string) bool) {
	for key, value := range there {
		if _, wanted := want[key]; !wanted && !ours(key) {
			want[key] = value
		}
	}
}

// carried are those labels or annotations of a source that its copies get.
func (p policy) carried(from map[string]string) map[string]string {
	to := make(map[string]string, len(from)+3)
	for key, value := range from {
		if p.carries(key) {
			to[key] = value
		}
	}
	return to
}

func (p policy) carries(key string) bool {
	if addressed(key) || p.metadata == CopyNone {
		return false
	}
	return p.metadata == CopyAll || !bound(key)
}

// addressed reports whether a label or annotation tells wildcast, or kubed, how to treat the object that carries it, or
// whence that came. It would be wrong on a copy. What wildcast writes for people is none of these: the names and dates
// of a certificate are as true of a copy.
func addressed(key string) bool {
	switch key {
	case AnnotationAdopt, AnnotationTarget, AnnotationHash, AnnotationKept, annotationRenew, annotationRenewed, annotationTemplate, labelManaged, labelStanding:
		return true
	}
	return strings.HasPrefix(key, AnnotationSync) || strings.HasPrefix(key, AnnotationOrigin) || strings.HasPrefix(key, kubedPrefix)
}

// bound reports whether a label or annotation binds an object to a tool, which would take a copy for its own: prune it,
// or adopt it.
func bound(key string) bool {
	switch key {
	case corev1.LastAppliedConfigAnnotation, "app.kubernetes.io/instance", "app.kubernetes.io/managed-by":
		return true
	}
	prefix, _, _ := strings.Cut(key, "/")
	return prefix == "argocd.argoproj.io" || prefix == "meta.helm.sh" || prefix == "helm.sh"
}

// LabelValue is text as the value of a label: itself up to 63 characters, else its beginning, "-" and 8 digits of a hash.
func LabelValue(text string) string {
	const most, digits = 63, 8
	if len(text) <= most {
		return text
	}
	sum := sha256.Sum256([]byte(text))
	return text[:most-digits-1] + "-" + hex.EncodeToString(sum[:])[:digits]
}
