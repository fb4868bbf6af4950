package output

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
)

// State is how far one item of a progress display is.
type State int

// The states of an item.
const (
	Working State = iota
	Done
	Skipped
	Failed
)

// redrawEvery is the pace of the live display: fast enough to feel alive, slow enough to cost nothing.
const redrawEvery = 100 * time.Millisecond

// Terminal says what the progress display may use.
type Terminal struct {
	Live  bool       // a terminal that understands cursor movement; else one line an item is printed when it ends
	Color bool       // colours and bold
	ASCII bool       // no characters beyond ASCII
	Width func() int // columns; nil means 80
}

// Progress shows what is being done and what is done, an item a line. On a terminal the lines are redrawn in place;
// elsewhere each item is printed once, when it ends. It is safe for use by several goroutines. Close ends it.
type Progress struct {
	w    io.Writer
	term Terminal
	now  func() time.Time

	mu    sync.Mutex
	items []*item
	index map[string]*item
	drawn int // lines of the last live frame
	tick  int

	stop chan struct{}
	done chan struct{}
}

type item struct {
	label string
	text  string
	state State
	since time.Time
	took  time.Duration
}

// NewProgress starts a display on w.
func NewProgress(w io.Writer, term Terminal) *Progress {
	p := &Progress{
		w: w, term: term, now: time.Now,
		index: map[string]*item{},
		stop:  make(chan struct{}), done: make(chan struct{}),
	}
	if p.term.Width == nil {
		p.term.Width = func() int { return 80 }
	}
	go p.run()
	return p
}

func (p *Progress) run() {
	defer close(p.done)
	if !p.term.Live {
		<-p.stop
		return
	}
	ticker := time.NewTicker(redrawEvery)
	defer ticker.Stop()
	for {
		select {
		case <-p.stop:
			p.mu.Lock()
			p.draw()
			p.mu.Unlock()
			return
		case <-ticker.C:
			p.mu.Lock()
			p.tick++
			p.draw()
			p.mu.Unlock()
		}
	}
}

// Update sets the item called key: its label, how far it is, and a word on it ("" keeps the word before).
func (p *Progress) Update(key, label string, state State, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	it := p.index[key]
	if it == nil {
		it = &item{since: p.now()}
		p.index[key] = it
		p.items = append(p.items, it)
	}
	ended := it.state != Working
	it.label, it.state = label, state
	if text != "" {
		it.text = strings.Join(strings.Fields(ansi.Strip(text)), " ")
	}
	if state == Working {
		if ended {
			it.since = p.now()
			if !slices.Contains(p.items, it) { // its line was printed for good; it gets another
				p.items = append(p.items, it)
			}
		}
		return
	}
	it.took = p.now().Sub(it.since)
	if !p.term.Live && !ended {
		fmt.Fprintln(p.w, p.line(it))
	}
}

// Say prints a line where there is no live display, which shows the same by itself.
func (p *Progress) Say(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.term.Live {
		_, _ = fmt.Fprintln(p.w, "   "+text)
	}
}

// Drop takes an item that is still being worked on off the display; one that ended stays.
func (p *Progress) Drop(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	it := p.index[key]
	if it == nil || it.state != Working {
		return
	}
	delete(p.index, key)
	p.items = slices.DeleteFunc(p.items, func(other *item) bool { return other == it })
}

// Close draws the last state and ends the display.
func (p *Progress) Close() {
	select {
	case <-p.stop:
		return
	default:
	}
	close(p.stop)
	<-p.done
}

// draw redraws the live lines. Lines that ended above all working ones are printed for good and left alone.
func (p *Progress) draw() {
	var b strings.Builder
	if p.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\x1b[J", p.drawn)
	}
	keep := 0
	for keep < len(p.items) && p.items[keep].state != Working {
		b.WriteString(p.line(p.items[keep]) + "\n")
		keep++
	}
	live := p.items[keep:]
	for _, it := range live {
		b.WriteString(p.line(it) + "\n")
	}
	p.items = live
	p.drawn = len(live)
	_, _ = io.WriteString(p.w, b.String())
}

var (
	spinner      = []string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"}
	spinnerASCII = []string{"|", "/", "-", `\`}
	doneStyle    = lipgloss.NewStyle().Foreground(lipgloss.Green)
	failedStyle  = lipgloss.NewStyle().Foreground(lipgloss.Red).Bold(true)
	faintStyle   = lipgloss.NewStyle().Faint(true)
)

func (p *Progress) line(it *item) string {
	mark, style, took := "✓", doneStyle, it.took
	frames := spinner
	if p.term.ASCII {
		mark, frames = "+", spinnerASCII
	}
	switch it.state {
	case Working:
		mark, style, took = frames[p.tick%len(frames)], faintStyle, p.now().Sub(it.since)
	case Failed:
		mark, style = "✗", failedStyle
		if p.term.ASCII {
			mark = "x"
		}
	case Skipped:
		mark, style = "·", faintStyle
		if p.term.ASCII {
			mark = "."
		}
	}
	text := it.text
	if took >= 100*time.Millisecond {
		text = strings.TrimSpace(fmt.Sprintf("%s %.1fs", text, took.Seconds()))
	}
	left, right := mark+" "+it.label, text
	if p.term.Color {
		left, right = style.Render(mark)+" "+it.label, faintStyle.Render(text)
	}
	full := " " + left + "  " + right
	if p.term.Live {
		return ansi.Truncate(full, max(p.term.Width()-1, 10), "")
	}
	return strings.TrimRight(full, " ")
}
