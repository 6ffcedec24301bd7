package reflection

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/wildcast/wildcast/e2e/stage"
	"github.com/wildcast/wildcast/syncer"
)

// copied waits until there is an exact copy of a source in each of the namespaces, under the source's name.
func (s *story) copied(source place, namespaces ...string) {
	s.Helper()
	s.until(func() error { return s.areCopies(source, places(source.Name, namespaces...)...) })
}

func places(name string, namespaces ...string) []place {
	var all []place
	for _, ns := range namespaces {
		all = append(all, place{Namespace: ns, Name: name})
	}
	return all
}

// areCopies tells what is wrong with copies of a source.
func (s *story) areCopies(source place, targets ...place) error {
	from, err := s.objects(source.Namespace).Get(s.Context(), source.Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	var wrong []error
	for _, at := range targets {
		copy, err := s.objects(at.Namespace).Get(s.Context(), at.Name, metav1.GetOptions{})
		if err == nil {
			err = isCopy(from, copy)
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("copy %s: %w", at, err))
		}
	}
	return errors.Join(wrong...)
}

// isCopy tells in what an object differs from a copy of source, less what others may have put on it.
func isCopy(source, copy *corev1.Secret) error {
	if copy.Type != source.Type {
		return fmt.Errorf("type %q, want %q", copy.Type, source.Type)
	}
	if ptr.Deref(copy.Immutable, false) != ptr.Deref(source.Immutable, false) {
		return errors.New("immutable is not the source's")
	}
	if !maps.EqualFunc(copy.Data, source.Data, bytes.Equal) || !maps.Equal(copy.StringData, source.StringData) {
		return errors.New("data is not the source's")
	}
	return isMarked(source, copy)
}

// isMarked tells what is wrong with the marks of a copy.
func isMarked(source, copy *corev1.Secret) error {
	var origin struct {
		Namespace, Name string
		UID             types.UID
		ResourceVersion string
	}
	if err := json.Unmarshal([]byte(copy.Annotations[syncer.AnnotationOrigin]), &origin); err != nil {
		return fmt.Errorf("origin: %w", err)
	}
	if origin.Namespace != source.Namespace || origin.Name != source.Name || origin.UID != source.UID || origin.ResourceVersion == "" {
		return fmt.Errorf("origin %+v, of a copy of %s/%s %s", origin, source.Namespace, source.Name, source.UID)
	}
	if target := copy.Annotations[syncer.AnnotationTarget]; target != copy.Namespace+"/"+copy.Name {
		return fmt.Errorf("target %q", target)
	}
	marks := map[string]string{
		syncer.LabelOriginCluster:   "kubernetes",
		syncer.LabelOriginNamespace: syncer.LabelValue(source.Namespace),
		syncer.LabelOriginName:      syncer.LabelValue(source.Name),
		stage.Label:                 source.Labels[stage.Label],
	}
	for key, value := range marks {
		if copy.Labels[key] != value {
			return fmt.Errorf("label %s is %q, want %q", key, copy.Labels[key], value)
		}
	}
	return nil
}

// absent waits until there is nothing of that name in any of the namespaces.
func (s *story) absent(name string, namespaces ...string) {
	s.Helper()
	s.until(func() error { return s.areAbsent(places(name, namespaces...)...) })
}

func (s *story) areAbsent(all ...place) error {
	var there []string
	for _, at := range all {
		_, err := s.objects(at.Namespace).Get(s.Context(), at.Name, metav1.GetOptions{})
		if err == nil {
			there = append(there, at.String())
		}
		if err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	if there != nil {
		return fmt.Errorf("still there: %s", strings.Join(there, " "))
	}
	return nil
}

// same tells whether an object is exactly as it was: nobody has written it since.
func (s *story) same(was *corev1.Secret) error {
	is, err := s.objects(was.Namespace).Get(s.Context(), was.Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	if is.UID != was.UID || is.ResourceVersion != was.ResourceVersion {
		return fmt.Errorf("%s/%s was written", was.Namespace, was.Name)
	}
	return nil
}

// event waits for an Event about an object, with that reason and all of these texts in its note.
func (s *story) event(about place, reason string, texts ...string) {
	s.Helper()
	s.until(func() error {
		all, err := s.kube.EventsV1().Events(about.Namespace).List(s.Context(), metav1.ListOptions{})
		if err != nil {
			return err
		}
		var heard []string
		for _, e := range all.Items {
			if e.Regarding.Name != about.Name {
				continue
			}
			if e.Reason == reason && containsAll(e.Note, texts) {
				return nil
			}
			heard = append(heard, e.Reason+": "+e.Note)
		}
		return fmt.Errorf("no Event %s with %q about %s, only %q", reason, texts, about, heard)
	})
}

func containsAll(text string, parts []string) bool {
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return false
		}
	}
	return true
}
