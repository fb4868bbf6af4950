package main

import (
	"errors"
	"io/fs"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/images/node/fill"
)

// exitFits is how `node fill` says that the disk is not full; runtime/fault knows it.
const exitFits = 3

func newNodeFillCommand(_ *app) *cobra.Command {
	var free bool
	cmd := &cobra.Command{
		Use:   "fill PATH BLOCKS | --free PATH",
		Short: "Fill a disk with a file, or remove it",
		Args:  positional(cobra.RangeArgs(1, 2)),
		RunE: func(_ *cobra.Command, args []string) error {
			if free {
				if err := os.Remove(args[0]); !errors.Is(err, fs.ErrNotExist) {
					return err
				}
				return nil
			}
			if len(args) != 2 {
				return usagef("how many blocks?")
			}
			blocks, err := strconv.ParseInt(args[1], 10, 64)
			if err != nil {
				return usageError{err}
			}
			if err := fill.Fill(args[0], blocks); errors.Is(err, fill.ErrFits) {
				return exitStatus(exitFits)
			} else {
				return err
			}
		},
	}
	cmd.Flags().BoolVar(&free, "free", false, "remove the file")
	return cmd
}
