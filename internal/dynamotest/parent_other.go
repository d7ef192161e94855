//go:build !linux

package dynamotest

import "syscall"

// endWithParent can't be had here. The server that the tests fetch is for
// Linux; elsewhere one that is running is named in the environment.
func endWithParent() *syscall.SysProcAttr { return nil }
