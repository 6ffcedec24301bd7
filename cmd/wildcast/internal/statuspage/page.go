package statuspage

import (
	_ "embed"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"

	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/wildcast/wildcast/cmd/wildcast/internal/report"
)

//go:embed page.gohtml
var source string

//go:embed page.css
var style string

// page is the template. Its functions are for a page that is made at some time: render gives it.
var page = template.Must(template.New("page").Funcs(functions(time.Time{})).Parse(source))

// content is what the page shows.
type content struct {
	Snapshot
	Style        template.CSS
	Refresh      int // seconds; 0 for never
	Usual        int // seconds that a link offers
	Summary      summary
	Problems     list[report.Problem]
	Timeline     timeline
	Certificates list[report.Certificate]
	Sources      list[report.Reflection]
	Matrix       matrix
	Issuers      list[report.Issuer]
}

// list is the beginning of a list, and how many more there are.
type list[T any] struct {
	Shown []T
	More  int
}

func upTo[T any](most int, all []T) list[T] {
	shown := min(most, len(all))
	return list[T]{all[:shown], len(all) - shown}
}

// How many rows a table has at most.
const mostProblems, mostCertificates, mostSources, mostIssuers = 200, 500, 500, 100

// summary is the page in a few numbers.
type summary struct {
	Problems, Certificates, Ready, Copies, Good int
	Next                                        time.Time // renewal
}

func summaryOf(r report.Report) summary {
	s := summary{Problems: len(r.Problems), Certificates: len(r.Certificates)}
	for _, c := range r.Certificates {
		if c.State == report.Ready {
			s.Ready++
		}
		if c.Renews.After(r.Time) && (s.Next.IsZero() || c.Renews.Before(s.Next)) {
			s.Next = c.Renews
		}
	}
	for _, f := range r.Reflections {
		s.Copies += f.Copies + f.Failing
		s.Good += f.Copies - f.Behind
	}
	return s
}

// render writes the page. It is loaded again after so many seconds, if not zero.
func render(out io.Writer, s Snapshot, refresh int) error {
	t, err := page.Clone()
	if err != nil {
		return err
	}
	r := s.Report
	return t.Funcs(functions(r.Time)).Execute(out, content{
		Snapshot: s, Style: template.CSS(style), Refresh: refresh, Usual: usualRefresh, //nolint:gosec // it is ours
		Summary: summaryOf(r), Problems: upTo(mostProblems, r.Problems), Timeline: timelineOf(r.Certificates, r.Time),
		Certificates: upTo(mostCertificates, r.Certificates), Sources: upTo(mostSources, r.Reflections),
		Matrix: matrixOf(r.Reflections, s.Namespaces), Issuers: upTo(mostIssuers, r.Issuers),
	})
}

func functions(now time.Time) template.FuncMap {
	return template.FuncMap{
		"when":    func(t time.Time) string { return span(t, now) },
		"stamp":   func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") },
		"machine": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"past":    func(t time.Time) bool { return !t.After(now) },
		"plain":   plain,
		"join":    func(texts []string) string { return plain(strings.Join(texts, ", ")) },
		"state":   stateOf,
		"issuer":  issuerState,
		"copies":  copiesState,
		"least":   least,
		"split":   split,
	}
}

// split is the object of a name with its namespace.
func split(name string) report.Object {
	namespace, rest, found := strings.Cut(name, "/")
	if !found {
		return report.Object{Name: name}
	}
	return report.Object{Namespace: namespace, Name: rest}
}

// span is a time as seen from now.
func span(t, now time.Time) string {
	if t.Before(now) {
		return duration.HumanDuration(now.Sub(t)) + " ago"
	}
	return "in " + duration.HumanDuration(t.Sub(now))
}

// plain is text without characters that are not seen, or that turn the text around them.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) && r != '\n' && r != '\t' {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// mark is how a state looks: a colour, never without a mark and a word.
type mark struct{ Class, Mark, Text string }

func stateOf(s report.CertificateState) mark {
	switch s {
	case report.Ready:
		return mark{"good", "✓", string(s)}
	case report.Ordering, report.Renewing:
		return mark{"busy", "↻", string(s)}
	case report.Limited:
		return mark{"wait", "‖", string(s)}
	case report.Unused, report.Forgotten:
		return mark{"none", "−", string(s)}
	}
	return mark{"bad", "✕", string(s)}
}

func issuerState(state string) mark {
	switch state {
	case "Ready":
		return mark{"good", "✓", state}
	case report.Unseen:
		return mark{"wait", "‖", state}
	}
	return mark{"bad", "✕", state}
}

func copiesState(f report.Reflection) mark {
	switch {
	case f.Invalid != "":
		return mark{"bad", "✕", "invalid"}
	case f.Failing > 0:
		return mark{"bad", "✕", "failing"}
	case f.Behind+f.Leaving > 0:
		return mark{"busy", "↻", "behind"}
	}
	return mark{"good", "✓", "in order"}
}

// mostLimits is how many limits of a CA are shown of an issuer.
const mostLimits = 6

// least are the limits of which the least is left.
func least(all []report.Left) list[report.Left] {
	share := func(l report.Left) float64 { return float64(l.Left) / float64(max(l.Most, 1)) }
	sorted := slices.SortedStableFunc(slices.Values(all), func(a, b report.Left) int {
		if d := share(a) - share(b); d != 0 {
			return int(d * 1e6)
		}
		return 0
	})
	return upTo(mostLimits, sorted)
}
