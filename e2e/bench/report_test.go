package main

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestAFigureIsJudgedByItsBudget(t *testing.T) {
	var out strings.Builder
	r := report{out: &out}
	r.atMost(10, "requests", "within", 10)
	r.atMost(10, "requests", "over", 11)
	r.atLeast(0.9, "ratio", "fast", 0.95)
	r.atLeast(0.9, "ratio", "slow", 0.8999)
	r.atLeast(0.9, "ratio", "unknown", math.NaN())
	want := `bench: within 10 requests budget 10 ok
bench: over 11 requests budget 10 MISS
bench: fast 0.950 ratio budget 0.900 ok
bench: slow 0.900 ratio budget 0.900 MISS
bench: unknown NaN ratio budget 0.900 MISS
`
	if out.String() != want || r.missed != 3 {
		t.Errorf("%d missed:\n%swant:\n%s", r.missed, out.String(), want)
	}
}

func TestNumbersKeepThreeDigits(t *testing.T) {
	for value, want := range map[float64]string{0: "0", 1: "1", 0.12345: "0.123", 1.5: "1.500", 44.16: "44.2", 812.3: "812"} {
		if got := number(value); got != want {
			t.Errorf("number(%v) = %s, want %s", value, got, want)
		}
	}
}

func TestQuantilesAreValuesThatWereMeasured(t *testing.T) {
	values := milliseconds([]time.Duration{4 * time.Millisecond, time.Millisecond, 3 * time.Millisecond, 2 * time.Millisecond})
	for q, want := range map[float64]float64{0: 1, 0.5: 2, 0.75: 3, 0.99: 4, 1: 4} {
		if got := quantile(values, q); got != want {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	if !math.IsNaN(median(nil)) {
		t.Error("the median of nothing is a number")
	}
}

func TestTheOverallRateIsThatOfAllTurnsTogether(t *testing.T) {
	if got := overall([]float64{1000, 500}); math.Abs(got-2000.0/3) > 1e-9 { // 1,000 copies in 1 s, and 1,000 in 2 s
		t.Error(got)
	}
	if got := standardError([]float64{0.8, 1.2}); math.Abs(got-0.2) > 1e-9 {
		t.Error(got)
	}
}
