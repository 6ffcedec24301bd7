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

// overall is the rate of turns of the same size together: their harmonic mean.
func overall(rates []float64) float64 {
	var took float64
	for _, r := range rates {
		took += 1 / r
	}
	return float64(len(rates)) / took
}

// standardError is that of the mean; NaN for fewer than two values.
func standardError(values []float64) float64 {
	n := float64(len(values))
	var mean, squares float64
	for _, v := range values {
		mean += v / n
	}
	for _, v := range values {
		squares += (v - mean) * (v - mean)
	}
	return math.Sqrt(squares / (n - 1) / n)
}

// milliseconds turns times into numbers.
func milliseconds(times []time.Duration) []float64 {
	out := make([]float64, len(times))
	for i, t := range times {
		out[i] = float64(t) / float64(time.Millisecond)
	}
	return out
}
