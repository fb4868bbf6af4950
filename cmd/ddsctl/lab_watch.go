package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/ddsctl/ddsctl/cmd/ddsctl/output"
	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/runtime/telemetry/expose"
	"github.com/ddsctl/ddsctl/scenarios/live"
)

type watchOptions struct {
	once     bool
	listen   string
	interval time.Duration
}

func newLabWatchCommand(a *app) *cobra.Command {
	var o watchOptions
	cmd := &cobra.Command{
		Use:   "watch [LAB]",
		Short: "Show what a running lab does: nodes, links, traffic, faults",
		Long: `Shows a running lab as it is, again and again: what each node uses and says of itself, what passes over each link, what the traffic gets,
which faults stand, what happens. -o json prints one line for each look; --listen shows the same to Prometheus at /metrics.`,
		Example: `  ddsctl lab watch
  ddsctl lab watch sharded-redis --once -o json | jq '.links[] | {from, to, rate: .forward.bytes_per_second}'
  ddsctl lab watch --listen 127.0.0.1:9400`,
		Args:              positional(cobra.MaximumNArgs(1)),
		ValidArgsFunction: a.completeLab,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.labWatch(cmd.Context(), o, args) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.once, "once", false, "one look, once rates are known (after some seconds)")
	flags.StringVar(&o.listen, "listen", "", "also serve Prometheus metrics here, such as 127.0.0.1:9400")
	flags.DurationVar(&o.interval, "interval", 500*time.Millisecond, "time between two looks, at least 100ms")
	a.formatFlag(cmd)
	return cmd
}

// minInterval bounds how often is looked.
const minInterval = 100 * time.Millisecond

// Rates are known once the sources are reached and their window has passed. Where the engine's statistics must serve, that takes longer;
// there is a bound to how long is waited for them.
const (
	onceAfter  = 3500 * time.Millisecond
	onceAtMost = 20 * time.Second
)

// known says whether the figures that every running node has are there.
func known(s telemetry.Snapshot) bool {
	for _, n := range s.Nodes {
		if n.Phase == engine.PhaseRunning && n.CPU == nil {
			return false
		}
	}
	return true
}

func (a *app) labWatch(ctx context.Context, o watchOptions, args []string) (err error) {
	if o.interval < minInterval {
		return usagef("--interval %v is below %v", o.interval, minInterval)
	}
	if o.once && o.listen != "" {
		return usagef("either --once or --listen")
	}
	running, err := a.running(ctx)
	if err != nil {
		return err
	}
	word := ""
	if len(args) == 1 {
		word = args[0]
	}
	picked, err := pick(running, word)
	if err != nil {
		return err
	}
	lab, err := a.openLive(ctx, picked)
	if err != nil {
		return err
	}
	defer lab.Close() // connections that were only read from
	lab.SetInterval(o.interval)
	if lab.DefinitionError != nil {
		a.say("note: %v: components are not read", lab.DefinitionError)
	}
	show := a.watchView(o.once)
	if o.listen == "" {
		return a.watch(ctx, lab, o, show)
	}
	exporter := &expose.Exporter{}
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return hint.Wrap(fmt.Errorf("listen for Prometheus: %w", err), "choose another address, such as 127.0.0.1:0 for any free port")
	}
	a.say("metrics at http://%s/metrics", listener.Addr())
	server := &http.Server{Handler: exporter.Handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	defer func() {
		err = errors.Join(err, server.Close())
		if failed := <-served; !errors.Is(failed, http.ErrServerClosed) {
			err = errors.Join(err, failed)
		}
	}()
	return a.watch(ctx, lab, o, func(s telemetry.Snapshot) error {
		exporter.Set(s)
		return show(s)
	})
}

// watch hands Snapshots on until the lab is gone or the user has seen enough, which is no error.
func (a *app) watch(ctx context.Context, lab *live.Lab, o watchOptions, show func(telemetry.Snapshot) error) error {
	begin, seen := time.Now(), false
	for s, err := range lab.Snapshots(ctx) {
		if err != nil {
			return err
		}
		if passed := time.Since(begin); o.once && (passed < onceAfter || passed < onceAtMost && !known(s)) {
			continue
		}
		if err := show(s); err != nil {
			return err
		}
		if len(s.Nodes) == 0 && seen {
			a.say("%s is gone", lab.Project)
			return nil
		}
		seen = seen || len(s.Nodes) > 0
		if o.once {
			return nil
		}
	}
	return nil
}

// watchView is how Snapshots are printed.
func (a *app) watchView(once bool) func(telemetry.Snapshot) error {
	if a.format == output.JSON {
		return func(s telemetry.Snapshot) error { return json.NewEncoder(a.stdout).Encode(s) }
	}
	if a.format == output.YAML {
		return func(s telemetry.Snapshot) error {
			if _, err := io.WriteString(a.stdout, "---\n"); err != nil {
				return err
			}
			return a.print(s, nil, nil)
		}
	}
	table := watchTable{ascii: a.ascii(), color: a.color(a.stdout)}
	file, live := terminalFile(a.stdout)
	live = live && !once
	first := true
	return func(s telemetry.Snapshot) error {
		table.width = 0
		if _, ok := terminalFile(a.stdout); ok {
			table.width = a.width(a.stdout)
		}
		text := table.draw(s)
		if !live {
			_, err := io.WriteString(a.stdout, text+"\n")
			return err
		}
		if _, height, err := term.GetSize(int(file.Fd())); err == nil && height > 1 {
			lines := strings.SplitAfter(text, "\n")
			text = strings.Join(lines[:min(len(lines), height-1)], "")
		}
		begin := "\x1b[H"
		if first {
			begin, first = "\x1b[2J\x1b[H", false
		}
		// Each line is cleared as it is written, so that nothing flickers.
		_, err := io.WriteString(a.stdout, begin+strings.ReplaceAll(text, "\n", "\x1b[K\n")+"\x1b[J")
		return err
	}
}
