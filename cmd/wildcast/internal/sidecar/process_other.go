//go:build !unix

package sidecar

import (
	"os/exec"
	"syscall"
)

// signals are those by which servers reload: elsewhere there are none.
var signals = map[string]syscall.Signal{}

func group(*exec.Cmd) {}
