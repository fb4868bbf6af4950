package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/ddsctl/ddsctl/labs"
	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/logs"
	"github.com/ddsctl/ddsctl/tui"
	"github.com/ddsctl/ddsctl/tui/pane"
)

// height is the number of rows of w, 24 when it is no terminal.
func (a *app) height(w any) int {
	if f, ok := terminalFile(w); ok {
		if _, rows, err := term.GetSize(int(f.Fd())); err == nil && rows > 0 {
			return rows
		}
	}
	return 24
}

// dashHome is where the dashboard finds labs: the catalogue, and the engine.
type dashHome struct {
	app      *app
	interval time.Duration
	mu       sync.Mutex // the app connects to the engine on first use
}

func (h *dashHome) running(ctx context.Context) ([]runningLab, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.app.running(ctx)
}

// first is the lab to begin with: the one that was named, or that is meant without a name; nil opens the picker.
func (h *dashHome) first(ctx context.Context, args []string) (*tui.Session, error) {
	running, err := h.running(ctx)
	if err != nil {
		return nil, err
	}
	if _, ok := only(running); !ok && len(args) == 0 {
		return nil, nil
	}
	word := ""
	if len(args) > 0 {
		word = args[0]
	}
	lab, err := pick(running, word)
	if err != nil {
		return nil, err
	}
	return h.session(ctx, lab, len(running) > 1)
}

// Entries are the labs of the catalogue, and those that run from elsewhere.
func (h *dashHome) Entries(ctx context.Context) ([]tui.Entry, error) {
	catalogue, err := labs.Catalogue()
	if err != nil {
		return nil, err
	}
	running, err := h.running(ctx)
	var entries []tui.Entry
	for _, e := range catalogue {
		entry := tui.Entry{Slug: e.Slug, Title: e.Title, Chapter: e.Chapter, Pattern: e.Pattern, Summary: e.Summary}
		for _, lab := range running {
			if lab.slug == e.Slug && lab.source == labs.SourceCatalogue {
				entry.Running = append(entry.Running, lab.name)
			}
		}
		entries = append(entries, entry)
	}
	for _, lab := range running {
		if !slices.ContainsFunc(entries, func(e tui.Entry) bool { return slices.Contains(e.Running, lab.name) }) {
			entries = append(entries, tui.Entry{Title: lab.source, Running: []string{lab.name}})
		}
	}
	return entries, err
}

// Open opens a running lab.
func (h *dashHome) Open(ctx context.Context, project string) (*tui.Session, error) {
	running, err := h.running(ctx)
	if err != nil {
		return nil, err
	}
	lab, err := pick(running, project)
	if err != nil {
		return nil, err
	}
	return h.session(ctx, lab, len(running) > 1)
}

func (h *dashHome) session(ctx context.Context, lab runningLab, named bool) (*tui.Session, error) {
	handle, err := h.app.openLive(ctx, lab)
	if err != nil {
		return nil, err
	}
	handle.SetInterval(h.interval)
	client, err := h.app.engine(ctx)
	if err != nil {
		return nil, errors.Join(err, handle.Close())
	}
	s := &tui.Session{Project: lab.name, Lab: lab.slug, Source: handle, Logs: dashLogs{client, lab}, Close: handle.Close, Named: named}
	if handle.Definition != nil {
		s.Guide = handle.Definition.Guide()
	}
	s.Study = dashStudy{dashCommander{host: h.app.host}, lab.name, lab.slug}
	return s, nil
}

// catalogueGuide is the guide of a lab of the catalogue, "" where there is none.
func catalogueGuide(ctx context.Context, slug string) string {
	lab, err := labs.Open(ctx, slug, labs.Options{})
	if err != nil {
		return ""
	}
	return lab.Guide()
}

// dashLogs follows what the nodes of a lab write.
type dashLogs struct {
	engine logs.Engine
	lab    runningLab
}

// shownTail is how many last lines of each node the dashboard begins with.
const shownTail = 100

// FollowLogs calls line for each line of the lab's nodes.
func (l dashLogs) FollowLogs(ctx context.Context, line func(pane.LogLine)) error {
	return logs.Copy(ctx, l.engine, l.lab.name, logs.Options{Follow: true, Tail: shownTail,
		Select: func(c engine.Container) bool { return c.Helper() == "" }},
		func(c engine.Container) io.Writer {
			name := c.Service
			if state, err := l.engine.State(ctx, l.lab.name); err == nil {
				if known := engine.NodeNames(state.Containers)[c.ID]; known != "" {
					name = known
				}
			}
			return lineSink(func(text string) { line(pane.LogLine{Node: name, Text: text}) })
		})
}

// lineSink takes whole lines.
type lineSink func(text string)

func (s lineSink) Write(b []byte) (int, error) {
	for text := range strings.SplitSeq(strings.TrimRight(string(b), "\n"), "\n") {
		s(text)
	}
	return len(b), nil
}

// dashCommander runs command lines for the dashboard: in this process, or as one of their own where they need the terminal.
type dashCommander struct{ host string }

// Run does what `ddsctl ARGS...` does.
func (d dashCommander) Run(ctx context.Context, lab string, args []string, out io.Writer) error {
	return d.run(ctx, lab, args, out, out)
}

func (d dashCommander) run(ctx context.Context, lab string, args []string, stdout, stderr io.Writer) error {
	a := newApp(strings.NewReader(""), stdout, stderr)
	a.host, a.noColor, a.lab = d.host, true, lab
	defer a.close()
	root := newRootCommand(a)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var status exitStatus
	switch {
	case errors.As(err, &status) && status == exitUnmet:
		return errUnmet
	case errors.As(err, &status):
		return fmt.Errorf("it ended with code %d", int(status))
	}
	return err
}

// Terminal gives the process for a command that needs a terminal.
func (d dashCommander) Terminal(lab string, args []string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	if d.host != "" {
		args = append([]string{"--host", d.host}, args...)
	}
	cmd := exec.Command(self, args...)
	if lab != "" {
		cmd.Env = append(os.Environ(), labVariable+"="+lab)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr // the terminal itself, also while its output is recorded
	return cmd
}

// Complete asks the command line's own completion.
func (d dashCommander) Complete(ctx context.Context, lab string, args []string) []string {
	var out bytes.Buffer
	if err := d.Run(ctx, lab, append([]string{"__completeNoDesc"}, args...), &out); err != nil {
		return nil
	}
	var words []string
	for line := range strings.Lines(out.String()) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, ":") || strings.HasPrefix(line, "Completion ended") {
			break
		}
		words = append(words, line)
	}
	return words
}
