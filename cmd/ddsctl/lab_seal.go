package main

import (
	"crypto/rand"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/labs"
)

func newLabSealCommand(a *app) *cobra.Command {
	open := false
	cmd := &cobra.Command{
		Use:   "seal DIR",
		Short: "Hide the answers of a lab's exercises from being read by accident",
		Long: `Replaces the answers in a folder's lab.yaml by salted hashes, and puts the explanations behind a curtain. It is for authors of labs, and it
is no lock: whoever has the file has all it takes. The rest of the file stays as it is.`,
		Example: `  ddsctl lab seal ./mine
  ddsctl lab seal --open ./mine     back to clear text, to change it`,
		Args: positional(cobra.ExactArgs(1)),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: func(_ *cobra.Command, args []string) error { return a.labSeal(args[0], open) },
	}
	cmd.Flags().BoolVar(&open, "open", false, "the other way round: write answers and explanations in clear")
	return cmd
}

func (a *app) labSeal(dir string, open bool) error {
	done := "sealed"
	ids, err := []string(nil), error(nil)
	if open {
		done = "opened"
		ids, err = labs.Unseal(dir)
	} else {
		ids, err = labs.Seal(dir, rand.Reader)
	}
	if err != nil {
		return err
	}
	file := filepath.Join(dir, labs.FormatFile)
	if len(ids) == 0 {
		a.say("nothing in %s had to be %s", file, done)
		return nil
	}
	a.say("%s in %s: %s", done, file, strings.Join(ids, ", "))
	return nil
}
