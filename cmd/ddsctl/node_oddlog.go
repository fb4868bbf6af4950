package main

import (
	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/images/node/oddlog"
)

func newNodeOddLogCommand(_ *app) *cobra.Command {
	var o oddlog.Options
	listen := ":8080"
	cmd := &cobra.Command{
		Use:   "odd-log",
		Short: "A service whose log has a format of its own",
		Args:  positional(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			service, err := oddlog.New(o)
			if err != nil {
				return err
			}
			defer func() {
				if closing := service.Close(); err == nil {
					err = closing
				}
			}()
			listener, err := listenOn(cmd.Context(), listen)
			if err != nil {
				return err
			}
			return service.Serve(cmd.Context(), listener)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&listen, "listen", listen, "address to listen on")
	flags.StringVar(&o.File, "file", "/logs/app.log", "the log")
	flags.IntVar(&o.TraceEvery, "trace-every", 0, "after how many requests one crashes (0: never)")
	return cmd
}
