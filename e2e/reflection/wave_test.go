package reflection

import (
	"fmt"
	"slices"
	"testing"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/wildcast/wildcast/e2e/stage"
)

// atOnce does something for many names, 64 of them at a time.
func (s *story) atOnce(names []string, do func(name string) error) {
	s.Helper()
	var all errgroup.Group
	all.SetLimit(64)
	for _, name := range names {
		all.Go(func() error { return do(name) })
	}
	s.must(all.Wait())
}

// This story is the last: its namespaces take the control plane some time to end.
func TestAThousandNamespacesThatAreLabelledAtOnceAndUnlabelledMeanwhileEndRightAndDeletesDoNotWait(t *testing.T) {
	const n, early, backlog = 1000, 40, 300
	both(t, "wave", func(t *testing.T, s *story) { // so that copies come more slowly than labels
		sources := []string{"one", "two", "three", "four"}
		s.namespace("source")
		for _, name := range sources {
			s.secret(s.at("source", name), tlsPair(t, "omni.test"), to("team=web"))
		}
		s.knows(len(sources))
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf("%s-%04d", s.name, i))
		}
		s.atOnce(all, func(name string) error {
			_, err := s.kube.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
				Name: name, Labels: map[string]string{stage.Label: s.name}}}, metav1.CreateOptions{})
			return err
		})
		on := &stage.Stage{Name: s.name, Cluster: shared, Kube: s.kube}
		label := func(value string) func(string) error {
			return func(name string) error { return on.LabelNamespace(t.Context(), name, "team", value) }
		}

		before := len(s.requests())
		s.atOnce(all, label("web"))
		first := s.firstServed(before, early)
		s.atOnce(first, label(""))
		s.gone(sources, first)
		if left := len(sources)*(n-len(first)) - len(s.made(before)); left < backlog {
			t.Errorf("%d copies were still to come when the deletes were done, want %d: they waited, or there was no backlog", left, backlog)
		}

		s.atOnce(all, label(""))
		s.gone(sources, all)
		s.settled(0)
		s.gone(sources, all)
		if made, removed := len(s.made(before)), s.tallied(s.requests()[before:], succeeded)["delete"]; made != removed {
			t.Errorf("%d copies were made and %d removed", made, removed)
		}
	}, "--workers=1")
}

// gone waits until no copy of the sources is left in the namespaces.
func (s *story) gone(sources, namespaces []string) {
	s.Helper()
	s.until(func() error {
		all, err := s.objects("").List(s.Context(), metav1.ListOptions{LabelSelector: stage.Label + "=" + s.name})
		if err != nil {
			return err
		}
		for _, o := range all.Items {
			if slices.Contains(sources, o.Name) && slices.Contains(namespaces, o.Namespace) {
				return fmt.Errorf("%s/%s is still there", o.Namespace, o.Name)
			}
		}
		return nil
	})
}

// made are the namespaces in which copies were made, after so many of all requests.
func (s *story) made(after int) []string {
	s.Helper()
	var names []string
	for _, r := range s.requests()[after:] {
		if r.Resource == s.kind.resource() && r.Verb == "create" && succeeded(r) {
			names = append(names, r.Namespace)
		}
	}
	return names
}

// firstServed are the first namespaces in which copies were made.
func (s *story) firstServed(after, n int) []string {
	s.Helper()
	s.reached(after, "create", n)
	names := s.made(after)[:n]
	slices.Sort(names)
	return slices.Compact(names)
}
