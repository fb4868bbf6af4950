package main

import (
	"context"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

// sizePause is how often the size is looked at: Windows sends no signal when it changes.
const sizePause = 250 * time.Millisecond

// watchSize sends the terminal's size now and whenever it has changed, until ctx ends.
func watchSize(ctx context.Context, terminal *os.File, sizes chan engine.TerminalSize) {
	ticker := time.NewTicker(sizePause)
	defer ticker.Stop()
	var last [2]int
	for {
		if columns, rows, err := term.GetSize(int(terminal.Fd())); err == nil && last != [2]int{columns, rows} {
			last = [2]int{columns, rows}
			sizeOf(terminal, sizes)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}
