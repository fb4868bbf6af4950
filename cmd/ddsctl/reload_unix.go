//go:build unix

package main

import (
	"os"
	"syscall"
)

// reloadSignals tell a service to read its configuration anew.
var reloadSignals = []os.Signal{syscall.SIGHUP}

// tellSignals are the signals by which one process tells another something, by name.
var tellSignals = map[string]os.Signal{"HUP": syscall.SIGHUP, "INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "USR1": syscall.SIGUSR1, "USR2": syscall.SIGUSR2}
