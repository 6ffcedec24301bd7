package controllers

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// This file is about Secrets that change hands, as when an Ingress turns from a shared certificate to one with exactly its
// hosts, or back. What is there serves until it is replaced, in one write:
//
//	there                           asked for                →
//	copy of a shared certificate    copy of another one      the syncer keeps it, see Keeps, and writes the other over it
//	copy of a shared certificate    certificate of its own   the syncer keeps it, and the certificate is written over it
//	certificate of its own          copy of a shared one     it is handed over to the syncer, which writes the copy over it

// outlived reports whether a Secret is the copy of a shared certificate that was asked for under this name, and is no more.
func (c *Controller) outlived(s *corev1.Secret) bool {
	if s == nil || s.Annotations[annotationTarget] != nameOf(s).String() {
		return false
	}
	var origin struct{ Namespace, Name string }
	if err := json.Unmarshal([]byte(s.Annotations[annotationOrigin]), &origin); err != nil || origin.Name == s.Name {
		return false
	}
	return c.caches.managed.get(types.NamespacedName{Namespace: origin.Namespace, Name: origin.Name}) != nil && len(c.Requested(nameOf(s))) == 0
}

// emptied is a copy as a Secret that was handed over and holds nothing: what is written over it keeps only what others have
// put on it.
func emptied(s *corev1.Secret) *corev1.Secret {
	s = s.DeepCopy()
	s.Data = nil
	mark := func(key, _ string) bool { return ours(key) || strings.HasPrefix(key, "kubed.appscode.com/") }
	maps.DeleteFunc(s.Labels, mark)
	maps.DeleteFunc(s.Annotations, mark)
	s.Annotations[AnnotationAdopt] = "true"
	return s
}

// handOver gives a certificate's Secret that nobody asks for any more to the syncer, if a copy of another certificate is
// requested in its place. It is removed all the same if that never comes.
func (c *Controller) handOver(ctx context.Context, v *view) error {
	_, shared := v.secret.Annotations[AnnotationSync]
	made := v.record.have()
	own := made != nil && made.Serial == v.have().Serial // and no clone that somebody made of one
	if shared || !own || v.have().Adopted || len(c.Requested(v.name)) == 0 {
		return nil
	}
	s := v.secret.DeepCopy()
	metav1.SetMetaDataAnnotation(&s.ObjectMeta, AnnotationAdopt, "true")
	if _, err := c.kube.CoreV1().Secrets(s.Namespace).Update(ctx, s, metav1.UpdateOptions{FieldManager: fieldManager}); err != nil {
		return fmt.Errorf("hand over secret %s: %w", v.name, err)
	}
	c.log.Info("Handed over Secret to the copy that is requested in its place", zap.String("certificate", v.name.String()))
	return nil
}
