//go:build !linux

package oidctest

import "syscall"

// endWithParent can't be had here: a test that is killed leaves the provider
// behind.
func endWithParent() *syscall.SysProcAttr { return nil }
