// The program that stands in for ddsctl in launch's tests: it waits until it is told to stop.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// Version makes two builds differ.
var Version string

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	_, _ = os.Stdout.WriteString(Version + "\n")
	<-ctx.Done()
}
