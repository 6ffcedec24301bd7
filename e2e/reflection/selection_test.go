package reflection

import (
	"testing"

	"github.com/wildcast/wildcast/syncer"
)

func TestASourceThatIsMarkedHasACopyInEveryNamespace(t *testing.T) {
	for _, mark := range []string{"", "true"} {
		t.Run("mark="+mark, func(t *testing.T) {
			both(t, "marked"+mark, func(t *testing.T, s *story) {
				source := s.at("source", "omni")
				s.namespace("source")
				s.namespaces(3, "a")
				s.secret(source, tlsPair(t, "omni.test"))
				s.edit(source, to(mark))
				s.copied(source, s.everywhere(source.Namespace)...)
			})
		})
	}
}

func TestASelectorBringsCopiesToTheNamespacesThatItSelectsAndToNoOther(t *testing.T) {
	both(t, "two-of-three", func(t *testing.T, s *story) {
		source := s.at("source", "omni")
		s.namespace("source")
		one, two := s.namespace("one", "team=web"), s.namespace("two", "team=web")
		s.namespace("other", "team=db")
		s.secret(source, tlsPair(t, "omni.test"), to("team=web"))
		s.copied(source, one, two)
		s.settled(2)
		s.must(s.areAbsent(places("omni", s.everywhere(source.Namespace, one, two)...)...))
	})
}

func TestSelectorsMayUseTheWholeGrammar(t *testing.T) {
	both(t, "grammar", func(t *testing.T, s *story) {
		s.namespace("source")
		web, db := s.namespace("web", "team=web", "env=test"), s.namespace("db", "team=db", "env=prod")
		hidden := s.namespace("hidden", "team=web", "env=test", "hidden=yes")
		for _, want := range []struct {
			name, selector string
			selected       []string
		}{
			{"equal", "team=db", []string{db}},
			{"unlike", "team,team!=db", []string{web, hidden}},
			{"in", "env in (test, prod), !hidden", []string{web, db}},
			{"not-in", "env notin (prod),env", []string{web, hidden}},
			{"key", "hidden", []string{hidden}},
		} {
			source := s.at("source", want.name)
			s.secret(source, holding("k", "v"), to(want.selector))
			s.copied(source, want.selected...)
			s.settled(0)
			s.must(s.areAbsent(places(want.name, s.everywhere(append(want.selected, source.Namespace)...)...)...))
		}
	})
}

func TestANewNamespaceThatIsSelectedGetsItsCopyWithOneWrite(t *testing.T) {
	both(t, "new-namespace", func(t *testing.T, s *story) {
		source, everywhere := s.at("source", "omni"), s.at("source", "all")
		s.namespace("source")
		first := s.namespace("first", "team=web")
		s.secret(source, tlsPair(t, "omni.test"), to("team=web"))
		s.secret(everywhere, holding("k", "v"), to(""))
		s.copied(source, first)
		s.copied(everywhere, s.everywhere(source.Namespace)...)
		before := len(s.requests())
		took := s.count(func() {
			second := s.namespace("second", "team=web")
			s.copied(source, second)
			s.copied(everywhere, second)
		})
		s.wantTally("a new namespace with two copies", took, tally{"create": 2})
		s.wantNoLists(before)
	})
}

func TestANamespaceGetsItsCopyWithTheLabelAndLosesItWithTheLabelWhileOthersStay(t *testing.T) {
	inBothDialects(t, "label-comes-goes", func(t *testing.T, s *story, to func(string) like) {
		source := s.at("source", "omni")
		s.namespace("source")
		stays, plain := s.namespace("stays", "team=web"), s.namespace("plain")
		s.secret(source, tlsPair(t, "omni.test"), to("team=web"))
		s.copied(source, stays)
		was := s.get(place{Namespace: stays, Name: "omni"})
		took := s.count(func() {
			s.relabel(plain, "team", "web")
			s.copied(source, plain)
			s.relabel(plain, "team", "")
			s.absent("omni", plain)
		})
		s.wantTally("a label that comes and goes", took, tally{"create": 1, "delete": 1})
		s.must(s.same(was))
	})
}

func TestCopiesFollowASelectorThatIsNarrowedThenMatchesNothingThenAll(t *testing.T) {
	both(t, "selector-moves", func(t *testing.T, s *story) {
		source := s.at("source", "omni")
		s.namespace("source")
		web, db := s.namespace("web", "team=web"), s.namespace("db", "team=db")
		s.secret(source, tlsPair(t, "omni.test"), to(""))
		s.copied(source, s.everywhere(source.Namespace)...)

		s.edit(source, to("team=web"))
		s.absent("omni", s.everywhere(source.Namespace, web)...)
		s.copied(source, web)

		s.edit(source, to("team=nobody"))
		s.absent("omni", s.everywhere(source.Namespace)...)

		s.edit(source, to(""))
		s.copied(source, s.everywhere(source.Namespace)...)
		s.copied(source, web, db)
	})
}

func TestAnInvalidSelectorKeepsTheCopiesAndIsReported(t *testing.T) {
	inBothDialects(t, "invalid-selector", func(t *testing.T, s *story, to func(string) like) {
		source := s.at("source", "omni")
		s.namespace("source")
		web, late := s.namespace("web", "team=web"), s.namespace("late")
		s.secret(source, tlsPair(t, "omni.test"), to("team=web"))
		s.copied(source, web)
		was := s.get(place{Namespace: web, Name: "omni"})

		s.edit(source, to("team in (web"))
		s.event(source, syncer.ReasonInvalidSelector, "/sync is no label selector", "copies stay as they are")
		s.relabel(web, "team", "db")
		s.settled(0)
		s.must(s.same(was))
		s.must(s.w.Restart(s.Context()))
		s.settled(2)
		s.must(s.same(was))

		s.relabel(late, "team", "web")
		s.edit(source, to("team in (web)"))
		s.copied(source, late)
		s.absent("omni", web)
	})
}

func TestASelectorThatMatchesTheSourcesOwnNamespaceLeavesTheSourceUntouched(t *testing.T) {
	both(t, "own-namespace", func(t *testing.T, s *story) {
		source := s.at("source", "omni")
		s.namespace("source", "team=web")
		other := s.namespace("other", "team=web")
		was := s.secret(source, tlsPair(t, "omni.test"), to("team=web"))
		s.copied(source, other)
		s.settled(2)
		s.must(s.same(was))
		for range 2 {
			took := s.count(func() {
				s.must(s.w.Restart(s.Context()))
				s.settled(2)
			})
			s.wantTally("a restart", took, tally{})
			s.must(s.same(was))
		}
	})
}

func TestANamespaceThatOptsOutLosesItsCopiesAndGetsNone(t *testing.T) {
	both(t, "opt-out", func(t *testing.T, s *story) {
		source := s.at("source", "omni")
		s.namespace("source")
		never := s.namespace("never", "team=web", syncer.LabelSync+"=false")
		leaves := s.namespace("leaves", "team=web")
		s.secret(source, tlsPair(t, "omni.test"), to("team=web"))
		s.copied(source, leaves)
		s.relabel(leaves, syncer.LabelSync, "false")
		s.absent("omni", leaves)
		s.settled(0)
		s.must(s.areAbsent(place{Namespace: never, Name: "omni"}))
		s.edit(source, to(""))
		s.copied(source, s.everywhere(source.Namespace, never, leaves)...)
		s.settled(0)
		s.must(s.areAbsent(places("omni", never, leaves)...))
		s.relabel(never, syncer.LabelSync, "")
		s.copied(source, never)
	})
}
