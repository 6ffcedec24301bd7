package dns01_test

import (
	"slices"
	"testing"

	"github.com/wildcast/wildcast/acmeclient/dns01"
)

func TestALookTellsWhatEachServerShows(t *testing.T) {
	w := newWorld(t, dns01.Config{})
	second, err := w.dns.AddServer()
	must(t, err)
	settings := []dns01.Settings{w.settings()}
	look := func() (shown [][]string) {
		t.Helper()
		seen, err := dns01.Look(t.Context(), settings, "a.test")
		must(t, err)
		if seen.FQDN != "_acme-challenge.a.test." || seen.Zone != "a.test." || seen.Solver != "test" {
			t.Errorf("it looks at %+v", seen)
		}
		for _, server := range seen.Servers {
			if server.Fault != "" {
				t.Errorf("%s: %s", server.Server, server.Fault)
			}
			shown = append(shown, server.Values)
		}
		return shown
	}
	if shown := look(); !slices.EqualFunc(shown, [][]string{nil, nil}, slices.Equal) {
		t.Errorf("before there is a record: %v", shown)
	}
	remove, err := w.pool.Solver(settings, nil).Present(t.Context(), challenge("a.test"))
	must(t, err)
	second.Hide()
	value := w.dns.TXT("_acme-challenge.a.test")
	if shown := look(); !slices.EqualFunc(shown, [][]string{value, nil}, slices.Equal) || len(value) != 1 {
		t.Errorf("with the record on one of two servers: %v", shown)
	}
	second.Show()
	must(t, remove(t.Context()))
	w.clean()
}

func TestALookTellsWhichSolverIsMissing(t *testing.T) {
	_, err := dns01.Look(t.Context(), nil, "a.test")
	if missing := errorAs[*dns01.NoSolverError](t, err); missing.Domain != "a.test" {
		t.Error(err)
	}
}
