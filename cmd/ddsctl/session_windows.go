package main

import "syscall"

// ownSession takes a process out of the console's reach: DETACHED_PROCESS and a process group of its own.
func ownSession() *syscall.SysProcAttr {
	const detached = 0x00000008
	return &syscall.SysProcAttr{CreationFlags: detached | syscall.CREATE_NEW_PROCESS_GROUP}
}
