//go:build !unix

package job

import "os/exec"

// asGroup leaves the command as it is where there are no process groups.
func asGroup(*exec.Cmd) {}

func killGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() }
