package main

import (
	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/images/node/vault"
)

func newNodeVaultCommand(_ *app) *cobra.Command {
	var o vault.Options
	listen := ":8080"
	cmd := &cobra.Command{
		Use:   "vault",
		Short: "A resource that one may use at a time, and that sees whether that is so",
		Args:  positional(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			listener, err := listenOn(cmd.Context(), listen)
			if err != nil {
				return err
			}
			return vault.New(o).Serve(cmd.Context(), listener)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", listen, "address to listen on")
	cmd.Flags().BoolVar(&o.Fencing, "fencing", false, "refuse tokens that are older than the newest")
	return cmd
}
