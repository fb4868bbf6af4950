package main

import (
	"net"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/runtime/ready"
)

func newLabCommand(a *app) *cobra.Command {
	return group("lab", "Find labs, start them, look into them, take them down",
		`A lab is one exercise of the book: a folder with a Compose file, what Compose has no word for, and a guide. The catalogue is in
ddsctl itself; any other folder with a Compose file works too.`,
		newLabListCommand(a), newLabShowCommand(a), newLabUpCommand(a), newLabApplyCommand(a), newLabRestartCommand(a), newLabScaleCommand(a),
		newLabInitCommand(a), newLabLintCommand(a), newLabExportCommand(a), newLabSealCommand(a), newLabSchemaCommand(a),
		newLabStatusCommand(a), newLabLogsCommand(a), newLabExecCommand(a), newLabShellCommand(a), newLabURLCommand(a), newLabWatchCommand(a), newLabDownCommand(a),
	)
}

// dialer reaches containers at their own addresses where this machine can: with a local engine on Linux.
func dialer(engineAddress string) ready.Dialer {
	if runtime.GOOS == "linux" && (engineAddress == "" || strings.HasPrefix(engineAddress, "unix://")) {
		return &net.Dialer{}
	}
	return nil
}
