//go:build !windows

package main

import "syscall"

// ownSession takes a process out of the terminal's reach.
func ownSession() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
