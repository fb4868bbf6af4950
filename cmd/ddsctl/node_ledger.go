package main

import (
	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/images/node/ledger"
)

func newNodeLedgerCommand(_ *app) *cobra.Command {
	var o ledger.Options
	listen := ":8080"
	cmd := &cobra.Command{
		Use:   "ledger",
		Short: "A service that writes down what it is told, and counts what was told twice",
		Args:  positional(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			listener, err := listenOn(cmd.Context(), listen)
			if err != nil {
				return err
			}
			return ledger.New(o).Serve(cmd.Context(), listener)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&listen, "listen", listen, "address to listen on")
	flags.StringSliceVar(&o.Require, "require", nil, "fields that a record must have")
	flags.StringVar(&o.Same, "same", "", "the field that says which records are about the same thing")
	flags.BoolVar(&o.Idempotent, "idempotent", false, "honour Idempotency-Key")
	flags.DurationVar(&o.Latency, "latency", 0, "how long an answer takes")
	flags.Float64Var(&o.Errors, "errors", 0, "share of requests that get 503, and are not written down")
	flags.Float64Var(&o.Lose, "lose", 0, "share of requests that are written down, and get no answer")
	flags.StringVar(&o.Notify, "notify", "", "an address that each new record is posted to")
	flags.Uint64Var(&o.Seed, "seed", 1, "fixes what is drawn")
	return cmd
}
