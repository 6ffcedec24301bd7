package sidecar

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// ParseSignal reads the name of a signal, with or without SIG.
func ParseSignal(name string) (syscall.Signal, error) {
	if signal, known := signals[strings.TrimPrefix(strings.ToUpper(name), "SIG")]; known {
		return signal, nil
	}
	return 0, fmt.Errorf("%q is no signal by which a process reloads: give one of %s", name, strings.Join(slices.Sorted(maps.Keys(signals)), ", "))
}

// send sends a signal to the process whose number a file holds.
func send(signal syscall.Signal, pidFile string) error {
	text, err := os.ReadFile(pidFile)
	if err != nil {
		return fmt.Errorf("find process to reload: %w", err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid < 1 {
		return fmt.Errorf("find process to reload: %s does not hold the number of a process", pidFile)
	}
	process, err := os.FindProcess(pid)
	if err == nil {
		err = process.Signal(signal)
	}
	if err != nil {
		return fmt.Errorf("send %s to process %d of %s: %w", signal, pid, pidFile, err)
	}
	return nil
}
