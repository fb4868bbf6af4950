package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/ddsctl/ddsctl/images"
	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
)

type execOptions struct {
	noTTY   bool
	user    string
	workDir string
	env     []string
}

func newLabExecCommand(a *app) *cobra.Command {
	var o execOptions
	cmd := &cobra.Command{
		Use:   "exec [LAB] NODE COMMAND [ARG...]",
		Short: "Run a command in a node of a running lab",
		Long: `Runs a command in a node. Its exit code becomes that of ddsctl. On a terminal the command gets a terminal too; input that is
piped in arrives there.`,
		Example: `  ddsctl lab exec redis-1 redis-cli dbsize
  ddsctl lab exec sharded-redis redis-1 redis-cli monitor
  echo 'set k v' | ddsctl lab exec redis-1 redis-cli`,
		Args:              positional(cobra.MinimumNArgs(1)),
		ValidArgsFunction: a.completeNodes(1, false),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.labExec(cmd.Context(), o, args) },
	}
	execFlags(cmd, &o)
	return cmd
}

func newLabShellCommand(a *app) *cobra.Command {
	var o execOptions
	cmd := &cobra.Command{
		Use:   "shell [LAB] NODE",
		Short: "Open a shell in a node of a running lab",
		Example: `  ddsctl lab shell redis-1
  ddsctl lab shell -u root sharded-redis twemproxy`,
		Args:              positional(cobra.RangeArgs(1, 2)),
		ValidArgsFunction: a.completeNodes(1, false),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.labShell(cmd.Context(), o, args) },
	}
	execFlags(cmd, &o)
	return cmd
}

func execFlags(cmd *cobra.Command, o *execOptions) {
	flags := cmd.Flags()
	flags.SetInterspersed(false) // what follows the node belongs to the command
	flags.BoolVarP(&o.noTTY, "no-tty", "T", false, "no terminal for the command, also where there is one here")
	flags.StringVarP(&o.user, "user", "u", "", "run as this user")
	flags.StringVarP(&o.workDir, "workdir", "w", "", "run in this folder")
	flags.StringArrayVarP(&o.env, "env", "e", nil, "set a variable, as NAME=VALUE (may be repeated)")
}

func (a *app) labExec(ctx context.Context, o execOptions, args []string) error {
	lab, words, err := a.pickWords(ctx, args)
	if err != nil {
		return err
	}
	if len(words) == 0 {
		return usagef("which node of %s, and which command? (see `ddsctl lab exec --help`)", lab.name)
	}
	node, err := lab.one(words[0])
	if err != nil {
		return err
	}
	if len(words) == 1 {
		return usageError{hint.Wrap(fmt.Errorf("which command in %s?", words[0]), "for a shell: ddsctl lab shell %s", words[0])}
	}
	return a.exec(ctx, o, words[0], node, words[1:])
}

// anyShell starts the best shell that a node has.
var anyShell = []string{"/bin/sh", "-c", "if command -v bash >/dev/null 2>&1; then exec bash; else exec sh; fi"}

func (a *app) labShell(ctx context.Context, o execOptions, args []string) error {
	lab, words, err := a.pickWords(ctx, args)
	if err != nil {
		return err
	}
	if len(words) != 1 {
		return usagef("a shell in which node of %s? (see `ddsctl lab shell --help`)", lab.name)
	}
	node, err := lab.one(words[0])
	if err != nil {
		return err
	}
	if image, _, _ := strings.Cut(node.Image, ":"); image == nodeImage {
		return hint.Wrap(fmt.Errorf("%s has no shell: there is nothing in its image %s but ddsctl", words[0], node.Image),
			"see what it does: ddsctl lab logs %s", words[0])
	}
	return a.exec(ctx, o, words[0], node, anyShell)
}

// nodeImage holds one file, /ddsctl, and no shell.
const nodeImage = images.Prefix + images.Node

// exec runs a command in a container and returns its exit code as exitStatus.
func (a *app) exec(ctx context.Context, o execOptions, name string, node engine.Container, command []string) error {
	if node.Phase != engine.PhaseRunning {
		return hint.Wrap(fmt.Errorf("node %s is not running, it is %s", name, node.Phase), "bring the lab up again: ddsctl lab apply")
	}
	client, err := a.engine(ctx)
	if err != nil {
		return err
	}
	spec := engine.ExecSpec{Command: command, User: o.user, WorkDir: o.workDir, Env: o.env, Stdin: a.stdin, Stdout: a.stdout, Stderr: a.stderr}
	in, inTTY := terminalFile(a.stdin)
	out, outTTY := terminalFile(a.stdout)
	if inTTY && !outTTY || inTTY && o.noTTY {
		spec.Stdin = nil // a command whose output is piped away must not eat what is typed
	}
	if inTTY && outTTY && !o.noTTY {
		restore, err := a.terminal(ctx, in, out, &spec)
		if err != nil {
			return err
		}
		defer restore()
	}
	code, err := client.Exec(ctx, node.ID, spec)
	if err != nil {
		return err
	}
	if code != 0 {
		return exitStatus(code)
	}
	return nil
}

// terminal hands this terminal to the command: every key goes there (Ctrl-C too), and its size follows. restore gives it back.
func (a *app) terminal(ctx context.Context, in, out *os.File, spec *engine.ExecSpec) (restore func(), err error) {
	before, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return nil, fmt.Errorf("hand the terminal to the command: %w", err)
	}
	watching, stop := context.WithCancel(ctx)
	sizes := make(chan engine.TerminalSize, 1)
	sizeOf(out, sizes) // so that the command begins with it
	done := make(chan struct{})
	go func() {
		defer close(done)
		watchSize(watching, out, sizes)
	}()
	spec.TTY, spec.Resize = true, sizes
	if name := os.Getenv("TERM"); name != "" {
		spec.Env = append([]string{"TERM=" + name}, spec.Env...)
	}
	return func() {
		stop()
		<-done
		_ = term.Restore(int(in.Fd()), before)
	}, nil
}

// sizeOf sends the terminal's present size, in the place of one that nobody has taken yet.
func sizeOf(terminal *os.File, sizes chan engine.TerminalSize) {
	columns, rows, err := term.GetSize(int(terminal.Fd()))
	if err != nil || columns <= 0 || rows <= 0 {
		return
	}
	select {
	case <-sizes:
	default:
	}
	sizes <- engine.TerminalSize{Rows: uint(rows), Columns: uint(columns)}
}
