package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestTheCPUTimeOfThisProcessIsCounted(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Base(self)
	name = name[:min(len(name), 15)] // as proc(5) has it
	before, err := cpuNow()
	if err != nil {
		t.Fatal(err)
	}
	for taken := (cpuTimes{}); taken[name] < 0.05; {
		for began := time.Now(); time.Since(began) < 10*time.Millisecond; {
		}
		now, err := cpuNow()
		if err != nil {
			t.Fatal(err)
		}
		taken = cpuTimes{}
		taken.add(before, now)
		if _, counted := now[name]; !counted {
			t.Fatalf("%s is not among %v", name, now)
		}
	}
}

func TestCPUTimesAreComparedPerWrite(t *testing.T) {
	ours, theirs := cpuTimes{"bench": 0.1, "wildcast": 0.2}, cpuTimes{"bench": 0.2}
	ours.add(cpuTimes{"wildcast": 5}, cpuTimes{"wildcast": 5.3})
	if got, want := ours.compare(theirs, 100), "all 6.00 / 2.00, bench 1.00 / 2.00, wildcast 5.00 / 0.00"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
