// Command ddsctl starts the exercises of "Designing Distributed Systems" as containers, drives traffic and failures
// through them, and shows them live in the terminal. See ARCHITECTURE.md for the rooms behind it.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	os.Exit(mainWithCode())
}

// mainWithCode is main without os.Exit, so that deferred calls run and tests can call it.
func mainWithCode() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first Ctrl-C ends what is under way in good order; a second one ends ddsctl at once.
	context.AfterFunc(ctx, stop)
	return run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
}

// run is one call of ddsctl: it turns arguments into an exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := newApp(stdin, stdout, stderr)
	defer a.close()
	root := newRootCommand(a)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	return a.report(ctx, err)
}
