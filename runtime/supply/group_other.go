//go:build !unix

package supply

import "os/exec"

// asGroup leaves the command as it is where there are no process groups; there is no mmdebstrap either.
func asGroup(*exec.Cmd) {}
