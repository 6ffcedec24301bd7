package wildcast

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// RSS returns the process's resident memory in bytes, as Linux tells it (VmRSS in proc(5)). Its DNS
// children are not part of it.
func (p *Process) RSS() (int64, error) { return memory(p.PID(), "VmRSS:") }

// PeakRSS returns the most that RSS has been (VmHWM in proc(5)).
func (p *Process) PeakRSS() (int64, error) { return memory(p.PID(), "VmHWM:") }

// ChildrenPeakRSS adds up the most that the resident memory of each child that runs now has been. One
// that does nothing for some seconds ends, so ask while there is work.
func (p *Process) ChildrenPeakRSS() (sum int64) {
	parent, _ := os.Readlink(program(p.PID()))
	for _, pid := range p.Children() {
		if name, err := os.Readlink(program(pid)); err != nil || name == parent {
			continue // it has ended, or has yet to become another program than its parent
		}
		if peak, err := memory(pid, "VmHWM:"); err == nil { // it has ended since otherwise
			sum += peak
		}
	}
	return sum
}

func program(pid int) string { return fmt.Sprintf("/proc/%d/exe", pid) }

// Children returns the ids of the process's children, as proc(5) tells.
func (p *Process) Children() (pids []int) {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", p.PID()))
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			continue // that thread has ended
		}
		for _, field := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(field); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

func memory(pid int, line string) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("read memory of process %d: %w", pid, err)
	}
	for l := range strings.Lines(string(text)) {
		fields := strings.Fields(l)
		if len(fields) == 3 && fields[0] == line {
			kib, err := strconv.ParseInt(fields[1], 10, 64)
			return kib * 1024, err
		}
	}
	return 0, fmt.Errorf("read memory of process %d: there is no line %s", pid, line)
}
