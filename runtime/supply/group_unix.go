//go:build unix

package supply

import (
	"os/exec"
	"syscall"
)

// asGroup makes the command the head of a process group, all of which is asked to end when the command's context does, as Ctrl-C in a
// terminal would: a tool that runs others waits for them before it cleans up.
func asGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
}
