package topz

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// world is a machine whose clock and processes the test moves.
type world struct {
	now  time.Time
	list []Reading
	err  error
}

func (w *world) Processes(context.Context) ([]Reading, error) { return w.list, w.err }

func sampler(w *world) *Sampler {
	return New(w, Options{Window: 5 * time.Second, Now: func() time.Time { return w.now }})
}

// pass lets a second go by in which the processes use so many cores each, and looks.
func (w *world) pass(t *testing.T, s *Sampler, cores ...float64) {
	t.Helper()
	w.now = w.now.Add(time.Second)
	w.list = append([]Reading(nil), w.list...)
	for i, c := range cores {
		w.list[i].CPU += time.Duration(c * float64(time.Second))
	}
	require.NoError(t, s.Look(t.Context()))
}

func TestTheBusiestIsFirst(t *testing.T) {
	began := time.Unix(1000, 0)
	w := &world{now: began.Add(time.Hour), list: []Reading{{PID: 1, Started: began}, {PID: 7, Started: began}, {PID: 9, Started: began}}}
	s := sampler(w)
	require.NoError(t, s.Look(t.Context()))
	for range 3 {
		w.pass(t, s, 0.1, 0.9, 0)
	}
	list := s.Processes()
	require.Equal(t, []int{7, 1, 9}, []int{list[0].PID, list[1].PID, list[2].PID})
	require.InDelta(t, 0.9, list[0].CPU, 1e-6)
	require.InDelta(t, 0.1, list[1].CPU, 1e-6)
}

func TestOnlyTheLastWindowCounts(t *testing.T) {
	w := &world{now: time.Unix(5000, 0), list: []Reading{{PID: 1, Started: time.Unix(1000, 0)}}}
	s := sampler(w)
	for range 20 {
		w.pass(t, s, 1)
	}
	require.InDelta(t, 1, s.Processes()[0].CPU, 1e-6)
	for range 5 {
		w.pass(t, s, 0)
	}
	require.Zero(t, s.Processes()[0].CPU)
	require.InDelta(t, 20, s.Processes()[0].Used, 1e-6)
	require.LessOrEqual(t, len(s.samples), 6, "what is older is dropped")
}

func TestAProcessThatBeganJustNowIsAveragedOverItsLife(t *testing.T) {
	w := &world{now: time.Unix(5000, 0), list: []Reading{{PID: 1, Started: time.Unix(4998, 0), CPU: time.Second}}}
	s := sampler(w)
	require.NoError(t, s.Look(t.Context()))
	require.InDelta(t, 0.5, s.Processes()[0].CPU, 1e-6)
}

func TestAnotherProcessWithTheSameNumberIsAnother(t *testing.T) {
	w := &world{now: time.Unix(5000, 0), list: []Reading{{PID: 7, Started: time.Unix(1000, 0), CPU: time.Hour}}}
	s := sampler(w)
	require.NoError(t, s.Look(t.Context()))
	w.list = []Reading{{PID: 7, Started: time.Unix(5000, 0)}}
	w.pass(t, s, 0.25)
	require.InDelta(t, 0.25, s.Processes()[0].CPU, 1e-6)
}

func TestWhatCannotBeReadLeavesWhatWasRead(t *testing.T) {
	w := &world{now: time.Unix(5000, 0), list: []Reading{{PID: 1}}}
	s := sampler(w)
	require.NoError(t, s.Look(t.Context()))
	w.err = errors.New("no /proc")
	require.ErrorContains(t, s.Look(t.Context()), "no /proc")
	require.Len(t, s.Processes(), 1)
}

func get(t *testing.T, s *Sampler, path string) *httptest.ResponseRecorder {
	t.Helper()
	answer := httptest.NewRecorder()
	s.Handler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return answer
}

func TestThePagesShowTheSame(t *testing.T) {
	w := &world{now: time.Unix(5000, 0), list: []Reading{{PID: 12, UID: 33, Threads: 4, Memory: 3 << 20, Command: "web <b>", CPU: time.Second, Started: time.Unix(4996, 0)}}}
	s := sampler(w)
	require.Equal(t, http.StatusServiceUnavailable, get(t, s, "/healthz").Code)
	require.NoError(t, s.Look(t.Context()))
	require.Equal(t, http.StatusOK, get(t, s, "/healthz").Code)
	require.Regexp(t, `(?m)^ +12 +33 +25\.0% +3\.0 MiB +4 +web <b>$`, get(t, s, "/topz.txt").Body.String())
	require.Contains(t, get(t, s, "/topz").Body.String(), "<td>25.0%</td><td>3.0 MiB</td><td>4</td><td>web &lt;b&gt;</td>")
	var list []Process
	require.NoError(t, json.Unmarshal(get(t, s, "/topz.json").Body.Bytes(), &list))
	require.Equal(t, s.Processes()[0].Command, list[0].Command)
	require.Equal(t, "/topz", get(t, s, "/").Header().Get("Location"))
}

func TestTheSystemHasThisProcess(t *testing.T) {
	list, err := System{}.Processes(t.Context())
	require.NoError(t, err)
	for _, r := range list {
		if r.PID == os.Getpid() {
			require.Positive(t, r.Memory)
			require.NotEmpty(t, r.Command)
			require.WithinDuration(t, time.Now(), r.Started, time.Hour)
			return
		}
	}
	t.Fatal("this process is not among them")
}
