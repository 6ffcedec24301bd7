//go:build !linux

package child

import "syscall"

// Elsewhere no kernel ends a child with its parent: only a kill -9 of the test leaves it running.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
