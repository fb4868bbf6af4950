package tui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	tea "charm.land/bubbletea/v2"

	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/tui/cell"
	"github.com/ddsctl/ddsctl/tui/theme"
)

// framesPerSecond bounds how often the terminal is written to.
const framesPerSecond = 20

// Terminal is where the dashboard runs. The zero Terminal is the process's own.
type Terminal struct {
	In  io.Reader
	Out io.Writer
	// Recorder gets everything that the terminal is sent; nil for none.
	Recorder io.Writer
	// Size is used where Out is no terminal.
	Width, Height int
	Environment   []string
}

// tee writes to a terminal and to a recording, and is a terminal as far as the terminal's file is asked.
type tee struct {
	*os.File
	recorder io.Writer
}

func (t tee) Write(b []byte) (int, error) {
	_, _ = t.recorder.Write(b)
	return t.File.Write(b)
}

// Run runs the dashboard until it is quit, its context ends, or it fails. The terminal is as it was before, in every case.
func Run(ctx context.Context, o Options, terminal Terminal) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	m := New(ctx, o)
	defer m.Close()
	defer cancel() // before Close, so that what runs ends
	options := []tea.ProgramOption{tea.WithContext(ctx), tea.WithFPS(framesPerSecond)}
	if terminal.In != nil {
		options = append(options, tea.WithInput(terminal.In))
	}
	out := terminal.Out
	if out == nil {
		out = os.Stdout
	}
	if terminal.Recorder != nil {
		if file, ok := out.(*os.File); ok {
			out = tee{file, terminal.Recorder}
		} else {
			out = io.MultiWriter(out, terminal.Recorder)
		}
	}
	options = append(options, tea.WithOutput(out))
	if terminal.Width > 0 {
		options = append(options, tea.WithWindowSize(terminal.Width, terminal.Height))
	}
	if terminal.Environment != nil {
		options = append(options, tea.WithEnvironment(terminal.Environment))
	}
	_, err := tea.NewProgram(m, options...).Run()
	switch {
	case errors.Is(err, tea.ErrProgramPanic):
		return fmt.Errorf("the dashboard failed: %w", err)
	case errors.Is(err, tea.ErrInterrupted), errors.Is(err, context.Canceled):
		return nil
	case err != nil:
		return fmt.Errorf("run the dashboard: %w", err)
	}
	return nil
}

// Still draws one frame of a lab after so many Snapshots (fewer when the Source ends before), without a terminal.
func Still(ctx context.Context, o Options, width, height, snapshots int) (*cell.Canvas, *theme.Theme, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	session := *o.Session
	source := session.Source
	session.Source, session.Logs, session.Study = none{}, nil, nil
	session.Close = nil
	o.Session, o.Still = &session, true
	m := New(ctx, o)
	defer m.Close()
	defer cancel()
	m.width, m.height = width, height
	n := 0
	for s, err := range source.Snapshots(ctx) {
		if err != nil {
			return nil, nil, err
		}
		m.take(snapshotMsg{m.watch, s})
		if n++; n >= snapshots {
			break
		}
	}
	if n == 0 {
		return nil, nil, errors.New("the lab gave no figures")
	}
	return m.Frame(), m.theme, nil
}

// none is a Source without Snapshots that does not end.
type none struct{}

func (none) Snapshots(ctx context.Context) iter.Seq2[telemetry.Snapshot, error] {
	return func(func(telemetry.Snapshot, error) bool) { <-ctx.Done() }
}
