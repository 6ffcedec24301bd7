package contexts

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/wildcast/wildcast/syncer"
)

func TestASourceInKubedsDialectIsFollowedInTheOtherClusterAndItsCopyHasKubedsMarks(t *testing.T) {
	both(t, "kubed", func(s *scene) {
		from := s.change(s.here, s.at("s"), func(o *thing) {
			kubedTo("one")(o)
			o.data["more"] = "three"
		})
		s.kubeds(from, s.copiedWith("s", s.at("s"), map[string]string{"key": "one", "more": "three"}))
		from = s.change(s.here, s.at("s"), func(o *thing) { delete(o.data, "more") })
		s.kubeds(from, s.copied("s", s.at("s"), "one"))
		for _, value := range []string{"\x00\xff", "\xff\x00", "two"} { // the first two are binaryData of a ConfigMap
			from = s.change(s.here, s.at("s"), kubedTo(value))
			s.kubeds(from, s.copied("s", s.at("s"), value))
		}
		from = s.change(s.here, s.at("s"), kubedNoMore)
		s.absent(s.over, s.at("s"))
		s.untouched(s.here, from)
	})
}

func TestASourceInKubedsDialectHasCopiesHereThatDoNotWaitForTheOtherClusterWhichIsServedWhenItIsBack(t *testing.T) {
	both(t, "kubed-away", func(s *scene) {
		blue := s.namespaces(2)
		change := func(value string) *thing {
			return s.change(s.here, s.at("s"), func(o *thing) {
				kubedTo(value)(o)
				o.Annotations["kubed.appscode.com/sync"] = "team=" + s.name
			})
		}
		here := func(from *thing, value string) {
			s.Helper()
			s.hold(blue, value, "s")
			for _, namespace := range blue {
				copy, err := s.here.get(s.Context(), place{Namespace: namespace, Name: "s"})
				s.must(err)
				s.kubeds(from, copy)
			}
		}
		from := change("one")
		here(from, "one")
		was := s.copied("s", s.at("s"), "one")
		s.kubeds(from, was)

		s.gate.shut()
		from = change("two")
		here(from, "two")
		s.event("s", syncer.ReasonTargetFailed, `in context "over"`)
		s.untouched(s.over, was)
		s.gate.reopen(s.T)
		s.kubeds(from, s.copied("s", s.at("s"), "two"))

		from = s.change(s.here, s.at("s"), kubedNoMore)
		s.absent(s.over, s.at("s"))
		s.hold(blue, "two", "s")
		s.untouched(s.here, from)
	})
}

func TestTheCopyOfASourceInKubedsDialectGoesWithTheSourcesNamespace(t *testing.T) {
	s := open(t, "secret", "kubed-namespace")
	s.contexts(nil)
	s.run()
	for _, s := range s.kinds() {
		s.change(s.here, s.at("s"), kubedTo("one"))
		s.copied("s", s.at("s"), "one")
	}
	s.must(s.here.kube.CoreV1().Namespaces().Delete(s.Context(), s.name, metav1.DeleteOptions{}))
	for _, s := range s.kinds() {
		s.absent(s.over, s.at("s"))
	}
}

func TestWhatKubedMadeInTheOtherClusterOfThisVerySourceIsAdoptedAndANamesakeIsNot(t *testing.T) {
	both(t, "takeover", func(s *scene) {
		s.w.Stop()
		was := s.change(s.over, s.at("s"), byKubed(s.change(s.here, s.at("s"), kubedTo("one"))))
		from := s.change(s.here, s.at("s"), kubedTo("two")) // which kubed has not seen
		again := s.change(s.here, s.at("again"), kubedTo("one"))
		again.UID = "2f6b0d5c-0000-0000-0000-000000000000"
		theirs := func(o *thing) { o.Annotations["kubed.appscode.com/sync"], o.data["key"] = "", "theirs" }
		namesakes := []*thing{
			s.change(s.over, s.at("again"), byKubed(again)),                                       // the source was made again since
			s.change(s.over, s.at("stamped"), byKubed(s.change(s.over, s.at("stamped"), theirs))), // by the kubed over there
			s.change(s.over, s.at("plain"), func(o *thing) { o.data["key"] = "theirs" }),
		}
		s.change(s.here, s.at("stamped"), kubedTo("one"))
		s.change(s.here, s.at("plain"), kubedTo("one"))

		s.must(s.w.Restart(s.Context()))
		copy := s.copied("s", s.at("s"), "two")
		if copy.UID != was.UID {
			s.Error("it was made anew")
		}
		s.kubeds(from, copy)
		for _, is := range namesakes {
			s.event(is.Name, syncer.ReasonTargetNotOurs, fmt.Sprintf("%s/%s in context %q", s.name, is.Name, "over"))
		}
		s.change(s.here, s.at("s"), kubedNoMore)
		s.absent(s.over, s.at("s"))
		for _, was := range namesakes {
			s.untouched(s.over, was)
		}
	})
}

// kubedTo makes a thing a source whose copy goes to the other cluster, as users of kubed do.
func kubedTo(value string) func(*thing) {
	return func(o *thing) {
		o.Annotations["kubed.appscode.com/sync-contexts"], o.Annotations["note"], o.data["key"] = "over", "hello", value
	}
}

func kubedNoMore(o *thing) { delete(o.Annotations, "kubed.appscode.com/sync-contexts") }

// byKubed makes a thing what kubed makes of its copies, where its flag for the cluster's name was unicorn. Kubed replaces all
// labels and annotations of what it finds, except that it leaves a thing its own sync annotations.
func byKubed(source *thing) func(*thing) {
	return func(o *thing) {
		was := o.Annotations
		o.Labels, o.Annotations, o.data = orEmpty(maps.Clone(source.Labels)), maps.Clone(source.Annotations), source.data
		for key, value := range map[string]string{"cluster": "unicorn", "namespace": source.Namespace, "name": source.Name} {
			o.Labels["kubed.appscode.com/origin."+key] = value
		}
		o.Annotations["kubed.appscode.com/origin"] = fmt.Sprintf(`{"namespace":%q,"name":%q,"uid":%q,"resourceVersion":%q}`,
			source.Namespace, source.Name, source.UID, source.ResourceVersion)
		for _, key := range []string{"kubed.appscode.com/sync", "kubed.appscode.com/sync-contexts"} {
			delete(o.Annotations, key)
			if own, found := was[key]; found {
				o.Annotations[key] = own
			}
		}
	}
}

// kubeds checks that a copy has the labels and annotations that kubed would have given it, and beside them none but ours.
func (s *scene) kubeds(source, copy *thing) {
	s.Helper()
	want := &thing{}
	byKubed(source)(want)
	if is := lessOurs(copy.Labels); !maps.Equal(is, want.Labels) {
		s.Errorf("labels %v, kubed's would be %v", is, want.Labels)
	}
	if is := lessOurs(copy.Annotations); !maps.Equal(is, want.Annotations) {
		s.Errorf("annotations %v, kubed's would be %v", is, want.Annotations)
	}
}

func lessOurs(marks map[string]string) map[string]string {
	marks = maps.Clone(marks)
	maps.DeleteFunc(marks, func(key, _ string) bool { return strings.HasPrefix(key, syncer.Prefix) })
	return marks
}
