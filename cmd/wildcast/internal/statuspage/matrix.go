package statuspage

import (
	"cmp"
	"slices"
	"strings"

	"github.com/wildcast/wildcast/cmd/wildcast/internal/report"
	"github.com/wildcast/wildcast/syncer"
)

// cell is how it is with one source's copies in one namespace; of several, with the worst.
type cell int

// From good to bad.
const (
	notSelected cell = iota
	itself           // the source is there
	inOrder
	leaving
	behind
	failing
)

var cells = map[cell]struct{ Class, Mark, Text string }{
	notSelected: {"none", "·", "not selected"},
	itself:      {"source", "◆", "the source"},
	inOrder:     {"good", "✓", "in order"},
	leaving:     {"busy", "−", "leaving"},
	behind:      {"busy", "↻", "behind"},
	failing:     {"bad", "✕", "failing"},
}

func (c cell) Class() string { return cells[c].Class }
func (c cell) Mark() string  { return cells[c].Mark }
func (c cell) Text() string  { return cells[c].Text }

// matrix tells which source is copied to which namespace. With more than fits on a page it has counts instead.
type matrix struct {
	Sources  []report.Reflection
	Rows     []row
	Counted  bool     // rows have counts, not cells
	Fine     int      // namespaces left out of the counts, in which all is in order
	More     int      // namespaces left out for want of room
	Unwanted []string // namespaces that no source selects, at most so many
	Others   int      // more of these
}

// row is one namespace.
type row struct {
	Namespace                      string
	Cells                          []cell
	Good, Leaving, Behind, Failing int
}

const (
	mostColumns  = 40
	mostCells    = 4000
	mostRows     = 200 // with counts
	mostUnwanted = 30
)

// matrixOf makes the matrix.
func matrixOf(sources []report.Reflection, namespaces []string) matrix {
	m := matrix{Sources: sources}
	rows := rowsOf(sources)
	for _, n := range namespaces {
		if rows[n] != nil {
			m.Rows = append(m.Rows, *rows[n])
			continue
		}
		if len(m.Unwanted) < mostUnwanted {
			m.Unwanted = append(m.Unwanted, n)
		} else {
			m.Others++
		}
	}
	if m.Counted = len(sources) > mostColumns || len(sources)*len(m.Rows) > mostCells; m.Counted {
		m.count()
	}
	return m
}

// rowsOf are the rows by namespace, of all that a source selects or has something in.
func rowsOf(sources []report.Reflection) map[string]*row {
	rows := map[string]*row{}
	set := func(namespace string, column int, state cell) {
		r := rows[namespace]
		if r == nil {
			r = &row{Namespace: namespace, Cells: make([]cell, len(sources))}
			rows[namespace] = r
		}
		r.Cells[column] = max(r.Cells[column], state)
	}
	for i, source := range sources {
		set(source.Namespace, i, itself)
		for _, namespace := range source.InOrder {
			set(namespace, i, inOrder)
		}
		for _, t := range source.Targets {
			set(t.Namespace, i, cellOf(t.State))
		}
	}
	return rows
}

func cellOf(s syncer.TargetState) cell {
	switch s {
	case syncer.Synced, syncer.Kept:
		return inOrder
	case syncer.Behind:
		return behind
	case syncer.Leaving:
		return leaving
	}
	return failing
}

// count makes counts of the rows, and leaves out those in which all is in order. The worst come first.
func (m *matrix) count() {
	var kept []row
	for _, r := range m.Rows {
		for _, c := range r.Cells {
			switch c {
			case inOrder:
				r.Good++
			case leaving:
				r.Leaving++
			case behind:
				r.Behind++
			case failing:
				r.Failing++
			}
		}
		if r.Leaving+r.Behind+r.Failing > 0 {
			kept = append(kept, r)
		}
	}
	m.Fine = len(m.Rows) - len(kept)
	slices.SortStableFunc(kept, func(a, b row) int {
		return cmp.Or(b.Failing-a.Failing, b.Behind-a.Behind, b.Leaving-a.Leaving, strings.Compare(a.Namespace, b.Namespace))
	})
	m.More = max(len(kept)-mostRows, 0)
	m.Rows = kept[:len(kept)-m.More]
}
