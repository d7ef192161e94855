package oidctest

import "syscall"

// endWithParent has the kernel end a process with the one that started it,
// however that ends: a test that panics or is killed leaves no server behind.
func endWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
