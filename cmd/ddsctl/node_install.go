package main

import (
	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/images/node/install"
)

func newNodeInstallCommand(_ *app) *cobra.Command {
	return &cobra.Command{
		Use:   "install FOLDER",
		Short: "Put this program into a volume, for containers of other images",
		Args:  positional(cobra.ExactArgs(1)),
		RunE:  func(_ *cobra.Command, args []string) error { return install.To(args[0]) },
	}
}
