package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/ddsctl/ddsctl/cmd/ddsctl/output"
	"github.com/ddsctl/ddsctl/runtime/engine/docker"
)

// app is what every command shares: the streams, the global flags, and the engine, which is reached when a command
// first needs it, so that help and completion work without one.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer

	format  output.Format
	host    string
	noColor bool
	lab     string // the running lab that is meant where none is named; "" leaves it to labVariable

	engineClient *docker.Client
}

func newApp(stdin io.Reader, stdout, stderr io.Writer) *app {
	return &app{stdin: stdin, stdout: stdout, stderr: stderr, format: output.Table}
}

func (a *app) close() {
	if a.engineClient != nil {
		_ = a.engineClient.Close()
	}
}

// engine connects to the container engine on first use.
func (a *app) engine(ctx context.Context) (*docker.Client, error) {
	if a.engineClient != nil {
		return a.engineClient, nil
	}
	client, err := docker.New(ctx, docker.Options{Host: a.host})
	if err != nil {
		return nil, err
	}
	a.engineClient = client
	return client, nil
}

// terminalFile returns w's file when w is a terminal.
func terminalFile(w any) (*os.File, bool) {
	f, ok := w.(*os.File)
	return f, ok && term.IsTerminal(int(f.Fd()))
}

// color says whether w takes colours: a terminal, and nobody asked for none (https://no-color.org).
func (a *app) color(w io.Writer) bool {
	if a.noColor || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	_, ok := terminalFile(w)
	return ok
}

// width is the number of columns of w, 80 when it is no terminal.
func (a *app) width(w io.Writer) int {
	if f, ok := terminalFile(w); ok {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 {
			return columns
		}
	}
	return 80
}

// ascii says that the locale cannot show more than ASCII.
func (a *app) ascii() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := os.Getenv(name); v != "" {
			v = strings.ToLower(v)
			return !strings.Contains(v, "utf-8") && !strings.Contains(v, "utf8")
		}
	}
	return true
}

// progress opens a progress display on stderr.
func (a *app) progress() *output.Progress {
	_, live := terminalFile(a.stderr)
	return output.NewProgress(a.stderr, output.Terminal{
		Live: live && os.Getenv("TERM") != "dumb", Color: a.color(a.stderr), ASCII: a.ascii(),
		Width: func() int { return a.width(a.stderr) },
	})
}

// say prints words for the user, apart from data, to stderr.
func (a *app) say(format string, args ...any) {
	_, _ = fmt.Fprintf(a.stderr, format+"\n", args...)
}

// print prints data to stdout in the chosen format.
func (a *app) print(data any, header []string, cells [][]string) error {
	rows := output.Rows{Header: header, Cells: cells, Color: a.color(a.stdout), ASCII: a.ascii()}
	if _, ok := terminalFile(a.stdout); ok {
		rows.Width = a.width(a.stdout)
	}
	return output.Print(a.stdout, a.format, data, rows)
}

// formatFlag gives cmd the flag -o.
func (a *app) formatFlag(cmd *cobra.Command) {
	cmd.Flags().VarP(&a.format, "output", "o", "how to print the data: table, json or yaml")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"table", "json", "yaml"}, cobra.ShellCompDirectiveNoFileComp))
}
