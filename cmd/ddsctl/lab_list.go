package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/labs"
)

func newLabListCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Aliases: []string{"ls"},
		Short: "List the labs of the catalogue",
		Example: `  ddsctl lab list
  ddsctl lab list -o json`,
		Args: positional(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error { return a.labList() },
	}
	a.formatFlag(cmd)
	return cmd
}

func (a *app) labList() error {
	entries, err := labs.Catalogue()
	if err != nil {
		return err
	}
	rows := make([][]string, 0, len(entries))
	for _, e := range entries {
		chapter := ""
		if e.Chapter > 0 {
			chapter = fmt.Sprint(e.Chapter)
		}
		rows = append(rows, []string{e.Slug, chapter, e.Pattern, e.Summary})
	}
	return a.print(entries, []string{"LAB", "CHAPTER", "PATTERN", "WHAT"}, rows)
}
