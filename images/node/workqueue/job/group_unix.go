//go:build unix

package job

import (
	"os/exec"
	"syscall"
)

// asGroup makes the command the head of a process group, so that what it starts can be ended with it.
func asGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killGroup ends the group. That one is gone already is no error.
func killGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
