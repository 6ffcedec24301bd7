package statuspage

import (
	"fmt"
	"testing"
	"time"

	"github.com/wildcast/wildcast/cmd/wildcast/internal/report"
)

func TestACertificateIsABarFromItsBeginToItsEnd(t *testing.T) {
	at := func(begins, renews, ends time.Duration) report.Certificate {
		return report.Certificate{Name: "c", NotBefore: now.Add(begins), Renews: now.Add(renews), Expires: now.Add(ends)}
	}
	for _, row := range []struct {
		name string
		of   report.Certificate
		want string // begin, lived, next, ahead, reserve, renew
	}{
		// The view is from 40 days ago, at 0, to 120 days ahead, at 100: now is at 25, and a day is 0.625.
		{"in its middle", at(-40*day, 40*day, 80*day), "0 25 25 25 25 50"},
		{"due already", at(-40*day, -8*day, 40*day), "0 25 25 0 25 20"},
		{"over", at(-32*day, -24*day, -16*day), "5 10 15 0 0 10"},
		{"longer than the view", at(-400*day, 300*day, 400*day), "0 25 25 75 0 -1"},
		{"not yet valid", at(8*day, 40*day, 48*day), "30 0 30 20 5 50"},
	} {
		long := at(-day, day, 1000*day)
		line := timelineOf([]report.Certificate{long, row.of}, now)
		b := line.Bars[0]
		if row.of.Expires.After(long.Expires) {
			b = line.Bars[1]
		}
		got := fmt.Sprintf("%g %g %g %g %g %g", b.Begin, b.Lived, b.Next, b.Ahead, b.Reserve, b.Renew)
		if got != row.want {
			t.Errorf("%s: %s, want %s", row.name, got, row.want)
		}
		if b.Over != (row.name == "over") || b.Beyond != (row.name == "longer than the view") {
			t.Errorf("%s: %+v", row.name, b)
		}
	}
}

func TestTicksAreFewAndDoNotMeet(t *testing.T) {
	for ahead := shortestView; ahead <= longestView; ahead += 12 * time.Hour {
		line := timelineOf([]report.Certificate{{NotBefore: now.Add(-day), Expires: now.Add(ahead)}}, now)
		if n := len(line.Ticks); n < 2 || n > 9 {
			t.Errorf("%d ticks with %s ahead", n, ahead)
		}
		for i, tick := range line.Ticks[1:] {
			if apart := tick.At - line.Ticks[i].At; apart < 8 {
				t.Errorf("with %s ahead, %s and %s are %s apart", ahead, line.Ticks[i].Text, tick.Text, apart)
			}
		}
	}
}
