package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"
)

// Print writes a report for people: what is wrong first. Wide adds columns, with times instead of spans.
func Print(out io.Writer, r Report, wide bool) error {
	p := &printer{out: tabwriter.NewWriter(out, 0, 8, 2, ' ', 0), now: r.Time, wide: wide}
	p.problems(r)
	p.certificates(r.Certificates)
	p.reflections(r.Reflections)
	p.issuers(r.Issuers)
	if len(r.Problems)+len(r.Certificates)+len(r.Reflections)+len(r.Issuers) == 0 {
		fmt.Fprintln(p.out, "Nothing here is wildcast's.")
	}
	return p.out.Flush()
}

type printer struct {
	out   *tabwriter.Writer
	now   time.Time
	wide  bool
	begun bool
}

// section begins a part with its header, an empty line after the one before.
func (p *printer) section(columns ...string) {
	if p.begun {
		fmt.Fprintln(p.out)
	}
	p.begun = true
	p.row(columns...)
}

// row writes the cells, and a dash for what is empty.
func (p *printer) row(cells ...string) {
	for i, cell := range cells {
		cells[i] = cmp.Or(cell, "-")
	}
	fmt.Fprintln(p.out, strings.Join(cells, "\t"))
}

func (p *printer) problems(r Report) {
	if r.Running.Unknown != "" {
		fmt.Fprintf(p.out, "It is not known whether wildcast runs: %s.\n", r.Running.Unknown)
		p.begun = true
	}
	if len(r.Problems) == 0 {
		return
	}
	p.section(fmt.Sprintf("PROBLEMS (%d)", len(r.Problems)))
	for _, problem := range r.Problems {
		fmt.Fprintf(p.out, "%s: %s\n    %s\n", problem.Object.named(), problem.Reason, strings.ReplaceAll(problem.Message, "\t", " "))
	}
}

// when is a time as a span from now, or whole in wide output.
func (p *printer) when(t time.Time) string {
	switch {
	case t.IsZero():
		return ""
	case p.wide:
		return t.UTC().Format(time.RFC3339)
	case t.Before(p.now):
		return duration.HumanDuration(p.now.Sub(t)) + " ago"
	}
	return "in " + duration.HumanDuration(t.Sub(p.now))
}

func (p *printer) certificates(all []Certificate) {
	if len(all) == 0 {
		return
	}
	columns := []string{"CERTIFICATE", "STATE", "ISSUER", "EXPIRES", "RENEWS", "NEXT ATTEMPT"}
	if p.wide {
		columns = append(columns, "NAMES", "ASKED BY", "SERIAL", "ORDER")
	}
	p.section(columns...)
	for _, c := range all {
		cells := []string{c.Namespace + "/" + c.Name, string(c.State), c.Issuer, p.when(c.Expires), p.when(c.Renews), p.when(c.NextAttempt)}
		if p.wide {
			cells = append(cells, strings.Join(c.Names, ","), fmt.Sprint(len(c.AskedBy)), c.Serial, c.Order)
		}
		p.row(cells...)
	}
}

func (p *printer) reflections(all []Reflection) {
	if len(all) == 0 {
		return
	}
	columns := []string{"SOURCE", "SELECTOR", "COPIES", "BEHIND", "FAILING"}
	if p.wide {
		columns = append(columns, "LEAVING", "AS", "CONTEXTS")
	}
	p.section(columns...)
	for _, r := range all {
		cells := []string{r.Object.String(), selector(r), fmt.Sprint(r.Copies), fmt.Sprint(r.Behind), fmt.Sprint(r.Failing)}
		if p.wide {
			cells = append(cells, fmt.Sprint(r.Leaving), r.As, strings.Join(r.Contexts, ","))
		}
		p.row(cells...)
	}
}

// selector is a source's selector as a cell.
func selector(r Reflection) string {
	if r.Invalid != "" {
		return "invalid"
	}
	return r.Where()
}

func (p *printer) issuers(all []Issuer) {
	if len(all) == 0 {
		return
	}
	columns := []string{"ISSUER", "STATE", "KIND", "SERVER", "BUDGET"}
	if p.wide {
		columns = append(columns, "ACCOUNT")
	}
	p.section(columns...)
	for _, i := range all {
		cells := []string{i.Namespace + "/" + i.Name, i.State, i.Kind, i.Server, p.budget(i.Budget)}
		if p.wide {
			cells = append(cells, i.Account)
		}
		p.row(cells...)
	}
}

// shownLimits is how many limits a cell has room for.
const shownLimits = 3

// budget is what is left, the least first.
func (p *printer) budget(all []Left) string {
	all = slices.SortedStableFunc(slices.Values(all), func(a, b Left) int { return cmp.Compare(a.Left, b.Left) })
	var texts []string
	for _, left := range all {
		if text := left.String(); text != "" {
			texts = append(texts, text)
		}
	}
	if more := len(texts) - shownLimits; more > 0 && !p.wide {
		texts = append(texts[:shownLimits], fmt.Sprintf("%d more", more))
	}
	return strings.Join(texts, ", ")
}

func namespaceIn(name string) string { namespace, _, _ := strings.Cut(name, "/"); return namespace }
func nameIn(name string) string      { _, name, _ = strings.Cut(name, "/"); return name }
