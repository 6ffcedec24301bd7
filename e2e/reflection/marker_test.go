package reflection

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/stage"
	"github.com/wildcast/wildcast/syncer"
)

// marker is a source that a story changes in order to know what wildcast has heard of. Objects of one kind come in one
// watch, in the order of their changes: when the marker's copy has changed, wildcast knows whatever changed before.
// Namespaces come in a watch of their own, of which the marker tells nothing.
func (s *story) marker() place { return place{Namespace: markers, Name: s.name} }

// marked is the marker's copy.
func (s *story) marked() place { return place{Namespace: markers, Name: s.name + "-seen"} }

// markers is the namespace of the markers.
const markers = "markers"

// makeMarkers makes the namespace of the stories' markers.
func makeMarkers(ctx context.Context, c *cluster.Cluster) error {
	meta := metav1.ObjectMeta{Name: markers}
	_, err := kubernetes.NewForConfigOrDie(c.Admin()).CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: meta}, metav1.CreateOptions{})
	return err
}

// mark waits until wildcast has heard of all that has happened to objects of the story's kind.
func (s *story) mark() {
	s.Helper()
	s.marks++
	mark := fmt.Sprint(s.marks)
	if s.marks == 1 {
		s.secret(s.marker(), holding("mark", mark), to("kubernetes.io/metadata.name="+markers), annotated(syncer.AnnotationSyncAs, s.marked().Name))
	} else {
		s.edit(s.marker(), holding("mark", mark))
	}
	s.until(func() error { return s.holds(s.marked(), "mark="+mark) })
}

// unmark has the marker's copy removed, for which there is no grace.
func (s *story) unmark(ctx context.Context) error {
	if s.marks == 0 {
		return nil
	}
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:"false"}}}`, syncer.AnnotationSync)
	if _, err := s.objects(markers).Patch(ctx, s.marker().Name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
		return err
	}
	return stage.Until(ctx, func() error {
		_, err := s.objects(markers).Get(ctx, s.marked().Name, metav1.GetOptions{})
		if err == nil {
			err = fmt.Errorf("%s is still there", s.marked())
		}
		return ignoreNotFound(err)
	})
}
