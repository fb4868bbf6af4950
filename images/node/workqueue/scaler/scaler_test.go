package scaler

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

const some = "queue: http://queue\nworkers: [http://worker]\n"

func config(t require.TestingT, more string) Config {
	c, err := ParseConfig([]byte(some + more))
	require.NoError(t, err)
	return c
}

func at(seconds int) time.Time { return time.Unix(int64(1000+seconds), 0) }

func TestAsManyAsTheArrivalsNeed(t *testing.T) {
	for name, c := range map[string]struct {
		more string
		seen Seen
		want int
	}{
		"nothing to do":                          {"", Seen{}, 1},
		"two a second of one second each at 80%": {"", Seen{ArrivalRate: 2, Processing: 1}, 3},
		"exactly enough":                         {"", Seen{ArrivalRate: 2.4, Processing: 1}, 3},
		"twenty wait, for ten seconds":           {"", Seen{ArrivalRate: 2, Processing: 1, Waiting: 20}, 5},
		"more than there may be":                 {"most: 4", Seen{ArrivalRate: 200, Processing: 1}, 4},
		"not known how long it takes":            {"", Seen{ArrivalRate: 2, Waiting: 9}, 1},
		"one for each that waits":                {"rule: waiting", Seen{ArrivalRate: 2, Processing: 1, Waiting: 7}, 7},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, NewDecider(config(t, c.more), 1, at(0)).Need(c.seen))
		})
	}
}

func TestMoreAtOnceAndFewerOnlyAfterAWhile(t *testing.T) {
	d := NewDecider(config(t, "cool: 5s"), 1, at(0))
	busy, quiet, middle := Seen{ArrivalRate: 6.4, Processing: 1}, Seen{ArrivalRate: 0.8, Processing: 1}, Seen{ArrivalRate: 4, Processing: 1}
	require.Equal(t, 8, d.Decide(at(0), busy))
	for second := 1; second <= 4; second++ {
		require.Equal(t, 8, d.Decide(at(second), quiet), second)
	}
	require.Equal(t, 8, d.Decide(at(5), middle))
	require.Equal(t, 5, d.Decide(at(6), quiet), "as many as the most that was needed meanwhile")
	require.Equal(t, 5, d.Decide(at(10), quiet))
	require.Equal(t, 1, d.Decide(at(11), quiet))
	require.Equal(t, 1, d.Turns())
}

// What is needed stays within bounds; where it stays the same, the number of slots is changed once at most after it has been long enough, and keeps up with the arrivals.
func TestItComesToRest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := config(t, "most: 50")
		c.Cool = time.Duration(rapid.IntRange(0, 20).Draw(t, "cool")) * time.Second
		d, second := NewDecider(c, rapid.IntRange(1, 50).Draw(t, "slots"), at(0)), 0
		draw := func(name string) Seen {
			return Seen{Waiting: rapid.IntRange(0, 100).Draw(t, name+" waiting"), ArrivalRate: rapid.Float64Range(0, 20).Draw(t, name+" rate"), Processing: rapid.Float64Range(0.01, 2).Draw(t, name+" time")}
		}
		for range rapid.IntRange(0, 30).Draw(t, "restless") {
			second++
			n := d.Decide(at(second), draw("some"))
			require.GreaterOrEqual(t, n, 1)
			require.LessOrEqual(t, n, 50)
		}
		same := draw("same")
		var last int
		for range 45 {
			second++
			last = d.Decide(at(second), same)
		}
		require.Equal(t, d.Need(same), last)
		if last < 50 {
			require.LessOrEqual(t, same.ArrivalRate*same.Processing, c.Target*(float64(last)+0.06))
		}
		turns := d.Turns()
		for range 10 {
			second++
			require.Equal(t, last, d.Decide(at(second), same))
		}
		require.Equal(t, turns, d.Turns())
	})
}

func TestAConfigurationIsRefusedByName(t *testing.T) {
	for more, want := range map[string]string{"rule: fast": "rule", "target: 0": "target", "target: 2": "target", "every: 0s": "every", "cool: -1s": "cool", "least: 5\nmost: 4": "most", "lest: 5": "lest"} {
		_, err := ParseConfig([]byte(some + more))
		require.ErrorContains(t, err, want, more)
	}
	_, err := ParseConfig([]byte("queue: http://queue"))
	require.ErrorContains(t, err, "workers")
}

func TestWorkersAreToldWhatTheyShareAmongThem(t *testing.T) {
	var mu sync.Mutex
	told := map[string]string{}
	worker := func(name string) string {
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			told[name] = r.Method + r.URL.String()
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	queue := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"waiting":0,"arrivals_per_second":4,"processing_seconds":1}`)
	}))
	defer queue.Close()
	c := config(t, "every: 5ms")
	c.Queue, c.Workers = queue.URL, []string{worker("a"), worker("b")}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- New(c, slog.New(slog.DiscardHandler)).Serve(ctx, listener) }()
	require.Eventually(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return told["a"] == "PUT/slots?n=2" && told["b"] == "PUT/slots?n=3"
	}, time.Minute, time.Millisecond)
	answer, err := http.Get("http://" + listener.Addr().String() + "/state")
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	var s State
	require.NoError(t, json.Unmarshal(text, &s))
	require.Equal(t, State{Slots: 5, Need: 5, Seen: Seen{ArrivalRate: 4, Processing: 1}}, s)
	cancel()
	require.NoError(t, <-done)
}
