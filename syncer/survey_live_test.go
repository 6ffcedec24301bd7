package syncer

import (
	"maps"
	"testing"
)

// seen are the states of all copies that sources should have, as a survey of the running syncer has them.
func (w *world) seen(most int) map[string]TargetState {
	w.t.Helper()
	s := w.syncer.Survey(w.asked)
	if err := s.Probe(w.t.Context(), most); err != nil {
		w.t.Fatal(err)
	}
	if err := s.Read(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	found := map[string]TargetState{}
	for _, source := range s.Sources() {
		for _, t := range source.Targets {
			found[t.At.String()] = t.State
		}
	}
	return found
}

func TestASurveyOfARunningSyncerAsksOnlyAboutMissingCopies(t *testing.T) {
	play(t, []scene{
		{"nothing is asked while all is well", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.took()
			want := map[string]TargetState{"blue/s": Synced, "red/s": Synced}
			if got := w.seen(10); !maps.Equal(got, want) {
				w.t.Errorf("got %v", got)
			}
			w.wantTook()
		}},
		{"an object that is not ours is told from a copy that is refused, as far as was asked", func(w *world) {
			w.refuse = func(verb string, at ref) error {
				if verb == "create" && at.Namespace == "red" {
					return quota(at)
				}
				return nil
			}
			w.put("blue/s")
			w.put("home/s", syncTo("team=web"))
			w.start()
			if got, want := w.seen(10), (map[string]TargetState{"blue/s": Blocked, "red/s": Missing}); !maps.Equal(got, want) {
				w.t.Errorf("got %v", got)
			}
			if got, want := w.seen(0), (map[string]TargetState{"blue/s": Missing, "red/s": Missing}); !maps.Equal(got, want) {
				w.t.Errorf("without a question: got %v", got)
			}
		}},
		{"one that does not lead sees what changes, and what Ingresses ask for if it is told", func(w *world) {
			w.put("home/s", syncTo("team=web"))
			w.start()
			w.stop()
			if got, want := w.seen(10), (map[string]TargetState{"blue/s": Synced, "red/s": Synced}); !maps.Equal(got, want) {
				w.t.Errorf("got %v", got)
			}
			w.asked[place("red/other")] = []Request{{Source: place("home/s")}}
			if got := w.seen(10)["red/other"]; got != Missing {
				w.t.Errorf("what an Ingress asks for is %q", got)
			}
		}},
	})
}
