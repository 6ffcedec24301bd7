package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/prometheus/procfs"
)

// cpuTimes are the seconds of CPU time, by program: at a moment those that this process and its children have taken so far,
// or sums of what they took in some turns.
type cpuTimes map[string]float64

func cpuNow() (cpuTimes, error) {
	all, err := procfs.AllProcs()
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	now := cpuTimes{}
	for _, p := range all {
		stat, err := p.Stat()
		if err == nil && (p.PID == os.Getpid() || stat.PPID == os.Getpid()) { // others may end meanwhile
			now[stat.Comm] += stat.CPUTime()
		}
	}
	return now, nil
}

// add adds what was taken between two moments.
func (c cpuTimes) add(before, after cpuTimes) {
	for program, seconds := range after {
		c[program] += seconds - before[program]
	}
}

func (c cpuTimes) all() (sum float64) {
	for _, seconds := range c {
		sum += seconds
	}
	return sum
}

// compare tells the CPU time in ms of each of n writes by wildcast and by the bare loop.
func (c cpuTimes) compare(bare cpuTimes, n int) string {
	each := func(seconds float64) float64 { return seconds * 1000 / float64(n) }
	text := []string{fmt.Sprintf("all %.2f / %.2f", each(c.all()), each(bare.all()))}
	for _, program := range slices.Sorted(maps.Keys(c)) {
		text = append(text, fmt.Sprintf("%s %.2f / %.2f", program, each(c[program]), each(bare[program])))
	}
	return strings.Join(text, ", ")
}
