//go:build unix

package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

// watchSize sends the terminal's size now and whenever it changes, until ctx ends.
func watchSize(ctx context.Context, terminal *os.File, sizes chan engine.TerminalSize) {
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, syscall.SIGWINCH)
	defer signal.Stop(changed)
	for {
		sizeOf(terminal, sizes)
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}
