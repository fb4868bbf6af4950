package main

import (
	"context"

	"github.com/spf13/cobra"
)

func newLabURLCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "url [LAB] [NODE|SERVICE...]",
		Short: "Print the addresses at which a running lab is reached",
		Long: `Prints the addresses that a running lab publishes on this machine, one a line, so that they can be opened or handed to another
program. -o table says what is behind each.`,
		Example: `  ddsctl lab url
  ddsctl lab url sharded-redis twemproxy
  redis-cli -u "$(ddsctl lab url twemproxy)" ping`,
		ValidArgsFunction: a.completeNodes(0, true),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.labURL(cmd.Context(), cmd.Flags().Changed("output"), args)
		},
	}
	a.formatFlag(cmd)
	return cmd
}

func (a *app) labURL(ctx context.Context, formatted bool, args []string) error {
	lab, words, err := a.pickWords(ctx, args)
	if err != nil {
		return err
	}
	selected, err := lab.selection(words)
	if err != nil {
		return err
	}
	list := []address{}
	for _, address := range a.addressesOf(ctx, lab) {
		for _, c := range lab.nodes() {
			if c.Service == address.Service && selected(c) {
				list = append(list, address)
				break
			}
		}
	}
	if len(list) == 0 {
		a.say("nothing is published there")
	}
	if !formatted {
		for _, address := range list {
			if _, err := a.stdout.Write([]byte(address.URL + "\n")); err != nil {
				return err
			}
		}
		return nil
	}
	rows := make([][]string, len(list))
	for i, x := range list {
		rows[i] = []string{x.Node, x.URL, x.Label}
	}
	return a.print(list, []string{"NODE", "ADDRESS", "WHAT"}, rows)
}
