package main

import (
	"errors"
	"math"
	"os"
	"runtime/debug"
	"testing"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"go.uber.org/zap"
)

func TestTheCollectorHeedsTheContainersMemoryUnlessToldOtherwise(t *testing.T) {
	const MiB = 1 << 20
	unlimited := func() (uint64, error) { return 0, memlimit.ErrNoLimit }
	broken := func() (uint64, error) { return 0, errors.New("no cgroup") }
	for _, row := range []struct {
		name        string
		environment string // GOMEMLIMIT; with it set, the Go runtime has heeded it when the process began
		container   memlimit.Provider
		want        int64
		fails       bool
	}{
		{"three quarters of the limit", "", memlimit.Limit(512 * MiB), 384 * MiB, false},
		{"no limit", "", unlimited, math.MaxInt64, false},
		{"the environment decides", "400MiB", memlimit.Limit(512 * MiB), 100 * MiB, false},
		{"what cannot be read changes nothing", "", broken, 100 * MiB, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			defer debug.SetMemoryLimit(debug.SetMemoryLimit(100 * MiB))
			defer debug.SetGCPercent(debug.SetGCPercent(50))
			t.Setenv("GOGC", "")
			t.Setenv("GOMEMLIMIT", row.environment)
			if row.environment == "" {
				os.Unsetenv("GOMEMLIMIT")
			}
			told, err := tuneCollector(row.container)
			if got := debug.SetMemoryLimit(-1); got != row.want || told != row.want || (err != nil) != row.fails {
				t.Errorf("the limit is %d, told %d, %v; want %d", got, told, err, row.want)
			}
			if got := debug.SetGCPercent(50); got != 200 {
				t.Errorf("collects at %d %%", got)
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
