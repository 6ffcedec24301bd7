package reflection

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/wildcast/wildcast/syncer"
)

// absence is a change that somebody makes while wildcast is down, and what its start takes.
type absence struct {
	name string
	mark func(selector string) like // of the source; nil: ours
	do   func(s *story, a scene)
	// What the start takes at the source, and at the copies: two with the label team=web, one with team=db.
	source, copies tally
	ends           func(s *story, a scene) error
}

// scene is a source with three copies, in web0, web1 and db.
type scene struct {
	source  place
	web, db []string
}

func (a scene) all(name string) []place {
	return append(places(name, a.web...), places(name, a.db...)...)
}

func (a scene) copies() []place { return a.all(a.source.Name) }

func allCopies(s *story, a scene) error { return s.areCopies(a.source, a.copies()...) }
func noCopies(s *story, a scene) error  { return s.areAbsent(a.copies()...) }

func ofSource(how ...like) func(*story, scene) {
	return func(s *story, a scene) { s.edit(a.source, how...) }
}

var absences = []absence{
	{name: "nothing", do: func(*story, scene) {}, ends: allCopies},
	{name: "source-deleted", do: func(s *story, a scene) { s.remove(a.source) }, copies: tally{"delete": 3}, ends: noCopies},
	{name: "source-unmarked", do: ofSource(unannotated(syncer.AnnotationSync)), copies: tally{"delete": 3}, ends: noCopies},
	{name: "source-false", do: ofSource(to("false")), copies: tally{"delete": 3}, ends: noCopies},
	{name: "source-invalid", do: ofSource(to("team in (")), ends: allCopies},
	{name: "selector-narrowed", do: ofSource(to("team=db")), source: tally{"get": 1}, copies: tally{"delete": 2},
		ends: func(s *story, a scene) error {
			if err := s.areAbsent(places(a.source.Name, a.web...)...); err != nil {
				return err
			}
			return s.areCopies(a.source, places(a.source.Name, a.db...)...)
		}},
	{name: "source-changed", do: ofSource(holding("key", "two")), source: tally{"get": 1}, copies: tally{"update": 3}, ends: allCopies},
	{name: "source-labelled", do: ofSource(labelled("tier", "gold")), source: tally{"get": 1}, copies: tally{"update": 3}, ends: allCopies},
	{name: "source-immutable", do: ofSource(immutable), source: tally{"get": 1}, copies: tally{"update": 3}, ends: allCopies},
	{name: "source-remade", source: tally{"get": 1}, copies: tally{"update": 3}, ends: allCopies,
		do: func(s *story, a scene) {
			s.remove(a.source)
			s.secret(a.source, holding("key", "one"), to("team"))
		}},
	{name: "source-renamed", do: ofSource(annotated(syncer.AnnotationSyncAs, "renamed")), source: tally{"get": 1}, copies: tally{"delete": 3},
		ends: func(s *story, a scene) error {
			if err := s.areCopies(a.source, a.all("renamed")...); err != nil {
				return err
			}
			return noCopies(s, a)
		}},
	{name: "source-of-some-keys", do: ofSource(holding("b", "2"), annotated(syncer.AnnotationSyncKeys, "b")), source: tally{"get": 1}, copies: tally{"update": 3},
		ends: func(s *story, a scene) error { return s.holds(a.copies()[2], "b=2") }},
	{name: "copy-deleted", do: func(s *story, a scene) { s.remove(a.copies()[0]) }, source: tally{"get": 1}, copies: tally{"create": 1}, ends: allCopies},
	{name: "copy-edited", do: func(s *story, a scene) { s.edit(a.copies()[0], holding("key", "two")) },
		source: tally{"get": 1}, copies: tally{"get": 1, "update": 1}, ends: allCopies},
	{name: "copy-labelled", do: func(s *story, a scene) { s.edit(a.copies()[0], labelled("mine", "1")) }, ends: allCopies},
	{name: "copy-not-ours-any-more", do: func(s *story, a scene) { s.edit(a.copies()[0], unannotated(syncer.AnnotationOrigin)) },
		source: tally{"get": 1}, copies: tally{"get": 1, "create": 1},
		ends: func(s *story, a scene) error { return s.areCopies(a.source, a.copies()[1:]...) }},

	{name: "kubed", mark: kubedTo, do: func(*story, scene) {}, ends: allCopies},
	{name: "kubed-source-deleted", mark: kubedTo, do: func(s *story, a scene) { s.remove(a.source) }, copies: tally{"delete": 3}, ends: noCopies},
	{name: "kubed-source-unmarked", mark: kubedTo, do: ofSource(unannotated(syncer.AnnotationKubedSync)), copies: tally{"delete": 3}, ends: noCopies},
	{name: "kubed-source-invalid", mark: kubedTo, do: ofSource(kubedTo("team in (")), ends: allCopies},
	{name: "kubed-copy-deleted", mark: kubedTo, do: func(s *story, a scene) { s.remove(a.copies()[0]) },
		source: tally{"get": 1}, copies: tally{"create": 1}, ends: allCopies},
	{name: "kubed-copy-edited", mark: kubedTo, do: func(s *story, a scene) { s.edit(a.copies()[0], holding("key", "two")) },
		source: tally{"get": 1}, copies: tally{"get": 1, "update": 1}, ends: allCopies},
}

// marked makes the source what it is in the beginning.
func (a absence) marked(source *corev1.Secret) {
	if a.mark == nil {
		a.mark = to
	}
	a.mark("team")(source)
}

func TestWhateverChangedWhileWildcastWasDownIsHealedAtItsStartWithAsManyWritesAsItTakes(t *testing.T) {
	both(t, "down", func(t *testing.T, s *story) {
		s.namespace("source")
		web, db := s.namespaces(2, "web", "team=web"), []string{s.namespace("db", "team=db")}
		scenes := make([]scene, len(absences))
		for i, a := range absences {
			scenes[i] = scene{s.at("source", a.name), web, db}
			s.secret(scenes[i].source, holding("key", "one"), a.marked)
			s.until(func() error { return allCopies(s, scenes[i]) })
		}
		s.settled(0)
		s.w.Stop()
		for i, a := range absences {
			a.do(s, scenes[i])
		}
		before := len(s.requests())
		s.must(s.w.Restart(t.Context()))
		for i, a := range absences {
			t.Log(a.name)
			s.until(func() error { return a.ends(s, scenes[i]) })
		}
		s.settled(len(absences))
		requests := s.requests()[before:]
		for i, a := range absences {
			s.wantTally(a.name+", at the source,", s.tallied(requests, about(scenes[i].source)), orNone(a.source))
			s.wantTally(a.name+", at the copies,", s.tallied(requests, about(scenes[i].copies()...)), orNone(a.copies))
		}
		s.wantTally("the new name", s.tallied(requests, about(scenes[0].all("renamed")...)), tally{"create": 3})
	})
}

func orNone(t tally) tally {
	if t == nil {
		return tally{}
	}
	return t
}

func TestNamespacesThatChangedWhileWildcastWasDownAreHealedAtItsStart(t *testing.T) {
	inBothDialects(t, "down-namespaces", func(t *testing.T, s *story, to func(string) like) {
		source := s.at("source", "omni")
		s.namespace("source")
		stays, leaves, closes := s.namespace("stays", "team=web"), s.namespace("leaves", "team=web"), s.namespace("closes", "team=web")
		joins := s.namespace("joins")
		s.secret(source, tlsPair(t, "omni.test"), to("team=web"))
		s.copied(source, stays, leaves, closes)
		s.settled(0)
		s.w.Stop()
		s.relabel(leaves, "team", "")
		s.relabel(joins, "team", "web")
		s.relabel(closes, syncer.LabelSync, "false")
		made := s.namespace("made", "team=web")
		before := len(s.requests())
		s.must(s.w.Restart(t.Context()))
		s.copied(source, stays, joins, made)
		s.absent("omni", leaves, closes)
		s.settled(5)
		s.wantTally("the start", s.tallied(s.requests()[before:], about(append(places("omni", stays, leaves, closes, joins, made), source)...)),
			tally{"get": 1, "create": 2, "delete": 2})
	})
}

func TestAKilledWildcastLeavesNothingThatTheNextDoesNotFinish(t *testing.T) {
	const n = 60
	both(t, "killed", func(t *testing.T, s *story) { // so slow that it is killed in the middle
		source := s.at("source", "omni")
		s.namespace("source")
		targets := s.namespaces(n, "t", "team=web")
		before := len(s.requests())
		s.secret(source, tlsPair(t, "omni.test"), to("team=web"))
		s.reached(before, "create", 3)
		s.w.Kill()
		s.must(s.w.Restart(t.Context()))
		s.copied(source, targets...)
		s.edit(source, tlsPair(t, "omni.test"))
		s.reached(before, "update", 3)
		s.w.Kill()
		s.must(s.w.Restart(t.Context()))
		s.copied(source, targets...)
	}, "--kube-api-qps=20")
}
