package dns01_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/wildcast/wildcast/acmeclient"
	"github.com/wildcast/wildcast/acmeclient/dns01"
)

func TestALookTellsWhatEachServerShows(t *testing.T) {
	w := newWorld(t, dns01.Config{})
	second, err := w.dns.AddServer()
	must(t, err)
	settings := []dns01.Settings{w.settings()}
	look := func() (shown [][]string) {
		t.Helper()
		seen, err := dns01.Look(t.Context(), settings, acmeclient.Challenge{Domain: "a.test"}, nil)
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
	_, err := dns01.Look(t.Context(), nil, acmeclient.Challenge{Domain: "a.test"}, nil)
	if missing := errorAs[*dns01.NoSolverError](t, err); missing.Domain != "a.test" {
		t.Error(err)
	}
}

func TestALookJudgesTheRecordsThatAreSoughtAsAnOrderWould(t *testing.T) {
	w := newWorld(t, dns01.Config{})
	second, err := w.dns.AddServer()
	must(t, err)
	w.dns.AddTXT("_acme-challenge.a.test", "one")
	w.dns.AddTXT("_acme-challenge.a.test", "left over")
	second.Hide()
	ch := acmeclient.Challenge{Domain: "a.test"}
	for _, row := range []struct {
		texts   []string
		found   []int
		lacking []string
	}{
		{nil, []int{0, 0}, nil},
		{[]string{"one"}, []int{1, 0}, []string{"ns2.a.test. (127.0.0.2"}},
		{[]string{"one", "two"}, []int{1, 0}, []string{"ns1.a.test. (127.0.0.1", "ns2.a.test. (127.0.0.2"}},
	} {
		seen, err := dns01.Look(t.Context(), []dns01.Settings{w.settings()}, ch, row.texts)
		must(t, err)
		if seen.Sought != len(row.texts) || len(seen.Servers) != 2 || seen.Servers[0].Found != row.found[0] || seen.Servers[1].Found != row.found[1] {
			t.Errorf("%v: %+v", row.texts, seen)
		}
		if lacking := seen.Lacking(); !slices.EqualFunc(lacking, row.lacking, strings.HasPrefix) {
			t.Errorf("%v: lacking are %q", row.texts, lacking)
		}
	}
}

func TestALookAtAPersistentRecordTellsWhatToCreateAndWhatIsWrongWithWhatIsThere(t *testing.T) {
	w := newWorld(t, dns01.Config{})
	settings := []dns01.Settings{{Name: "persistent", Provider: "persist", Nameservers: w.dns.Addrs()}}
	ch, value := persistent("a.test")
	look := func() dns01.Sighting {
		t.Helper()
		seen, err := dns01.Look(t.Context(), settings, ch, nil)
		must(t, err)
		if seen.FQDN != "_validation-persist.a.test." || seen.Zone != "a.test." || seen.Solver != "persistent" || !seen.Persist || seen.Create != value || seen.Sought != 1 || len(seen.Servers) != 1 {
			t.Errorf("%+v", seen)
		}
		return seen
	}
	if lacking := look().Lacking(); len(lacking) != 1 || !strings.HasSuffix(lacking[0], ") has no such record") {
		t.Errorf("before there is one: %q", lacking)
	}
	w.dns.AddTXT("_validation-persist.a.test", dns01.PersistentValue("ca.test", account, false))
	if lacking := look().Lacking(); len(lacking) != 1 || !strings.HasSuffix(lacking[0], "its record for ca.test lacks policy=wildcard") {
		t.Errorf("with one for the domain alone: %q", lacking)
	}
	w.dns.AddTXT("_validation-persist.a.test", value)
	if lacking := look().Lacking(); len(lacking) != 0 {
		t.Errorf("with the right one: %q", lacking)
	}
	ch.Issuers = nil // it is not known yet what the CA is called there
	seen, err := dns01.Look(t.Context(), settings, ch, nil)
	must(t, err)
	if seen.FQDN != "_validation-persist.a.test." || !seen.Persist || seen.Create != "" || seen.Sought != 0 || len(seen.Servers[0].Values) != 2 {
		t.Errorf("%+v", seen)
	}
}
