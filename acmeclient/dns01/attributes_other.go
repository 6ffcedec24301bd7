//go:build !linux

package dns01

import "syscall"

func ownGroup() *syscall.SysProcAttr { return nil }
