package main

import "github.com/spf13/cobra"

func newTrafficCommand(a *app) *cobra.Command {
	return group("traffic", "Make traffic, in a lab or against any address",
		`Makes traffic and tells what came of it. A lab's own traffic is made by a node of the lab and starts with it; `+"`traffic run`"+`
asks any address from this machine.

In an open loop requests fall due whether or not answers come back, and latency runs from when a request was due: a server that stalls is
charged with everybody who waited.`,
		newTrafficRunCommand(a),
		newTrafficStartCommand(a),
		newTrafficStopCommand(a),
		newTrafficSetCommand(a),
		newTrafficShowCommand(a),
	)
}
