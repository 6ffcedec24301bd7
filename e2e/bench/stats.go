package main

import (
	"math"
	"slices"
	"time"
)

// quantile returns the smallest value that at least a share q of the values do not exceed; NaN if there are none.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[max(int(math.Ceil(q*float64(len(sorted))))-1, 0)]
}

func median(values []float64) float64 { return quantile(values, 0.5) }

// milliseconds turns times into numbers.
func milliseconds(times []time.Duration) []float64 {
	out := make([]float64, len(times))
	for i, t := range times {
		out[i] = float64(t) / float64(time.Millisecond)
	}
	return out
}
