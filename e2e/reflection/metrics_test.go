package reflection

import (
	"fmt"
	"maps"
	"testing"

	"github.com/wildcast/wildcast/e2e/stage"
)

// states are how many copies there are in each state, as the metrics tell. It checks that none is left out.
func (s *story) states() (map[string]int, error) {
	m, err := s.w.Metrics(s.Context())
	if err != nil {
		return nil, err
	}
	counted, all := map[string]int{}, 0
	for _, state := range []string{"synced", "behind", "contested", "failing", "blocked"} {
		n := int(m.Sum("wildcast_sync_copies", "state", state))
		if all += n; n > 0 {
			counted[state] = n
		}
	}
	if sum := int(m.Sum("wildcast_sync_copies")); sum != all {
		return nil, fmt.Errorf("%d copies, of which %d in a state that is known", sum, all)
	}
	return counted, nil
}

func (s *story) wantStates(want map[string]int) {
	s.Helper()
	s.until(func() error {
		got, err := s.states()
		if err == nil && !maps.Equal(got, want) {
			err = fmt.Errorf("copies are %v, want %v", got, want)
		}
		return err
	})
}

// Wildcast is held to 8 requests a second, so that there is time to look.
func TestTheMetricsCountCopiesByState(t *testing.T) {
	const n = 40
	both(t, "states", func(t *testing.T, s *story) {
		source := s.at("source", "omni")
		s.namespace("source")
		full, taken := s.namespace("full", "team=web"), s.namespace("taken", "team=web")
		s.must(stage.Fill(t.Context(), s.kube, full, s.kind.resource()))
		s.secret(place{Namespace: taken, Name: source.Name}, holding("mine", "1"))
		targets := s.namespaces(n, "t", "team=web")
		s.secret(source, tlsPair(t, "omni.test"), to("team=web"))
		s.copied(source, targets...)
		s.wantStates(map[string]int{"synced": n, "failing": 1, "blocked": 1})
		s.edit(source, tlsPair(t, "omni.test"))
		s.until(func() error {
			got, err := s.states()
			if err == nil && (got["behind"] == 0 || got["synced"] == 0) {
				err = fmt.Errorf("copies are %v in the middle of an update", got)
			}
			return err
		})
		s.wantStates(map[string]int{"synced": n, "failing": 1, "blocked": 1})
		s.remove(place{Namespace: taken, Name: source.Name})
		s.wantStates(map[string]int{"synced": n + 1, "failing": 1})
	}, "--kube-api-qps=8")
}
