package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
)

// report prints figures and remembers whether one missed its budget.
type report struct {
	out    io.Writer
	missed int
}

// atMost prints a figure that must not be over its budget.
func (r *report) atMost(budget float64, unit, name string, value float64) {
	r.print(name, value, unit, budget, value <= budget)
}

// atLeast prints a figure that must not be under its budget.
func (r *report) atLeast(budget float64, unit, name string, value float64) {
	r.print(name, value, unit, budget, value >= budget)
}

// A value that is no number keeps no budget.
func (r *report) print(name string, value float64, unit string, budget float64, kept bool) {
	verdict := "ok"
	if !kept {
		verdict = "MISS"
		r.missed++
	}
	fmt.Fprintf(r.out, "bench: %s %s %s budget %s %s\n", name, number(value), unit, number(budget), verdict)
}

// remark prints what explains a figure.
func (r *report) remark(format string, args ...any) {
	fmt.Fprintf(r.out, "       "+format+"\n", args...)
}

// number is v with three digits or more.
func number(v float64) string {
	switch size := math.Abs(v); {
	case size >= 100, v == math.Trunc(v):
		return strconv.FormatFloat(v, 'f', 0, 64)
	case size >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	default:
		return strconv.FormatFloat(v, 'f', 3, 64)
	}
}
