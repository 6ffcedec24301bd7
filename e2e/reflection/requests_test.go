package reflection

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/wildcast/wildcast/e2e/cluster"
	"github.com/wildcast/wildcast/e2e/wildcast"
)

// settled waits until wildcast has looked at at least so many targets since it started, and at all that it has to because
// of what has happened to objects.
func (s *story) settled(atLeast int) {
	s.Helper()
	s.idle(atLeast)
	s.mark()
	s.idle(atLeast)
}

// idle waits until wildcast has looked at at least so many targets since it started, and has none to look at. It may not
// have heard yet of what happened last.
func (s *story) idle(atLeast int) {
	s.Helper()
	s.until(func() error {
		m, err := s.w.Metrics(s.Context())
		if err != nil {
			return err
		}
		// A name counts as added once, however often it is added before its turn comes.
		added, done := ofQueues(m, "workqueue_adds_total"), looks(m)
		if added != done || done < atLeast {
			return fmt.Errorf("wildcast has looked at %d of %d targets, want %d", done, added, atLeast)
		}
		return nil
	})
}

// looks is how often wildcast has looked at a target since it started.
func (s *story) looks() int {
	s.Helper()
	m, err := s.w.Metrics(s.Context())
	s.must(err)
	return looks(m)
}

func looks(m wildcast.Metrics) int {
	return ofQueues(m, "workqueue_work_duration_seconds")
}

// ofQueues is the sum of a metric over the syncers' queues.
func ofQueues(m wildcast.Metrics, name string) int {
	return int(m.Sum(name, "name", "secrets") + m.Sum(name, "name", "configmaps"))
}

// knows waits until wildcast knows of so many sources in the whole cluster.
func (s *story) knows(sources int) {
	s.Helper()
	s.until(func() error {
		m, err := s.w.Metrics(s.Context())
		if err != nil {
			return err
		}
		got := int(m.Sum("wildcast_sync_sources"))
		if s.marks > 0 {
			got-- // the marker
		}
		if got != sources {
			return fmt.Errorf("wildcast knows of %d sources, want %d", got, sources)
		}
		return nil
	})
}

// count counts the requests that fn causes, once wildcast has settled. It tells of those about objects of its kind, less the
// watches and lists that fill caches: "create": 3, "get": 1.
func (s *story) count(fn func()) tally {
	s.Helper()
	s.settled(0)
	before := len(s.requests())
	fn()
	s.settled(0)
	return s.tallied(s.requests()[before:], all)
}

// all requests.
func all(cluster.Request) bool { return true }

// tallyAt counts the requests about one object, after so many of all requests.
func (s *story) tallyAt(after int, at place) tally {
	s.Helper()
	return s.tallied(s.requests()[after:], func(r cluster.Request) bool { return r.Namespace == at.Namespace && r.Name == at.Name })
}

func (s *story) tallied(requests []cluster.Request, which func(cluster.Request) bool) tally {
	counted := tally{}
	for _, r := range requests {
		if r.Resource == s.kind.resource() && r.Verb != "watch" && r.Verb != "list" && which(r) {
			counted[r.Verb]++
		}
	}
	return counted
}

// tally is how many requests there were of each verb.
type tally map[string]int

func (t tally) String() string {
	var parts []string
	for _, verb := range slices.Sorted(maps.Keys(t)) {
		parts = append(parts, fmt.Sprintf("%s: %d", verb, t[verb]))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// requests are all requests of the shipped ServiceAccount up to now, less those of a leader for its Lease and those about
// the story's marker.
func (s *story) requests() []cluster.Request {
	s.Helper()
	ofMarker := about(s.marker(), s.marked())
	all, err := shared.Requests(func(r cluster.Request) bool { return r.Resource != "leases" && !ofMarker(r) })
	s.must(err)
	return all
}

// wantTally compares what was counted.
func (s *story) wantTally(what string, got, want tally) {
	s.Helper()
	if !maps.Equal(got, want) {
		s.Errorf("%s took the requests %v, want %v", what, got, want)
	}
}

// wantNoLists checks that nothing was listed after so many of all requests.
func (s *story) wantNoLists(after int) {
	s.Helper()
	for _, r := range s.requests()[after:] {
		if r.Lists() {
			s.Errorf("it took %s", r)
		}
	}
}

// wantNoWrites checks that nothing was written, of whatever resource, after so many of all requests.
func (s *story) wantNoWrites(after int) {
	s.Helper()
	s.quiet()
	for _, r := range s.requests()[after:] {
		if r.Write() {
			s.Errorf("it took %s", r)
		}
	}
}

// about accepts requests about these objects.
func about(any ...place) func(cluster.Request) bool {
	return func(r cluster.Request) bool { return slices.Contains(any, place{Namespace: r.Namespace, Name: r.Name}) }
}

// reached waits until there have been so many successful requests of a verb about its kind, after so many of all requests.
func (s *story) reached(after int, verb string, n int) {
	s.Helper()
	s.until(func() error {
		if got := s.tallied(s.requests()[after:], succeeded)[verb]; got < n {
			return fmt.Errorf("%d requests to %s, want %d", got, verb, n)
		}
		return nil
	})
}

func succeeded(r cluster.Request) bool { return r.Code/100 == 2 }
