package logs_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/logs"
)

var start = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)

// world is an engine whose containers have said what the test lets them say.
type world struct {
	mu     sync.Mutex
	said   map[string][]string // messages by container ID, each with its time
	ends   map[string]chan struct{}
	state  engine.State
	events chan engine.Event
	asked  []engine.LogSpec
}

func newWorld(ids ...string) *world {
	w := &world{said: map[string][]string{}, ends: map[string]chan struct{}{}, events: make(chan engine.Event)}
	for _, id := range ids {
		w.add(id)
	}
	return w
}

func (w *world) add(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ends[id] = make(chan struct{})
	w.state.Containers = append(w.state.Containers, engine.Container{ID: id, Name: id, Service: id, Phase: engine.PhaseRunning})
}

func (w *world) remove(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, c := range w.state.Containers {
		if c.ID == id {
			w.state.Containers = append(w.state.Containers[:i:i], w.state.Containers[i+1:]...)
			break
		}
	}
}

func (w *world) say(id string, second int, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said[id] = append(w.said[id], start.Add(time.Duration(second)*time.Second).Format(time.RFC3339Nano)+" "+text)
}

func (w *world) State(context.Context, string) (engine.State, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return engine.State{Containers: append([]engine.Container(nil), w.state.Containers...)}, nil
}

func (w *world) Events(context.Context, string) (<-chan engine.Event, <-chan error) {
	return w.events, make(chan error)
}

func (w *world) Logs(ctx context.Context, id string, spec engine.LogSpec, stdout, _ io.Writer) error {
	w.mu.Lock()
	w.asked = append(w.asked, spec)
	said, end := append([]string(nil), w.said[id]...), w.ends[id]
	w.mu.Unlock()
	for _, message := range said {
		at, _ := time.Parse(time.RFC3339Nano, strings.Fields(message)[0])
		if at.Before(spec.Since) {
			continue
		}
		if _, err := io.WriteString(stdout, message); err != nil {
			return err
		}
	}
	if spec.Follow {
		select {
		case <-ctx.Done():
		case <-end:
		}
	}
	return nil
}

// paper is where lines are printed, each with its container's name.
type paper struct {
	mu    sync.Mutex
	text  bytes.Buffer
	lines chan string
}

func (p *paper) open(c engine.Container) io.Writer { return &sheet{p, c.Name} }

type sheet struct {
	paper *paper
	name  string
}

func (s *sheet) Write(b []byte) (int, error) {
	s.paper.mu.Lock()
	defer s.paper.mu.Unlock()
	fmt.Fprintf(&s.paper.text, "%s: %s", s.name, b)
	if s.paper.lines != nil {
		s.paper.lines <- fmt.Sprintf("%s: %s", s.name, bytes.TrimSpace(b))
	}
	return len(b), nil
}

func TestWhatWasSaidIsPrintedInTheOrderOfTime(t *testing.T) {
	w := newWorld("a", "b")
	w.say("a", 1, "one\n")
	w.say("b", 2, "two\n")
	w.say("b", 3, "thr")
	w.say("b", 3, "ee\r\n") // an engine cuts long lines, and gives every piece a time
	w.say("a", 4, "four, without an end")
	var p paper
	require.NoError(t, logs.Copy(t.Context(), w, "lab", logs.Options{Tail: 7}, p.open))
	require.Equal(t, "a: one\nb: two\nb: three\na: four, without an end\n", p.text.String())
	for _, spec := range w.asked {
		require.Equal(t, engine.LogSpec{Tail: 7, Timestamps: true}, spec)
	}
}

func TestTimesAreShownOnRequest(t *testing.T) {
	w := newWorld("a")
	w.say("a", 1, "one\n")
	var p paper
	require.NoError(t, logs.Copy(t.Context(), w, "lab", logs.Options{Tail: -1, Timestamps: true}, p.open))
	require.Equal(t, "a: 2026-11-24T10:00:01Z one\n", p.text.String())
}

func TestOnlyTheSelectedAreRead(t *testing.T) {
	w := newWorld("a", "b")
	w.say("a", 1, "one\n")
	w.say("b", 2, "two\n")
	var p paper
	require.NoError(t, logs.Copy(t.Context(), w, "lab", logs.Options{Tail: -1,
		Select: func(c engine.Container) bool { return c.ID == "b" }}, p.open))
	require.Equal(t, "b: two\n", p.text.String())
}

func TestFollowingPrintsNothingTwiceAndMeetsNewContainers(t *testing.T) {
	w := newWorld("a")
	w.say("a", 1, "before\n")
	p := &paper{lines: make(chan string)}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- logs.Copy(ctx, w, "lab", logs.Options{Follow: true, Tail: -1}, p.open) }()
	require.Equal(t, "a: before", <-p.lines)

	w.add("b")
	w.say("b", 2, "new\n")
	w.events <- engine.Event{Kind: engine.KindContainer, Action: "start", ID: "b"}
	require.Equal(t, "b: new", <-p.lines)

	// The same container in its next life: only what it says from now on.
	w.say("b", 3, "again\n")
	close(w.ends["b"])
	w.events <- engine.Event{Kind: engine.KindContainer, Action: "start", ID: "b"}
	require.Equal(t, "b: again", <-p.lines)

	stop()
	require.NoError(t, <-done)
	require.Equal(t, "a: before\nb: new\nb: again\n", p.text.String())
}

func TestFollowingEndsWithTheLastContainer(t *testing.T) {
	w := newWorld("a")
	done := make(chan error, 1)
	go func() {
		done <- logs.Copy(t.Context(), w, "lab", logs.Options{Follow: true}, (&paper{}).open)
	}()
	w.remove("a")
	w.events <- engine.Event{Kind: engine.KindContainer, Action: "destroy", ID: "a"}
	require.NoError(t, <-done)
}

func TestABrokenPipeEndsReading(t *testing.T) {
	w := newWorld("a")
	for i := range 1000 {
		w.say("a", i, "line\n")
	}
	err := logs.Copy(t.Context(), w, "lab", logs.Options{Tail: -1}, func(engine.Container) io.Writer { return broken{} })
	require.ErrorIs(t, err, io.ErrClosedPipe)
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
