package main

import (
	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/runtime/control"
)

func newNodeDialCommand(a *app) *cobra.Command {
	socket := control.DefaultSocket
	cmd := &cobra.Command{
		Use:   "dial",
		Short: "Join standard input and output to the helper's control socket",
		Args:  positional(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return control.Bridge(cmd.Context(), socket, a.stdin, a.stdout)
		},
	}
	cmd.Flags().StringVar(&socket, "socket", socket, "path of the socket")
	return cmd
}
