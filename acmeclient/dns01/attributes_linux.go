package dns01

import "syscall"

// ownGroup keeps a Ctrl-C at the terminal from the child, which must live on to take its records back.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
