package main

import (
	"errors"
	"math"
	"runtime/debug"
	"testing"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"go.uber.org/zap"
)

func TestTheCollectorHeedsTheContainersMemoryUnlessToldOtherwise(t *testing.T) {
	const MiB = 1 << 20
	unlimited := func() (uint64, error) { return 0, memlimit.ErrNoLimit }
	outside := func() (uint64, error) { return 0, memlimit.ErrNoCgroup }
	elsewhere := func() (uint64, error) { return 0, memlimit.ErrCgroupsNotSupported }
	broken := func() (uint64, error) { return 0, errors.New("permission denied") }
	for _, row := range []struct {
		name            string
		percent, memory string // GOGC, GOMEMLIMIT; with them set, the Go runtime has heeded them when the process began
		container       memlimit.Provider
		wantGC          int
		wantMemory      int64
		fails           bool
	}{
		{"three quarters of the limit", "", "", memlimit.Limit(512 * MiB), 200, 384 * MiB, false},
		{"no limit", "", "", unlimited, 200, 100 * MiB, false},
		{"no container", "", "", outside, 200, 100 * MiB, false},
		{"no Linux", "", "", elsewhere, 200, 100 * MiB, false},
		{"GOMEMLIMIT decides", "", "400MiB", memlimit.Limit(512 * MiB), 200, 100 * MiB, false},
		{"GOGC decides", "50", "", memlimit.Limit(512 * MiB), 50, 384 * MiB, false},
		{"what cannot be read changes nothing", "", "", broken, 200, 100 * MiB, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			defer debug.SetMemoryLimit(debug.SetMemoryLimit(100 * MiB))
			defer debug.SetGCPercent(debug.SetGCPercent(50))
			t.Setenv("GOGC", row.percent)
			t.Setenv("GOMEMLIMIT", row.memory)
			told, err := tuneCollector(row.container)
			if got := debug.SetMemoryLimit(-1); got != row.wantMemory || told != row.wantMemory || (err != nil) != row.fails {
				t.Errorf("the limit is %d, told %d, %v; want %d", got, told, err, row.wantMemory)
			}
			if got := debug.SetGCPercent(50); got != row.wantGC {
				t.Errorf("collects at %d %%, want %d", got, row.wantGC)
			}
		})
	}
}

func TestTheLogTellsOfAMemoryLimitThatThereIs(t *testing.T) {
	if got := memoryLimit(384 << 20); !got.Equals(zap.String("memoryLimit", "384 MiB")) {
		t.Error(got)
	}
	if got := memoryLimit(math.MaxInt64); !got.Equals(zap.Skip()) {
		t.Error(got)
	}
}
