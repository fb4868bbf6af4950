package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/telemetry/collect"
	"github.com/ddsctl/ddsctl/tui"
	"github.com/ddsctl/ddsctl/tui/cell"
	"github.com/ddsctl/ddsctl/tui/picture"
	"github.com/ddsctl/ddsctl/tui/record"
	"github.com/ddsctl/ddsctl/tui/theme"
)

type dashOptions struct {
	record   string
	replay   string
	snapshot string
	size     string
	after    time.Duration
	speed    float64
	theme    string
	ascii    bool
	still    bool
	interval time.Duration
}

func newDashCommand(a *app) *cobra.Command {
	o := dashOptions{}
	cmd := &cobra.Command{
		Use:   "dash [LAB]",
		Short: "Watch a lab live, and break it by a key",
		Long: `Shows a running lab live: its topology with the rate of every link, traffic and latencies, nodes, events, logs, guide and
exercises. Keys and the palette (:) do what the command line does, and show the command. Without a running lab it opens the catalogue. ? lists
the keys.`,
		Example: `  ddsctl dash                                  the running lab, or the catalogue
  ddsctl dash sharded-redis --record demo.cast    keep what is shown, for asciinema and for --replay
  ddsctl dash --record demo.jsonl                 keep the figures instead: the dashboard replays them
  ddsctl dash --replay demo.jsonl --speed 4
  ddsctl dash --snapshot lab.svg --size 120x40    one frame as a picture (svg, png) or text (txt, -)`,
		Args:              positional(cobra.MaximumNArgs(1)),
		ValidArgsFunction: a.completeLab,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.dash(cmd.Context(), o, args) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.record, "record", "", "record to this file: the screen as an asciicast (.cast), or the figures (.jsonl)")
	flags.StringVar(&o.replay, "replay", "", "replay a recording of either kind")
	flags.StringVar(&o.snapshot, "snapshot", "", "write one frame to this file (.svg, .png, .txt; - for text on stdout) and end")
	flags.StringVar(&o.size, "size", "120x40", "columns and rows of --snapshot")
	flags.DurationVar(&o.after, "after", 10*time.Second, "how much of the lab's time --snapshot waits for, so that charts have something to show")
	flags.Float64Var(&o.speed, "speed", 1, "how much faster --replay goes")
	flags.StringVar(&o.theme, "theme", "auto", "auto, dark, light or none")
	flags.BoolVar(&o.ascii, "ascii", false, "nothing but ASCII")
	flags.BoolVar(&o.still, "still", false, "no motion on links")
	flags.DurationVar(&o.interval, "interval", collect.DefaultInterval, "time between two looks, at least 100ms")
	_ = cmd.RegisterFlagCompletionFunc("theme", cobra.FixedCompletions([]string{"auto", "dark", "light", "none"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (a *app) dash(ctx context.Context, o dashOptions, args []string) error {
	options, err := a.dashLook(o)
	if err != nil {
		return err
	}
	width, height, err := frameSize(o.size)
	switch {
	case err != nil:
		return err
	case o.speed <= 0:
		return usagef("--speed %g: use a number above 0", o.speed)
	case o.interval < 100*time.Millisecond:
		return usagef("--interval %v: at least 100ms", o.interval)
	case o.replay != "" && len(args) > 0:
		return usagef("a replay needs no running lab: leave %q out", args[0])
	}
	if o.replay != "" {
		return a.dashReplay(ctx, o, options, width, height)
	}
	home := &dashHome{app: a, interval: o.interval}
	options.Home, options.Commander = home, dashCommander{host: a.host}
	if options.Session, err = home.first(ctx, args); err != nil {
		return err
	}
	if o.snapshot == "" {
		return a.dashRun(ctx, o, options)
	}
	if options.Session == nil {
		return hint.Wrap(errors.New("no lab is running"), "start one: ddsctl lab up sharded-redis")
	}
	defer func() { _ = options.Session.Close() }()
	return a.dashStill(ctx, o, options, width, height, max(int(o.after/o.interval), 2))
}

// dashLook chooses the theme by flags and environment.
func (a *app) dashLook(o dashOptions) (tui.Options, error) {
	none := a.noColor || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb"
	options := tui.Options{Now: time.Now, Still: o.still, Theme: theme.Options{ASCII: o.ascii || a.ascii(), NoColor: none}}
	switch o.theme {
	case "auto":
		options.AutoTheme = !none
	case "dark":
	case "light":
		options.Theme.Light = true
	case "none":
		options.Theme.NoColor = true
	default:
		return options, usagef("--theme %s: use auto, dark, light or none", o.theme)
	}
	return options, nil
}

func frameSize(text string) (width, height int, err error) {
	left, right, ok := strings.Cut(text, "x")
	width, errW := strconv.Atoi(left)
	height, errH := strconv.Atoi(right)
	const most = 1000
	if !ok || errW != nil || errH != nil || width < 1 || height < 1 || width > most || height > most {
		return 0, 0, usagef("--size %s: use columns x rows, such as 120x40", text)
	}
	return width, height, nil
}

// dashRun runs the dashboard on the terminal.
func (a *app) dashRun(ctx context.Context, o dashOptions, options tui.Options) (err error) {
	if _, ok := terminalFile(a.stdout); !ok {
		return hint.Wrap(errors.New("the dashboard needs a terminal"), "one frame without a terminal: ddsctl dash --snapshot -; figures: ddsctl lab watch -o json")
	}
	terminal := tui.Terminal{Out: a.stdout}
	if o.record != "" {
		file, err := os.Create(o.record)
		if err != nil {
			return fmt.Errorf("begin the recording: %w", err)
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		if filepath.Ext(o.record) == ".jsonl" {
			figures := record.NewSnapshots(file)
			options.Heard = figures.Write
		} else {
			cast, err := record.NewCast(file, a.width(a.stdout), a.height(a.stdout), "ddsctl dash", time.Now)
			if err != nil {
				return err
			}
			terminal.Recorder, options.Resized = cast, cast.Resize
			defer func() { err = errors.Join(err, cast.Err()) }()
		}
	}
	return tui.Run(ctx, options, terminal)
}

// dashReplay shows a recording: of the screen as it was, or of figures in a dashboard.
func (a *app) dashReplay(ctx context.Context, o dashOptions, options tui.Options, width, height int) error {
	file, err := os.Open(o.replay)
	if err != nil {
		return fmt.Errorf("open the recording: %w", err)
	}
	recording, err := record.Read(file)
	_ = file.Close()
	if err != nil {
		return fmt.Errorf("%s: %w", o.replay, err)
	}
	if cast := recording.Cast; cast != nil {
		if o.snapshot != "" {
			return usagef("--snapshot draws figures: record them with --record FILE.jsonl")
		}
		const restore = "\x1b[0m\x1b[?1049l\x1b[?25h\x1b[?1000l\x1b[?1002l\x1b[?1006l\x1b[?1004l\x1b[?2004l"
		if _, ok := terminalFile(a.stdout); ok { // the recording may end, or be left, in the middle of a screen
			defer func() { _, _ = fmt.Fprint(a.stdout, restore) }()
		}
		return cast.Play(ctx, a.stdout, o.speed, 2*time.Second, record.Sleep)
	}
	first := recording.Snapshots[0]
	options.Session = &tui.Session{Project: first.Project, Lab: first.Lab, Replay: true, Guide: catalogueGuide(ctx, first.Lab),
		Source: record.Replay{Recorded: recording.Snapshots, Speed: o.speed, Wait: record.Sleep}}
	if o.snapshot != "" {
		options.Session.Source = record.Replay{Recorded: recording.Snapshots}
		return a.dashStill(ctx, o, options, width, height, len(recording.Snapshots))
	}
	return a.dashRun(ctx, o, options)
}

// dashStill writes one frame.
func (a *app) dashStill(ctx context.Context, o dashOptions, options tui.Options, width, height, snapshots int) error {
	canvas, look, err := tui.Still(ctx, options, width, height, snapshots)
	if err != nil {
		return err
	}
	if o.snapshot == "-" {
		palette := look.Palette
		palette.Plain = !a.color(a.stdout)
		_, err := fmt.Fprintln(a.stdout, canvas.Encode(&palette))
		return err
	}
	write := map[string]func(*os.File) error{
		".svg": func(f *os.File) error {
			return picture.SVG(f, canvas, look, "ddsctl dash "+options.Session.Project)
		},
		".png": func(f *os.File) error { return picture.PNG(f, canvas, look) },
		".txt": func(f *os.File) error {
			_, err := fmt.Fprintln(f, canvas.Encode(&cell.Palette{Plain: true, ASCII: look.ASCII}))
			return err
		},
	}[filepath.Ext(o.snapshot)]
	if write == nil {
		return usagef("--snapshot %s: the name ends in .svg, .png or .txt, or is -", o.snapshot)
	}
	file, err := os.Create(o.snapshot)
	if err != nil {
		return fmt.Errorf("write the frame: %w", err)
	}
	if err := errors.Join(write(file), file.Close()); err != nil {
		return fmt.Errorf("write the frame: %w", err)
	}
	a.say("wrote %s", o.snapshot)
	return nil
}
