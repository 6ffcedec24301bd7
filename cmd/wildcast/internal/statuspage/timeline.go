package statuspage

import (
	"fmt"
	"slices"
	"time"

	"github.com/wildcast/wildcast/cmd/wildcast/internal/report"
)

// timeline shows certificates over time, what ends first at the top.
type timeline struct {
	Now   percent
	Ticks []tick
	Bars  []bar
	More  int // certificates that there is no room for
}

type tick struct {
	At   percent
	Text string
}

// bar is one certificate's life. Its parts are cut at the ends of the timeline.
type bar struct {
	report.Certificate
	Begin   percent // where it begins
	Lived   percent // how much of it is over
	Next    percent // where what is left begins, up to the renewal
	Ahead   percent // how much that is
	Reserve percent // how much is left after the renewal
	Renew   percent // where it is renewed; below zero if that is not shown
	Beyond  bool    // it ends after the timeline
	Over    bool    // it has expired
}

// percent is a place on the timeline, or a length.
type percent float64

func (p percent) String() string { return fmt.Sprintf("%.2f%%", float64(p)) }

// Shown reports whether the place is on the timeline.
func (p percent) Shown() bool { return p >= 0 }

// mostBars is how many certificates a timeline has room for.
const mostBars = 60

// The timeline looks ahead to the last end of a certificate within these bounds, and back a third as far.
const (
	shortestView = 6 * 24 * time.Hour
	longestView  = 120 * 24 * time.Hour
)

// timelineOf shows the certificates that there are.
func timelineOf(all []report.Certificate, now time.Time) timeline {
	var shown []report.Certificate
	ahead := shortestView
	for _, c := range all {
		if c.Expires.IsZero() {
			continue
		}
		shown = append(shown, c)
		ahead = max(ahead, min(c.Expires.Sub(now)*21/20, longestView))
	}
	slices.SortStableFunc(shown, func(a, b report.Certificate) int { return a.Expires.Compare(b.Expires) })
	t := timeline{More: max(len(shown)-mostBars, 0)}
	view := view{from: now.Add(-ahead / 3), until: now.Add(ahead)}
	t.Now, t.Ticks = view.at(now), view.ticks(now)
	for _, c := range shown[:min(len(shown), mostBars)] {
		t.Bars = append(t.Bars, view.bar(c, now))
	}
	return t
}

// view is the span that a timeline shows.
type view struct{ from, until time.Time }

// at is the place of a time, or the end of the timeline that is nearest to it.
func (v view) at(t time.Time) percent {
	share := percent(100 * float64(t.Sub(v.from)) / float64(v.until.Sub(v.from)))
	return min(max(share, 0), 100)
}

func (v view) bar(c report.Certificate, now time.Time) bar {
	begin, end, renew := v.at(c.NotBefore), v.at(c.Expires), v.at(c.Renews)
	next := min(max(v.at(now), begin), end)
	turn := min(max(renew, next), end)
	b := bar{Certificate: c, Begin: begin, Lived: next - begin, Next: next, Ahead: turn - next, Reserve: end - turn, Renew: -1}
	b.Beyond, b.Over = c.Expires.After(v.until), !c.Expires.After(now)
	if !c.Renews.Before(v.from) && !c.Renews.After(v.until) {
		b.Renew = renew
	}
	return b
}

// Turn is where the reserve begins.
func (b bar) Turn() percent { return b.Next + b.Ahead }

// spans are how far ticks may be apart.
var spans = []int{1, 2, 4, 7, 14, 28}

// ticks are days at midnight, UTC, at most eight of them.
func (v view) ticks(now time.Time) (all []tick) {
	days := int(v.until.Sub(v.from).Hours() / 24)
	span := spans[len(spans)-1]
	for _, s := range slices.Backward(spans) {
		if days/s < 8 {
			span = s
		}
	}
	today := now.UTC().Truncate(24 * time.Hour)
	for t := today.AddDate(0, 0, -span*(days/span)); t.Before(v.until); t = t.AddDate(0, 0, span) {
		if at := v.at(t); at > 1 && at < 95 && !t.Equal(today) {
			all = append(all, tick{at, t.Format("2 Jan")})
		}
	}
	return all
}
