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

// wave is a story of many namespaces.
type wave struct {
	*story
	all []string // namespaces
}

// flood makes so many namespaces, which nothing selects yet.
func (s *story) flood(n int) *wave {
	s.Helper()
	w := &wave{story: s}
	for i := range n {
		w.all = append(w.all, fmt.Sprintf("%s-%04d", s.name, i))
	}
	w.atOnce(w.all, func(name string) error {
		_, err := s.kube.CoreV1().Namespaces().Create(s.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
			Name: name, Labels: map[string]string{stage.Label: s.name}}}, metav1.CreateOptions{})
		return err
	})
	return w
}

// team gives namespaces the label, all at once, or takes it from them if it is empty.
func (w *wave) team(namespaces []string, value string) {
	w.Helper()
	on := &stage.Stage{Name: w.name, Cluster: shared, Kube: w.kube}
	w.atOnce(namespaces, func(name string) error { return on.LabelNamespace(w.Context(), name, "team", value) })
}

// This story is the last: its namespaces take the control plane some time to end.
func TestAThousandNamespacesThatAreLabelledAtOnceAndUnlabelledMeanwhileEndRightAndDeletesDoNotWait(t *testing.T) {
	const n, early, backlog = 1000, 40, 300
	both(t, "wave", func(t *testing.T, s *story) { // so that copies come more slowly than labels
		sources := []string{"one", "two", "three", "four", "five"}
		s.namespace("source")
		for _, name := range sources[:4] {
			s.secret(s.at("source", name), tlsPair(t, "omni.test"), to("team=web"))
		}
		s.secret(s.at("source", "five"), tlsPair(t, "omni.test"), to("team in (web,ops)"))
		s.knows(len(sources))
		w := s.flood(n)

		before := len(s.requests())
		w.team(w.all, "web")
		first := s.firstServed(before, early)
		w.team(first, "")
		s.gone(sources, first)
		if left := len(sources)*(n-len(first)) - len(s.made(before)); left < backlog {
			t.Errorf("%d copies were still to come when the deletes were done, want %d: they waited, or there was no backlog", left, backlog)
		}

		// Of 5,000 copies that were to come, just these stay wanted.
		left, moved, stay := w.all[:n-120], w.all[n-120:n-20], w.all[n-20:]
		w.team(moved, "ops")
		w.team(left, "")
		s.settled(0)
		for _, name := range sources {
			s.copied(s.at("source", name), stay...)
		}
		s.copied(s.at("source", "five"), moved...)
		s.gone(sources[:4], moved)
		s.gone(sources, left)

		w.team(w.all, "")
		s.settled(0)
		s.gone(sources, w.all)
		s.settled(0)
		s.gone(sources, w.all)
		if made, removed := len(s.made(before)), s.tallied(s.requests()[before:], succeeded)["delete"]; made != removed {
			t.Errorf("%d copies were made and %d removed", made, removed)
		}
		w.hundredSources()
	}, "--workers=1")
}

// hundredSources looks at what one namespace of a thousand costs where there are a hundred sources.
func (w *wave) hundredSources() {
	w.Helper()
	var sources []string
	for i := range 100 {
		sources = append(sources, fmt.Sprint("s", i))
	}
	w.atOnce(sources, func(name string) error {
		selector := "team=many"
		if name == "s0" || name == "s1" || name == "s2" {
			selector = "team=few"
		}
		_, err := w.objects(w.name+"-source").Create(w.Context(), w.drawn(w.at("source", name), holding("k", "v"), to(selector)), metav1.CreateOptions{})
		return err
	})
	w.knows(len(sources) + 5)
	before := len(w.requests())
	for _, label := range []struct {
		at, team string
		takes    tally
	}{
		{w.all[0], "few", tally{"create": 3, "get": 3}}, // of the sources, for the first time
		{w.all[1], "few", tally{"create": 3}},
		{w.all[2], "many", tally{"create": 97, "get": 97}},
		{w.all[3], "many", tally{"create": 97}},
		{w.all[3], "few", tally{"create": 3, "delete": 97}},
		{w.all[1], "", tally{"delete": 3}},
	} {
		took := w.count(func() {
			w.team([]string{label.at}, label.team)
			w.until(func() error { return w.hasOf(sources, label.at, label.team) })
		})
		w.wantTally(fmt.Sprintf("the label %q among a hundred sources and a thousand namespaces", label.team), took, label.takes)
	}
	w.wantNoLists(before)
}

// hasOf tells whether a namespace has just the copies that the label stands for.
func (w *wave) hasOf(sources []string, namespace, team string) error {
	all, err := w.objects(namespace).List(w.Context(), metav1.ListOptions{LabelSelector: stage.Label + "=" + w.name})
	if err != nil {
		return err
	}
	want := map[string]int{"": 0, "few": 3, "many": len(sources) - 3}[team]
	if len(all.Items) != want {
		return fmt.Errorf("%d copies in %s with the label %q, want %d", len(all.Items), namespace, team, want)
	}
	return nil
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
