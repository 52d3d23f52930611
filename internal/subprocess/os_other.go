//go:build !linux

package subprocess

import "syscall"

// dieWithParent has no counterpart here.
func dieWithParent(*syscall.SysProcAttr, syscall.Signal) {}
