package subprocess

import "syscall"

// dieWithParent has the kernel send a signal when this process dies, however it dies.
func dieWithParent(attr *syscall.SysProcAttr, sig syscall.Signal) { attr.Pdeathsig = sig }
