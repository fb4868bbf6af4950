// Package record keeps what the dashboard shows and what it is shown: the screen as an asciicast (version 2, as asciinema plays
// it), and a lab's Snapshots as lines of JSON, which the dashboard can replay.
package record

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"sync"
	"time"

	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
)

// header is the first line of an asciicast: https://docs.asciinema.org/manual/asciicast/v2/.
type header struct {
	Version   int               `json:"version"`
	Width     int               `json:"width"`
	Height    int               `json:"height"`
	Timestamp int64             `json:"timestamp,omitempty"`
	Title     string            `json:"title,omitempty"`
	Env       map[string]string `json:"env,omitempty"`
}

// Cast writes what a terminal is sent, with its times. It is safe for use by several goroutines.
type Cast struct {
	mu    sync.Mutex
	w     io.Writer
	now   func() time.Time
	start time.Time
	rest  []byte // the beginning of a character that is not complete yet
	err   error
}

// NewCast begins a recording for a terminal of a size.
func NewCast(w io.Writer, width, height int, title string, now func() time.Time) (*Cast, error) {
	c := &Cast{w: w, now: now, start: now()}
	line, err := json.Marshal(header{Version: 2, Width: width, Height: height, Timestamp: c.start.Unix(), Title: title, Env: map[string]string{"TERM": "xterm-256color"}})
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(append(line, '\n')); err != nil {
		return nil, fmt.Errorf("begin the recording: %w", err)
	}
	return c, nil
}

// Write records output. It never fails: Err gives the first failure, so that a full disk does not end what is recorded.
func (c *Cast) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	data := append(c.rest, p...)
	whole := completeUTF8(data)
	c.rest = append([]byte(nil), data[whole:]...)
	if whole > 0 {
		c.event("o", string(data[:whole]))
	}
	return len(p), nil
}

// Resize records a new size.
func (c *Cast) Resize(width, height int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.event("r", fmt.Sprintf("%dx%d", width, height))
}

// Err is the first failure to write.
func (c *Cast) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

func (c *Cast) event(kind, data string) {
	if c.err != nil {
		return
	}
	seconds := math.Round(c.now().Sub(c.start).Seconds()*1e6) / 1e6
	line, err := json.Marshal([]any{seconds, kind, data})
	if err == nil {
		_, err = c.w.Write(append(line, '\n'))
	}
	if err != nil {
		c.err = fmt.Errorf("write the recording: %w", err)
	}
}

// completeUTF8 is how much of data ends with a whole character.
func completeUTF8(data []byte) int {
	for back := 1; back <= 3 && back <= len(data); back++ {
		b := data[len(data)-back]
		if b < 0x80 {
			return len(data)
		}
		if b >= 0xc0 { // a first byte: of how many?
			need := 2
			if b >= 0xf0 {
				need = 4
			} else if b >= 0xe0 {
				need = 3
			}
			if back < need {
				return len(data) - back
			}
			return len(data)
		}
	}
	return len(data)
}

// Snapshots writes Snapshots as lines of JSON.
type Snapshots struct{ enc *json.Encoder }

// NewSnapshots gives a writer.
func NewSnapshots(w io.Writer) *Snapshots { return &Snapshots{json.NewEncoder(w)} }

// Write writes one.
func (s *Snapshots) Write(snapshot telemetry.Snapshot) error { return s.enc.Encode(snapshot) }

// Recording is a file that can be replayed: an asciicast, or Snapshots.
type Recording struct {
	Snapshots []telemetry.Snapshot
	Cast      *Screen
}

// Screen is an asciicast.
type Screen struct {
	Width, Height int
	events        []screenEvent
}

type screenEvent struct {
	at         time.Duration
	kind, data string
}

// longestLine bounds a line of a recording.
const longestLine = 64 << 20

// Read reads a recording of either kind.
func Read(r io.Reader) (Recording, error) {
	scanner := bufio.NewScanner(r)
	scanner.Buffer(make([]byte, 0, 1<<20), longestLine)
	var out Recording
	for line := 1; scanner.Scan(); line++ {
		text := scanner.Bytes()
		if len(text) == 0 {
			continue
		}
		if err := out.line(text); err != nil {
			return out, hint.Wrap(fmt.Errorf("line %d: %w", line, err),
				"a recording is an asciicast of version 2 (ddsctl dash --record FILE.cast) or Snapshots (ddsctl dash --record FILE.jsonl, ddsctl lab watch -o json)")
		}
	}
	if err := scanner.Err(); err != nil {
		return out, err
	}
	if out.Cast == nil && len(out.Snapshots) == 0 {
		return out, errors.New("the recording is empty")
	}
	return out, nil
}

func (r *Recording) line(text []byte) error {
	if r.Cast != nil {
		return r.Cast.line(text)
	}
	if len(r.Snapshots) == 0 {
		var h header
		if err := json.Unmarshal(text, &h); err == nil && h.Version != 0 {
			if h.Version != 2 {
				return fmt.Errorf("asciicast of version %d, not 2", h.Version)
			}
			r.Cast = &Screen{Width: h.Width, Height: h.Height}
			return nil
		}
	}
	var s telemetry.Snapshot
	if err := json.Unmarshal(text, &s); err != nil {
		return fmt.Errorf("neither an asciicast nor a Snapshot: %w", err)
	}
	if s.Time.IsZero() {
		return errors.New("a Snapshot without a time")
	}
	r.Snapshots = append(r.Snapshots, s)
	return nil
}

func (s *Screen) line(text []byte) error {
	var parts []json.RawMessage
	var e screenEvent
	var at float64
	err := json.Unmarshal(text, &parts)
	if err == nil && len(parts) != 3 {
		err = fmt.Errorf("%d parts instead of 3", len(parts))
	}
	for i, into := range []any{&at, &e.kind, &e.data} {
		if err == nil {
			err = json.Unmarshal(parts[i], into)
		}
	}
	if err != nil {
		return fmt.Errorf("not an event of an asciicast: %w", err)
	}
	e.at = time.Duration(at * float64(time.Second))
	s.events = append(s.events, e)
	return nil
}

// Length is how long the recording lasts.
func (s *Screen) Length() time.Duration {
	if len(s.events) == 0 {
		return 0
	}
	return s.events[len(s.events)-1].at
}

// Wait pauses for a time, and fails when the context ends first.
type Wait func(ctx context.Context, d time.Duration) error

// Sleep is the Wait of a clock on the wall.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Play writes what the terminal was sent, at the pace at which it was, times speed; longer pauses than idle are cut to it.
func (s *Screen) Play(ctx context.Context, w io.Writer, speed float64, idle time.Duration, wait Wait) error {
	var before time.Duration
	for _, e := range s.events {
		gap := min(time.Duration(float64(e.at-before)/speed), idle)
		before = e.at
		if gap > 0 {
			if err := wait(ctx, gap); err != nil {
				return err
			}
		}
		if e.kind != "o" {
			continue
		}
		if _, err := io.WriteString(w, e.data); err != nil {
			return err
		}
	}
	return nil
}

// Replay gives recorded Snapshots at the pace at which they came, times Speed.
type Replay struct {
	Recorded []telemetry.Snapshot
	Speed    float64 // 0 gives them at once
	Wait     Wait
}

// Snapshots gives them from the first one.
func (r Replay) Snapshots(ctx context.Context) iter.Seq2[telemetry.Snapshot, error] {
	return func(yield func(telemetry.Snapshot, error) bool) {
		for i, s := range r.Recorded {
			if i > 0 && r.Speed > 0 {
				gap := time.Duration(float64(s.Time.Sub(r.Recorded[i-1].Time)) / r.Speed)
				if err := r.Wait(ctx, max(gap, 0)); err != nil {
					return
				}
			}
			if ctx.Err() != nil || !yield(s, nil) {
				return
			}
		}
	}
}
