package main

import (
	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/runtime/control"
	"github.com/ddsctl/ddsctl/runtime/helper"
)

// wireOptions are those of `ddsctl node wire`.
type wireOptions struct {
	socket, folder string
	seed           uint64
}

func newNodeWireCommand(a *app) *cobra.Command {
	o := wireOptions{socket: control.DefaultSocket, folder: helper.StateFolder}
	cmd := &cobra.Command{
		Use:   "wire",
		Short: "Observe and break the links of one lab, from the host's network namespace",
		Args:  positional(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return runWire(cmd.Context(), a, o) },
	}
	cmd.Flags().StringVar(&o.socket, "socket", o.socket, "path of the control socket")
	cmd.Flags().StringVar(&o.folder, "state", o.folder, "folder of the journal")
	cmd.Flags().Uint64Var(&o.seed, "seed", 0, "seed of jitter and reordering (0: one of its own, which the log tells)")
	return cmd
}
