package traffic_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ddsctl/ddsctl/labs/workload"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/scenarios/traffic"
	"github.com/ddsctl/ddsctl/scenarios/traffic/protocol"
)

func TestAnOpenLoopSendsWhatFallsDueAndAccountsForAll(t *testing.T) {
	s := newStore(t)
	var windows []telemetry.Traffic
	run := start(t, workload.Spec{
		Name: "shop", Target: target(s.url()), Arrival: workload.Arrival{Rate: 1000}, Duration: lasting(time.Second), Seed: 42,
		Keys: workload.Keys{Count: 50},
	}, func(o *traffic.Options) {
		o.Client = "client"
		o.Observe = func(t telemetry.Traffic) { windows = append(windows, t) }
	})
	r := run.Wait()
	require.NoError(t, run.Err())
	balanced(t, r)
	require.Equal(t, uint64(1000), r.Scheduled)
	require.Equal(t, uint64(1000), r.TotalSucceeded)
	require.Equal(t, traffic.Ended, r.State)
	require.Equal(t, uint64(42), r.Seed)
	require.Equal(t, uint64(1000), r.Latency.Count)
	require.InDelta(t, 1000, r.Asked, 30)
	require.Greater(t, r.Hits, uint64(0))
	require.Greater(t, r.Misses, uint64(0))

	require.NotEmpty(t, windows)
	last := windows[len(windows)-1]
	require.Equal(t, "shop", last.Workload)
	require.Equal(t, "client", last.Client)
	require.Equal(t, "redis", last.Protocol)
	require.Equal(t, uint64(1000), last.TotalSucceeded)
	var counted uint64
	for _, w := range windows {
		for _, b := range w.Histogram {
			counted += b.Count
		}
	}
	require.Equal(t, uint64(1000), counted, "the windows' histograms add up to the run's")
}

func TestAStalledServerIsChargedWithEverybodyWhoWaited(t *testing.T) {
	// The coordinated omission test: one second of silence, at 1,000 requests a second. A loop that waits for answers would see 16 slow
	// requests, one for each connection.
	s := newStore(t)
	var stalled atomic.Bool
	var once sync.Once
	began := time.Now()
	s.on(func([]string) bool {
		if time.Since(began) > time.Second {
			once.Do(func() {
				stalled.Store(true)
				time.AfterFunc(time.Second, func() { stalled.Store(false) })
			})
		}
		for stalled.Load() {
			time.Sleep(time.Millisecond)
		}
		return false
	})
	r := start(t, workload.Spec{Target: target(s.url()), Arrival: workload.Arrival{Rate: 1000}, Duration: lasting(3 * time.Second),
		Timeout: lasting(5 * time.Second)}).Wait()
	balanced(t, r)
	require.Zero(t, r.TotalFailed)
	require.Equal(t, uint64(3000), r.TotalSucceeded)
	// A third of the requests fell due in that second: the unluckiest hundredth of all waited for nearly all of it. The bounds are what must hold
	// also on a machine that stalls by itself now and then.
	require.GreaterOrEqual(t, r.Latency.P99, 0.9)
	require.GreaterOrEqual(t, r.Latency.P90, 0.6)
	require.Less(t, r.Service.P99, r.Latency.P99/2, "the server itself answered nearly all of them quickly")
}

func TestATargetThatVanishesCostsErrorsAndIsFoundAgain(t *testing.T) {
	s := newStore(t)
	run := start(t, workload.Spec{Target: target(s.url()), Arrival: workload.Arrival{Rate: 500}, Connections: 4, Timeout: lasting(time.Second)})
	waitFor(t, run, func(r traffic.Report) bool { return r.TotalSucceeded > 100 })
	s.vanish()
	waitFor(t, run, func(r traffic.Report) bool { return r.TotalFailed > 100 })
	before := run.Report()
	s.start()
	waitFor(t, run, func(r traffic.Report) bool { return r.TotalSucceeded > before.TotalSucceeded+200 })
	run.Stop()
	r := run.Wait()
	balanced(t, r)
	kinds := map[string]bool{}
	for _, e := range r.Errors {
		kinds[e.Kind] = true
		require.Contains(t, []string{protocol.KindRefused, protocol.KindReset, protocol.KindEOF}, e.Kind)
		require.NotEmpty(t, e.Example)
	}
	require.True(t, kinds[protocol.KindRefused])
}

func TestATargetThatWasNeverThere(t *testing.T) {
	s := newStore(t)
	s.vanish()
	for _, loop := range []workload.Loop{workload.LoopOpen, workload.LoopClosed} {
		spec := workload.Spec{Target: target(s.url()), Loop: loop, Duration: lasting(300 * time.Millisecond), Connections: 2}
		r := start(t, spec).Wait()
		balanced(t, r)
		require.Zero(t, r.TotalSucceeded)
		require.Equal(t, r.Scheduled, r.TotalFailed)
		require.Equal(t, protocol.KindRefused, r.Errors[0].Kind)
		require.Less(t, r.TotalFailed, uint64(1000), "a target that refuses is not hammered")
	}
}

func TestAServerThatFallsSilentCostsTimeoutsAndDrops(t *testing.T) {
	s := newStore(t)
	s.on(func([]string) bool { return true })
	r := start(t, workload.Spec{Target: target(s.url()), Arrival: workload.Arrival{Rate: 1000}, Duration: lasting(700 * time.Millisecond), Connections: 3,
		MaxInFlight: 50, Timeout: lasting(200 * time.Millisecond)}).Wait()
	balanced(t, r)
	require.Zero(t, r.TotalSucceeded)
	require.Greater(t, r.Dropped, uint64(300), "three connections and fifty in flight take few of 700")
	kinds := map[string]uint64{}
	for _, e := range r.Errors {
		kinds[e.Kind] = e.Count
	}
	require.Positive(t, kinds[protocol.KindTimeout])
	require.Positive(t, kinds[traffic.KindWaited])
	require.Equal(t, r.TotalFailed, kinds[protocol.KindTimeout]+kinds[traffic.KindWaited])
	require.GreaterOrEqual(t, r.Latency.P50, 0.2, "no answer is no fast answer")
}

func TestAClosedLoopKeepsEveryConnectionBusy(t *testing.T) {
	s := newStore(t)
	var now, most atomic.Int64
	s.on(func([]string) bool {
		n := now.Add(1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		time.Sleep(time.Millisecond)
		now.Add(-1)
		return false
	})
	r := start(t, workload.Spec{Target: target(s.url()), Loop: workload.LoopClosed, Connections: 5, Duration: lasting(300 * time.Millisecond)}).Wait()
	balanced(t, r)
	require.Zero(t, r.TotalFailed)
	require.Zero(t, r.Asked)
	require.Equal(t, int64(5), most.Load())
	require.Greater(t, r.TotalSucceeded, uint64(50))
}

func TestARunIsChangedWhileItRuns(t *testing.T) {
	s := newStore(t)
	run := start(t, workload.Spec{Target: target(s.url()), Arrival: workload.Arrival{Process: workload.ProcessPoisson, Rate: 1}})
	rate, yes, no := 2000.0, true, false
	require.NoError(t, run.Change(workload.Change{Rate: &rate}))
	waitFor(t, run, func(r traffic.Report) bool { return r.TotalSucceeded > 500 })
	require.Equal(t, workload.ProcessPoisson, run.Workload().Arrival.Process)
	require.Equal(t, rate, run.Workload().Arrival.Rate)

	require.NoError(t, run.Change(workload.Change{Pause: &yes}))
	require.Equal(t, traffic.Paused, run.State())
	quiet(t, run)
	require.NoError(t, run.Change(workload.Change{Pause: &no}))
	waitFor(t, run, func(r traffic.Report) bool { return r.State == traffic.Running && r.Series != nil })

	zero := 0.0
	require.NoError(t, run.Change(workload.Change{Rate: &zero}))
	quiet(t, run)
	require.NoError(t, run.Change(workload.Change{Arrival: &workload.Arrival{Process: workload.ProcessRamp, Rate: 100, To: 3000, Over: lasting(time.Second)},
		Keys: &workload.Keys{Prefix: "other:"}, Mix: []workload.Operation{{Operation: workload.Read}}}))
	before := run.Report().TotalSucceeded
	waitFor(t, run, func(r traffic.Report) bool { return r.TotalSucceeded > before+200 })
	s.mu.Lock()
	require.Contains(t, s.asked[len(s.asked)-1], "other:")
	s.mu.Unlock()

	require.Error(t, run.Change(workload.Change{}))
	require.Error(t, run.Change(workload.Change{Mix: []workload.Operation{{Operation: workload.Request}}}))
	run.Stop()
	r := run.Wait()
	balanced(t, r)
	require.Zero(t, r.TotalFailed)
	require.ErrorIs(t, run.Change(workload.Change{Rate: &rate}), traffic.ErrOver)
}

func TestAPausedClosedLoopStandsStill(t *testing.T) {
	s := newStore(t)
	run := start(t, workload.Spec{Target: target(s.url()), Loop: workload.LoopClosed, Connections: 3})
	waitFor(t, run, func(r traffic.Report) bool { return r.TotalSucceeded > 10 })
	yes, no := true, false
	require.NoError(t, run.Change(workload.Change{Pause: &yes}))
	quiet(t, run)
	require.NoError(t, run.Change(workload.Change{Pause: &no}))
	before := run.Report().TotalSucceeded
	waitFor(t, run, func(r traffic.Report) bool { return r.TotalSucceeded > before })
	require.NoError(t, run.Change(workload.Change{Pause: &yes}))
	run.Stop()
	balanced(t, run.Wait())
}

func TestATraceEndsTheRunAndItsInstantsAreKept(t *testing.T) {
	s := newStore(t)
	at := []workload.Duration{0, lasting(50 * time.Millisecond), lasting(50 * time.Millisecond), lasting(200 * time.Millisecond)}
	r := start(t, workload.Spec{Target: target(s.url()), Arrival: workload.Arrival{Process: workload.ProcessTrace, At: at}}).Wait()
	balanced(t, r)
	require.Equal(t, uint64(4), r.TotalSucceeded)
	require.GreaterOrEqual(t, r.Elapsed, 200*time.Millisecond)
}

func TestStoppingDoesNotWaitForASilentServer(t *testing.T) {
	s := newStore(t)
	s.on(func([]string) bool { return true })
	run := start(t, workload.Spec{Target: target(s.url()), Arrival: workload.Arrival{Rate: 100}, Timeout: lasting(time.Minute)})
	require.Eventually(t, func() bool { return run.Report().InFlight > 20 }, 10*time.Second, time.Millisecond)
	began := time.Now()
	run.Stop()
	r := run.Wait()
	require.Less(t, time.Since(began), 20*time.Second)
	balanced(t, r)
	require.Zero(t, r.TotalFailed, "what the end of the run cut off is not the server's failure")
	require.Greater(t, r.Canceled, uint64(20))
}

func TestTheSameSeedAsksTheSameKeysInTheSameOrder(t *testing.T) {
	ask := func(seed uint64) []string {
		s := newStore(t)
		start(t, workload.Spec{Target: target(s.url()), Connections: 1, Arrival: workload.Arrival{Process: workload.ProcessPoisson, Rate: 2000}, Seed: seed,
			Duration: lasting(200 * time.Millisecond), Keys: workload.Keys{Distribution: workload.KeysZipfian}}).Wait()
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.asked
	}
	first := ask(3)
	require.Greater(t, len(first), 100)
	require.Equal(t, first, ask(3))
	require.NotEqual(t, first, ask(4))
}

func TestEveryKeyIsPreloadedAtEveryTarget(t *testing.T) {
	a, b := newStore(t), newStore(t)
	r := start(t, workload.Spec{Target: workload.Targets{a.url(), b.url()}, Keys: workload.Keys{Count: 777, Preload: true}, Duration: lasting(100 * time.Millisecond),
		Arrival: workload.Arrival{Rate: 500}}).Wait()
	balanced(t, r)
	for _, s := range []*store{a, b} {
		s.mu.Lock()
		require.Len(t, s.data, 777)
		s.mu.Unlock()
	}
	require.Zero(t, r.Misses)
	require.Len(t, r.Parts, 2)
	require.Equal(t, r.Parts[0].Count, r.Parts[1].Count, "turn by turn")
	require.Equal(t, a.acceptances()-16, 16, "sixteen for the preload, sixteen for the run")
}

func TestPreparationsWaitForATargetThatComesLater(t *testing.T) {
	s := newStore(t)
	s.vanish()
	run := start(t, workload.Spec{Target: target(s.url()), Keys: workload.Keys{Count: 10, Preload: true}})
	require.Equal(t, traffic.Preparing, run.State())
	s.start()
	waitFor(t, run, func(r traffic.Report) bool { return r.TotalSucceeded > 0 })

	s.vanish()
	run = start(t, workload.Spec{Target: target(s.url()), Keys: workload.Keys{Count: 10, Preload: true}}, func(o *traffic.Options) { o.Patience = 100 * time.Millisecond })
	r := run.Wait()
	require.Equal(t, traffic.Failed, r.State)
	require.ErrorContains(t, run.Err(), "preload")
	require.Equal(t, protocol.KindRefused, protocol.KindOf(run.Err()))
	require.Zero(t, r.Scheduled)
}

func TestAPreloadOutlastsATargetThatRefusesForAWhile(t *testing.T) {
	s := newStore(t)
	s.refuse(40)
	run := start(t, workload.Spec{Target: target(s.url()), Keys: workload.Keys{Count: 10, Preload: true}})
	waitFor(t, run, func(r traffic.Report) bool { return r.TotalSucceeded > 0 })
	require.NoError(t, run.Err())
}

func TestResultsAreSplitByTheServerThatAnswered(t *testing.T) {
	var turn atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := turn.Add(1) % 4
		w.Header().Set("X-Served-By", fmt.Sprint("web-", min(n, 1)))
		if n == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(server.Close)
	r := start(t, workload.Spec{Target: target(server.URL), Arrival: workload.Arrival{Rate: 400}, Duration: lasting(500 * time.Millisecond),
		AnsweredBy: "X-Served-By"}).Wait()
	balanced(t, r)
	require.Equal(t, []string{"web-0", "web-1"}, []string{r.Parts[0].Name, r.Parts[1].Name})
	require.Equal(t, uint64(50), r.Parts[0].Count)
	require.Equal(t, uint64(50), r.Parts[0].Failed)
	require.Zero(t, r.Parts[1].Failed)
	require.InDelta(t, 0.25, r.Parts[0].Share, 0.001)
	require.Equal(t, []traffic.ErrorCount{{Kind: "status_503", Count: 50, Example: "HTTP status 503 Service Unavailable"}}, r.Errors)
	require.Equal(t, uint64(150), r.Latency.Count)
	require.InDelta(t, 0.25, r.ErrorRate(), 0.001)
}

func TestConnectionsAreClosedAfterAsManyRequestsAsSaid(t *testing.T) {
	s := newStore(t)
	r := start(t, workload.Spec{Target: target(s.url()), Arrival: workload.Arrival{Rate: 500}, Connections: 2, RequestsPerConnection: 10,
		Duration: lasting(400 * time.Millisecond)}).Wait()
	balanced(t, r)
	require.Zero(t, r.TotalFailed)
	require.GreaterOrEqual(t, s.acceptances(), 20)
	require.LessOrEqual(t, s.acceptances(), 23)
}

func TestStreamsShareConnections(t *testing.T) {
	var conns sync.Map
	var now, most atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		conns.Store(r.RemoteAddr, true)
		n := now.Add(1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		time.Sleep(2 * time.Millisecond)
		now.Add(-1)
	}))
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	t.Cleanup(server.Close)
	r := start(t, workload.Spec{Target: target("h2c://" + server.Listener.Addr().String()), Loop: workload.LoopClosed, Connections: 2, Streams: 8,
		Duration: lasting(300 * time.Millisecond)}).Wait()
	balanced(t, r)
	require.Zero(t, r.TotalFailed, "%v", r.Errors)
	count := 0
	conns.Range(func(any, any) bool { count++; return true })
	require.Equal(t, 2, count)
	require.Greater(t, most.Load(), int64(2))
}

func TestAWorkloadThatCannotBeSaysWhatIsWrong(t *testing.T) {
	_, err := traffic.Start(t.Context(), traffic.Options{Workload: workload.Spec{Target: target("gopher://x")}})
	var problems workload.Problems
	require.ErrorAs(t, err, &problems)
	_, err = traffic.Start(t.Context(), traffic.Options{Workload: workload.Spec{Target: target("redis://x/shop")}})
	require.ErrorContains(t, err, "number of a database")
	_, err = traffic.Start(t.Context(), traffic.Options{Workload: workload.Spec{Target: target("https://x"), TLS: workload.TLS{CA: "no PEM"}}})
	require.ErrorContains(t, err, "PEM")
	_, err = traffic.Start(t.Context(), traffic.Options{Workload: workload.Spec{Target: target("https://x"), TLS: workload.TLS{CAFile: "/none"}}})
	require.ErrorContains(t, err, "/none")
}

func TestWhateverAServerDoesEveryRequestIsAccountedFor(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newStore(t)
		defer s.vanish()
		deeds := rapid.SliceOfN(rapid.SampledFrom([]string{"answer", "answer", "answer", "hang", "wait", "vanish"}), 1, 30).Draw(rt, "deeds")
		var turn atomic.Int64
		s.on(func([]string) bool {
			switch deeds[int(turn.Add(1))%len(deeds)] {
			case "hang":
				return true
			case "wait":
				time.Sleep(10 * time.Millisecond)
			case "vanish":
				s.mu.Lock()
				for conn := range s.conns {
					_ = conn.Close()
				}
				s.mu.Unlock()
			}
			return false
		})
		spec := workload.Spec{
			Target: target(s.url()), Connections: rapid.IntRange(1, 5).Draw(rt, "connections"), Timeout: lasting(20 * time.Millisecond),
			Loop: rapid.SampledFrom([]workload.Loop{workload.LoopOpen, workload.LoopClosed}).Draw(rt, "loop"), MaxInFlight: rapid.IntRange(1, 40).Draw(rt, "in flight"),
			RequestsPerConnection: rapid.IntRange(0, 3).Draw(rt, "requests per connection"), Duration: lasting(40 * time.Millisecond),
		}
		if spec.Loop == workload.LoopOpen {
			spec.Arrival.Rate = rapid.Float64Range(1, 3000).Draw(rt, "rate")
		}
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		if rapid.Bool().Draw(rt, "stopped early") {
			time.AfterFunc(20*time.Millisecond, cancel)
		}
		run, err := traffic.Start(ctx, traffic.Options{Workload: spec, Window: 10 * time.Millisecond})
		require.NoError(rt, err)
		balanced(rt, run.Wait())
	})
}

// waitFor waits until the report says what is awaited.
func waitFor(t *testing.T, run *traffic.Run, is func(traffic.Report) bool) {
	t.Helper()
	require.Eventually(t, func() bool { return is(run.Report()) }, 20*time.Second, 5*time.Millisecond)
}

// quiet waits until nothing is in flight, and then sees that nothing falls due.
func quiet(t *testing.T, run *traffic.Run) {
	t.Helper()
	scheduled := func() uint64 { return run.Traffic().TotalSent }
	require.Eventually(t, func() bool {
		before := scheduled()
		time.Sleep(120 * time.Millisecond) // two windows
		return scheduled() == before
	}, 10*time.Second, time.Millisecond)
}
