package rig

import "syscall"

// dieWithParent has the kernel end a child whose parent was killed.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }
