package output

import (
	"bytes"
	"fmt"
	"image/color"
	"io"
	"sync"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
)

// nodeColors are told apart on dark and light terminals; the name stands beside, so colour is never alone.
var nodeColors = []color.Color{lipgloss.Cyan, lipgloss.Yellow, lipgloss.Green, lipgloss.Magenta, lipgloss.Blue,
	lipgloss.BrightCyan, lipgloss.BrightYellow, lipgloss.BrightGreen, lipgloss.BrightMagenta, lipgloss.BrightBlue}

// maxLine bounds what is held back while a line's end has not come.
const maxLine = 64 << 10

// Merger merges the logs of several nodes into one writer, a whole line at a time, each with its node's name before it.
type Merger struct {
	mu      sync.Mutex
	w       io.Writer
	width   int
	colored bool
	// safe takes control sequences out: a log line must not move the reader's cursor.
	safe  bool
	nodes int
}

// NewMerger merges into w. Names are padded to width columns.
func NewMerger(w io.Writer, width int, colored, safe bool) *Merger {
	return &Merger{w: w, width: width, colored: colored, safe: safe}
}

// Node returns the writer of one node's log. Close it to print a last line that has no end.
func (m *Merger) Node(name string) io.WriteCloser {
	m.mu.Lock()
	defer m.mu.Unlock()
	prefix := fmt.Sprintf("%-*s | ", m.width, name)
	if m.colored {
		prefix = lipgloss.NewStyle().Foreground(nodeColors[m.nodes%len(nodeColors)]).Render(prefix)
	}
	m.nodes++
	return &prefixed{merger: m, prefix: []byte(prefix)}
}

// Bare returns the writer of a log whose lines are printed without a name.
func (m *Merger) Bare() io.WriteCloser { return &prefixed{merger: m} }

type prefixed struct {
	merger *Merger
	prefix []byte
	mu     sync.Mutex // stdout and stderr of one node come from two goroutines
	rest   []byte
}

func (p *prefixed) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rest = append(p.rest, b...)
	for {
		end, next := bytes.IndexByte(p.rest, '\n'), 0
		switch {
		case end >= 0:
			next = end + 1
		case len(p.rest) >= maxLine:
			end, next = maxLine, maxLine
		default:
			return len(b), nil
		}
		if err := p.merger.line(p.prefix, p.rest[:end]); err != nil {
			return 0, err
		}
		p.rest = p.rest[next:]
	}
}

func (p *prefixed) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.rest) == 0 {
		return nil
	}
	rest := p.rest
	p.rest = nil
	return p.merger.line(p.prefix, rest)
}

func (m *Merger) line(prefix, line []byte) error {
	line = bytes.TrimSuffix(line, []byte("\r"))
	if m.safe {
		line = []byte(ansi.Strip(string(line)))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	_, err := m.w.Write(bytes.Join([][]byte{prefix, line, {'\n'}}, nil))
	return err
}
