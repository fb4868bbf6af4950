package tui

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/tui/act"
	"github.com/ddsctl/ddsctl/tui/cell"
)

// acts is what was done from the dashboard: what runs, what can be taken back, and what is said of it.
type acts struct {
	jobs []*job
	undo []act.Act
	said *job // the act that the bottom line tells of
	note string
	wg   sync.WaitGroup
}

// job is one command line that runs or has run.
type job struct {
	act     act.Act
	cancel  context.CancelFunc
	out     chan tea.Msg
	lines   []string
	err     error
	done    bool
	started time.Time
	took    time.Duration
	// shown says that its output is worth a window.
	shown bool
	after func(m *Model, j *job) tea.Cmd
}

type (
	lineMsg struct {
		job  *job
		line string
	}
	doneMsg struct {
		job *job
		err error
	}
	jobMsg struct {
		job *job
		msg tea.Msg
	}
	terminalMsg struct {
		act act.Act
		err error
	}
)

// keptOutput bounds what is kept of a command's output, in lines.
const keptOutput = 1000

// do runs an act. after, where it is not nil, is called when it has ended.
func (m *Model) do(a act.Act, shown bool, after func(*Model, *job) tea.Cmd) tea.Cmd {
	m.acts.note = ""
	switch {
	case m.options.Commander == nil:
		m.acts.note = "nothing can be done to what is only replayed: " + a.Command()
		return nil
	case a.Terminal:
		return tea.ExecProcess(m.options.Commander.Terminal(m.project(), a.Args), func(err error) tea.Msg { return terminalMsg{a, err} })
	}
	ctx, cancel := context.WithCancel(m.ctx)
	j := &job{act: a, cancel: cancel, out: make(chan tea.Msg, 64), started: m.options.Now(), shown: shown, after: after}
	m.acts.jobs = append(m.acts.jobs, j)
	m.acts.said = j
	commander, lab := m.options.Commander, m.project()
	m.acts.wg.Go(func() {
		defer close(j.out)
		defer cancel()
		send := func(msg tea.Msg) {
			select {
			case j.out <- msg:
			case <-ctx.Done():
			}
		}
		w := &lineWriter{emit: func(line string) { send(lineMsg{j, line}) }}
		err := commander.Run(ctx, lab, a.Args, w)
		w.flush()
		select { // also for one that was called off: the model waits for it
		case j.out <- doneMsg{j, err}:
		case <-m.ctx.Done():
		}
	})
	return j.next()
}

func (j *job) next() tea.Cmd {
	return func() tea.Msg {
		if msg, ok := <-j.out; ok {
			return jobMsg{j, msg}
		}
		return nil
	}
}

func (a *acts) close() {
	for _, j := range a.jobs {
		j.cancel()
		for range j.out {
		}
	}
	a.wg.Wait()
}

// lineWriter cuts output into lines.
type lineWriter struct {
	emit func(string)
	rest []byte
}

func (w *lineWriter) Write(b []byte) (int, error) {
	w.rest = append(w.rest, b...)
	for {
		line, rest, ok := bytes.Cut(w.rest, []byte{'\n'})
		if !ok {
			return len(b), nil
		}
		w.emit(string(line))
		w.rest = rest
	}
}

func (w *lineWriter) flush() {
	if len(w.rest) > 0 {
		w.emit(string(w.rest))
	}
}

// job takes in what a command says.
func (m *Model) jobSaid(msg jobMsg) tea.Cmd {
	m.dirty = true
	switch said := msg.msg.(type) {
	case lineMsg:
		line := strings.TrimRight(cell.Sanitize(said.line), " ")
		if len(msg.job.lines) < keptOutput {
			msg.job.lines = append(msg.job.lines, line)
		}
		return msg.job.next()
	case doneMsg:
		return m.jobDone(msg.job, said.err)
	}
	return nil
}

func (m *Model) jobDone(j *job, err error) tea.Cmd {
	j.done, j.err, j.took = true, err, m.options.Now().Sub(j.started)
	m.acts.jobs = slices.DeleteFunc(m.acts.jobs, func(o *job) bool { return o == j })
	j.cancel()
	if err != nil {
		m.happened("error", j.act.Command()+": "+err.Error())
		if j.shown && m.overlay == nil {
			m.overlay = &output{job: j}
		}
	} else {
		if j.act.Faults || j.act.Undo != nil {
			m.acts.undo = append(m.acts.undo, j.act)
		}
		if j.shown && len(j.lines) > 1 && m.overlay == nil {
			m.overlay = &output{job: j}
		}
	}
	if j.after != nil {
		return j.after(m, j)
	}
	return nil
}

// undoLast takes the last act back: what changed a figure is changed back, what put a fault is healed.
func (m *Model) undoLast() tea.Cmd {
	for len(m.acts.undo) > 0 {
		last := m.acts.undo[len(m.acts.undo)-1]
		m.acts.undo = m.acts.undo[:len(m.acts.undo)-1]
		if last.Undo != nil {
			clear(m.rates)
			return m.do(act.Act{Title: "undo " + last.Title, Args: last.Undo}, false, nil)
		}
		if len(m.last.Faults) > 0 {
			break
		}
	}
	if n := len(m.last.Faults); n > 0 {
		newest := m.last.Faults[0]
		for _, f := range m.last.Faults {
			if f.Start.After(newest.Start) {
				newest = f
			}
		}
		return m.do(m.lab().Heal(newest.ID), false, nil)
	}
	m.acts.note = "there is nothing to undo"
	return nil
}

// message is what the bottom line says of the last act, with its ink.
func (m *Model) message() (mark rune, ink cell.Ink, text string) {
	j := m.acts.said
	switch {
	case m.acts.note != "":
		return '·', cell.Warn, m.acts.note
	case j == nil:
		return 0, 0, ""
	case !j.done:
		text = j.act.Command()
		if n := len(j.lines); n > 0 {
			text += "  " + j.lines[n-1]
		}
		return spinner(m), cell.Accent, text
	case j.err != nil:
		text = j.act.Command() + ": " + j.err.Error()
		if next := hint.Of(j.err); next != "" {
			text += "; " + next
		}
		return '✗', cell.Bad, text
	}
	text = j.act.Command()
	if j.act.Faults || j.act.Undo != nil {
		text += "  (u takes it back)"
	}
	return '✓', cell.Good, text
}

func spinner(m *Model) rune {
	frames := []rune("◐◓◑◒")
	return frames[int(m.options.Now().UnixMilli()/250)%len(frames)]
}
