package reflection

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/syncer"
)

func TestManyCopiesTakeOneWriteEachAndNoReads(t *testing.T) {
	const n = 100
	both(t, "many", func(t *testing.T, s *story) {
		source := s.at("source", "omni")
		s.namespace("source")
		targets := s.namespaces(n, "t", "team=web")
		took := s.count(func() {
			s.secret(source, tlsPair(t, "omni.test"), holding("blob", "\xff"), to("team=web"))
			s.copied(source, targets...)
		})
		s.wantTally("to make them", took, tally{"get": 1, "create": n})
		took = s.count(func() {
			s.edit(source, tlsPair(t, "omni.test"))
			s.copied(source, targets...)
		})
		s.wantTally("to update them", took, tally{"get": 1, "update": n})
		before := s.quiet()
		took = s.count(func() {
			s.must(s.w.Restart(t.Context()))
			s.settled(n)
		})
		s.wantTally("a restart", took, tally{})
		s.wantNoWrites(before)
		took = s.count(func() {
			s.edit(source, to("team=nobody"))
			s.absent("omni", targets...)
		})
		s.wantTally("to remove them", took, tally{"delete": n})
	})
}

// variety makes a source of every kind, with all that can stand in its way, and waits until nothing is left to do. It
// returns how many targets there are to look at.
func (s *story) variety() int {
	s.Helper()
	s.namespace("source")
	web := s.namespaces(2, "web", "team=web")
	closed := s.namespace("zone", "team=web", syncer.LabelSync+"=false")
	s.secret(s.at("source", "tls"), tlsPair(s.T, "omni.test"), to("team=web"), annotated(syncer.AnnotationSyncAs, "wildcard"))
	s.secret(s.at("source", "part"), holding("a", "1"), holding("b", "2"), to("team=web"), annotated(syncer.AnnotationSyncKeys, "a"))
	s.secret(s.at("source", "sealed"), holding("a", "1"), immutable, to("team=web"))
	s.secret(s.at("source", "all"), holding("a", "1"), labelled("tier", "gold"), annotated("example.com/note", "x"), to(""))
	s.secret(place{Namespace: web[0], Name: "taken"}, holding("mine", "1"))
	s.secret(s.at("source", "taken"), holding("a", "1"), to("team=web"))
	s.secret(s.at("source", "wrong"), holding("a", "1"), to("team in (web"))
	s.secret(place{Namespace: closed, Name: "all"}, holding("a", "1"), to("team=web")) // younger, or later in the alphabet
	s.copied(s.at("source", "sealed"), web...)
	s.copied(s.at("source", "all"), s.everywhere(s.at("source", "").Namespace, closed)...)
	s.copied(s.at("source", "taken"), web[1])
	s.until(func() error { return s.areCopies(s.at("source", "tls"), places("wildcard", web...)...) })
	s.until(func() error { return s.holds(place{Namespace: web[1], Name: "part"}, "a=1") })
	s.event(s.at("source", "taken"), syncer.ReasonTargetNotOurs)
	s.event(s.at("source", "wrong"), syncer.ReasonInvalidSelector)
	s.settled(0)
	return 12
}

func TestWhileNothingChangesNothingIsAskedOrWrittenForFiveSeconds(t *testing.T) {
	both(t, "idle", func(t *testing.T, s *story) {
		s.variety()
		began := s.quiet()
		s.stays(5*time.Second, func() error {
			if now := s.requests(); len(now) > began {
				return fmt.Errorf("while nothing changed: %v", now[began:])
			}
			return nil
		})
	})
}

// quiet waits until no request has come for a moment, so that the last Events are written, and returns how many there
// were.
func (s *story) quiet() int {
	s.Helper()
	count, since := -1, time.Now()
	s.until(func() error {
		if now := len(s.requests()); now != count {
			count, since = now, time.Now()
		}
		if time.Since(since) < 300*time.Millisecond {
			return fmt.Errorf("%d requests, and more may come", count)
		}
		return nil
	})
	return count
}

func TestARestartWritesNothingAndFillsEachCacheWithOneRequest(t *testing.T) {
	both(t, "restart-idle", func(t *testing.T, s *story) {
		targets := s.variety()
		before := s.quiet()
		s.must(s.w.Restart(t.Context()))
		s.settled(targets)
		s.quiet()
		// Nothing is kept in memory of other people's Secrets: that one is in the way is found out by trying.
		obstacle := about(s.at("source", "taken"), s.at("web0", "taken"))
		fills, tries := map[string]int{}, tally{}
		for _, r := range s.requests()[before:] {
			switch {
			case r.Lists():
				fills[selection(r)]++
			case r.Verb == "watch": // goes on where another has ended
			case r.Resource == s.kind.resource() && obstacle(r):
				tries[r.Verb]++
			case r.Resource == "events" && (r.Namespace == s.name+"-source" || r.Namespace == s.name+"-zone"):
				// What is wrong is said again by the new process, and folds into the Event that is there.
			case r.Resource != "":
				t.Errorf("the restart took %s", r)
			}
		}
		s.wantTally("the obstacle", tries, tally{"get": 2, "create": 1})
		if len(fills) == 0 {
			t.Fatal("the caches were filled with no request")
		}
		for selection, n := range fills {
			if n > 1 {
				t.Errorf("the cache of %s took %d requests", selection, n)
			}
		}
	})
}

// selection names what a list or watch asks for.
func selection(r cluster.Request) string {
	u, err := url.Parse(r.URI)
	if err != nil {
		return r.URI
	}
	q := u.Query()
	return fmt.Sprintf("%s fields %q labels %q", u.Path, q.Get("fieldSelector"), q.Get("labelSelector"))
}

func TestASourceWhoseResourceVersionMovedButNotItsContentTakesNoWrite(t *testing.T) {
	both(t, "moved", func(t *testing.T, s *story) {
		source := s.at("source", "omni")
		s.namespace("source")
		targets := s.namespaces(3, "t", "team=web")
		s.secret(source, tlsPair(t, "omni.test"), to("team=web"))
		s.copied(source, targets...)
		took := s.count(func() {
			before := s.looks()
			s.edit(source, annotated(syncer.AnnotationAdopt, "no")) // speaks about the source alone
			s.settled(before + 4)
		})
		s.wantTally("a touch of the source", took, tally{"get": 1})
		took = s.count(func() {
			s.must(s.w.Restart(t.Context()))
			s.settled(4)
		})
		s.wantTally("a restart after it", took, tally{"get": 1})
	})
}
