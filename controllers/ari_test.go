package controllers

import (
	"fmt"
	"testing"
	"time"
)

func TestTheInstantInAWindow(t *testing.T) {
	window := func(from, to time.Duration) Window { return Window{now.Add(from), now.Add(to)} }
	for _, row := range []struct {
		name             string
		window           Window
		renewBefore      time.Duration
		earliest, latest time.Duration // from NotBefore; the certificate lives for 90 days
	}{
		{"none: the rule", Window{}, 0, 90*day - 30*day - 90*day/20, 60 * day},
		{"a window", window(62*day, 63*day), 0, 62 * day, 63 * day},
		{"an early window", window(day, 2*day), 0, day, 2 * day},
		{"a window of the past", window(-2*day, -day), 0, -2 * day, -day},
		{"a window of the whole life", window(0, 90*day), 0, 30 * day, 90 * day * 19 / 20},
		{"a window that ends after the certificate", window(85*day, 100*day), 0, 85 * day, 90 * day * 19 / 20},
		{"a window in the emergency", window(88*day, 89*day), 0, 90 * day * 19 / 20, 90 * day * 19 / 20},
		{"a window after the certificate", window(100*day, 101*day), 0, 90 * day * 19 / 20, 90 * day * 19 / 20},
		{"renewBefore, and a later window", window(62*day, 63*day), 40 * day, 45 * day, 50 * day},
		{"renewBefore, and an earlier window", window(62*day, 63*day), 10 * day, 62 * day, 63 * day},
	} {
		seen := map[time.Time]bool{}
		for i := range 100 {
			h := &Have{NotBefore: now, NotAfter: now.Add(90 * day), Serial: fmt.Sprint(i), Window: row.window}
			at := h.renewAt(row.renewBefore)
			if at.Before(now.Add(row.earliest-time.Second)) || at.After(now.Add(row.latest)) {
				t.Errorf("%s: due after %s, want %s to %s", row.name, at.Sub(now), row.earliest, row.latest)
			}
			if !at.Equal(h.renewAt(row.renewBefore)) {
				t.Errorf("%s: it is due at two times", row.name)
			}
			seen[at] = true
		}
		if row.earliest != row.latest && len(seen) < 90 {
			t.Errorf("%s: %d instants for 100 certificates", row.name, len(seen))
		}
	}
}

func TestTurnsAreAnIntervalApartAndTheSameForEveryProcess(t *testing.T) {
	phases := map[time.Duration]bool{}
	for i := range 100 {
		serial := fmt.Sprint(i)
		first := turnAfter(now, usualInterval, serial)
		phases[first.Sub(now)] = true
		if wait := first.Sub(now); wait <= 0 || wait > usualInterval {
			t.Errorf("the turn is after %s", wait)
		}
		for _, later := range []time.Time{now.Add(first.Sub(now) / 2), first.Add(-1)} {
			if got := turnAfter(later, usualInterval, serial); !got.Equal(first) {
				t.Errorf("from %s the turn is at %s, want %s", later, got, first)
			}
		}
		if got := turnAfter(first, usualInterval, serial); got.Sub(first) != usualInterval {
			t.Errorf("the next turn is after %s", got.Sub(first))
		}
	}
	if len(phases) < 95 {
		t.Errorf("100 certificates have %d turns", len(phases))
	}
}

func TestACAsIntervalCountsWithinBounds(t *testing.T) {
	for said, want := range map[time.Duration]time.Duration{
		0: 6 * time.Hour, time.Second: time.Minute, time.Hour: time.Hour, 30 * day: day,
	} {
		if got := intervalOf(said); got != want {
			t.Errorf("for %s: got %s, want %s", said, got, want)
		}
	}
}

func TestAWindowOfAnotherCertificateDoesNotCount(t *testing.T) {
	have := haveOf(held(t, "*.a.test", day))
	past := Window{now.Add(-2 * day), now.Add(-day)}
	for serial, want := range map[string]Action{have.Serial: Issue, "other": Keep} {
		r := &Record{Suggestion: Suggestion{Serial: serial, Window: past}}
		have.Window = Window{}
		if plan := planFor(wanted("*.a.test"), r.inform(have), r, "in", now); plan.Do != want {
			t.Errorf("serial %s: planned %+v, want %s", serial, plan, want)
		}
	}
}
