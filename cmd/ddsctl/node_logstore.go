package main

import (
	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/images/node/logstore"
)

func newNodeLogStoreCommand(_ *app) *cobra.Command {
	var o logstore.Options
	listen := ":8080"
	cmd := &cobra.Command{
		Use:   "log-store",
		Short: "Answers questions about logs in one schema",
		Args:  positional(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			listener, err := listenOn(cmd.Context(), listen)
			if err != nil {
				return err
			}
			return logstore.New(o).Serve(cmd.Context(), listener)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&listen, "listen", listen, "address to listen on")
	flags.StringVar(&o.Records, "records", "/out/all.json", "the file of the records")
	flags.StringToStringVar(&o.Sources, "source", nil, "NAME=FILE, a log that they were made from; may be given more than once")
	return cmd
}
