package pool

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// fleet makes workers that take their time, and watches over what is done to them.
type fleet struct {
	mu           sync.Mutex
	start, work  time.Duration
	failStarts   int
	alive, most  int
	starts       int
	wrong        []string
	workerErrors int // so many calls kill their worker
}

type worker struct {
	fleet *fleet
	mu    sync.Mutex
	busy  bool
	ended chan struct{}
	once  sync.Once
}

func (f *fleet) begin(context.Context) (Worker, error) {
	f.mu.Lock()
	f.starts++
	f.alive++
	f.most = max(f.most, f.alive)
	fails := f.failStarts > 0
	if fails {
		f.failStarts--
	}
	f.mu.Unlock()
	time.Sleep(f.start)
	w := &worker{fleet: f, ended: make(chan struct{})}
	if fails {
		w.Stop()
		return nil, errors.New("it does not start")
	}
	return w, nil
}

func (f *fleet) fault(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wrong = append(f.wrong, fmt.Sprintf(format, args...))
}

func (w *worker) Call(ctx context.Context, request []byte) ([]byte, error) {
	w.mu.Lock()
	if w.busy {
		w.fleet.fault("two requests at a time for one worker")
	}
	w.busy = true
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		w.busy = false
		w.mu.Unlock()
	}()
	select {
	case <-time.After(w.fleet.work):
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	w.fleet.mu.Lock()
	dies := w.fleet.workerErrors > 0
	if dies {
		w.fleet.workerErrors--
	}
	w.fleet.mu.Unlock()
	if dies {
		return nil, errors.New("it died")
	}
	return request, nil
}

func (w *worker) Stop() {
	w.once.Do(func() {
		w.fleet.mu.Lock()
		w.fleet.alive--
		w.fleet.mu.Unlock()
		close(w.ended)
	})
}

func (w *worker) Ended() <-chan struct{} { return w.ended }

// within runs a pool in a time of its own until f returns.
func within(t *testing.T, o Options, f func(ctx context.Context, p *Pool)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		p := New(o)
		var wait sync.WaitGroup
		wait.Go(func() { p.Run(ctx) })
		synctest.Wait()
		f(ctx, p)
		cancel()
		wait.Wait()
		if _, _, err := p.Call(context.Background(), nil); !errors.Is(err, ErrClosed) {
			t.Errorf("a call after the end: %v", err)
		}
	})
}

func TestTheFirstCallIsColdAndTheNextIsNot(t *testing.T) {
	f := &fleet{start: 200 * time.Millisecond, work: 10 * time.Millisecond}
	within(t, Options{Start: f.begin, Concurrency: 2, Idle: time.Second}, func(ctx context.Context, p *Pool) {
		require.Zero(t, p.Counts(), "nobody has asked, and nothing runs")
		answer, trip, err := p.Call(ctx, []byte("a"))
		require.NoError(t, err)
		require.Equal(t, "a", string(answer))
		require.Equal(t, Trip{Cold: true, Started: f.start, Worked: f.work}, trip)
		_, trip, err = p.Call(ctx, []byte("b"))
		require.NoError(t, err)
		require.Equal(t, Trip{Worked: f.work}, trip)
		require.Equal(t, Counts{Workers: 1, Idle: 1}, p.Counts())
	})
}

func TestItScalesToZeroAfterTheIdleTime(t *testing.T) {
	f := &fleet{start: 200 * time.Millisecond}
	within(t, Options{Start: f.begin, Concurrency: 2, Idle: time.Second}, func(ctx context.Context, p *Pool) {
		_, _, err := p.Call(ctx, nil)
		require.NoError(t, err)
		time.Sleep(999 * time.Millisecond)
		require.Equal(t, 1, p.Counts().Workers)
		time.Sleep(2 * time.Millisecond)
		require.Zero(t, p.Counts())
		require.Zero(t, f.alive)
		_, trip, err := p.Call(ctx, nil)
		require.NoError(t, err)
		require.True(t, trip.Cold)
	})
}

func TestSomeAreKeptWhetherAnybodyAsksOrNot(t *testing.T) {
	f := &fleet{start: 200 * time.Millisecond, work: time.Millisecond, failStarts: 1}
	within(t, Options{Start: f.begin, Concurrency: 4, Keep: 2, Idle: time.Second}, func(ctx context.Context, p *Pool) {
		time.Sleep(2 * time.Second) // the first start fails, and is tried again after a second
		require.Equal(t, Counts{Workers: 2, Idle: 2}, p.Counts())
		var wait sync.WaitGroup
		for range 4 {
			wait.Go(func() {
				_, _, err := p.Call(ctx, nil)
				if err != nil {
					f.fault("%v", err)
				}
			})
		}
		wait.Wait()
		require.Equal(t, 4, p.Counts().Workers)
		starts := f.starts
		time.Sleep(time.Minute)
		require.Equal(t, Counts{Workers: 2, Idle: 2}, p.Counts())
		require.Equal(t, starts, f.starts, "those that are kept are not started anew")
		require.Empty(t, f.wrong)
	})
}

func TestBeyondTheLimitTheyWaitAndBeyondThatTheyAreRefused(t *testing.T) {
	f := &fleet{work: time.Second}
	within(t, Options{Start: f.begin, Concurrency: 1, Waiting: 1, Idle: time.Minute}, func(ctx context.Context, p *Pool) {
		var wait sync.WaitGroup
		var trips [2]Trip
		for i := range trips {
			wait.Go(func() { _, trips[i], _ = p.Call(ctx, nil) })
			synctest.Wait()
		}
		_, _, err := p.Call(ctx, nil)
		require.ErrorIs(t, err, ErrBusy)
		wait.Wait()
		require.Equal(t, time.Second, trips[1].Waited)
		require.Equal(t, 1, f.most)
	})
}

func TestOneThatDoesNotWaitAnyMoreLosesNothing(t *testing.T) {
	f := &fleet{work: time.Second}
	within(t, Options{Start: f.begin, Concurrency: 1, Waiting: 5, Idle: time.Minute}, func(ctx context.Context, p *Pool) {
		var wait sync.WaitGroup
		wait.Go(func() { _, _, _ = p.Call(ctx, nil) })
		synctest.Wait()
		short, cancel := context.WithTimeout(ctx, time.Second) // the instant at which the worker is free
		defer cancel()
		wait.Go(func() { _, _, _ = p.Call(short, nil) })
		wait.Wait()
		require.Equal(t, Counts{Workers: 1, Idle: 1}, p.Counts())
	})
}

func TestOneThatTakesTooLongIsEndedAndItsPlaceIsFree(t *testing.T) {
	f := &fleet{work: time.Minute}
	within(t, Options{Start: f.begin, Concurrency: 1, Idle: time.Minute, Timeout: time.Second}, func(ctx context.Context, p *Pool) {
		_, _, err := p.Call(ctx, nil)
		require.ErrorIs(t, err, ErrLate)
		require.Zero(t, p.Counts())
		require.Zero(t, f.alive)
	})
}

func TestAWorkerThatDiesWhileItRestsIsNotAsked(t *testing.T) {
	f := &fleet{}
	within(t, Options{Start: f.begin, Concurrency: 1, Idle: time.Minute}, func(ctx context.Context, p *Pool) {
		_, _, err := p.Call(ctx, nil)
		require.NoError(t, err)
		p.idle[0].worker.Stop()
		synctest.Wait()
		require.Zero(t, p.Counts())
	})
}

// Whatever comes, however workers fail: there are never more of them than the limit, none works on two requests at a time, each call is over, and in
// the end nothing runs.
func TestItHoldsItsPromisesWhateverComes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := &fleet{
			start: time.Duration(rapid.IntRange(0, 50).Draw(rt, "start")) * time.Millisecond, work: time.Duration(rapid.IntRange(0, 50).Draw(rt, "work")) * time.Millisecond,
			failStarts: rapid.IntRange(0, 5).Draw(rt, "starts that fail"), workerErrors: rapid.IntRange(0, 5).Draw(rt, "workers that die"),
		}
		limit, waiting := rapid.IntRange(1, 4).Draw(rt, "concurrency"), rapid.IntRange(0, 10).Draw(rt, "waiting")
		o := Options{Start: f.begin, Concurrency: limit, Waiting: waiting, Keep: rapid.IntRange(0, limit).Draw(rt, "keep"),
			Idle: time.Duration(rapid.IntRange(20, 80).Draw(rt, "idle")) * time.Millisecond}
		gaps := rapid.SliceOfN(rapid.IntRange(0, 40), 0, 40).Draw(rt, "gaps")
		patience := rapid.SliceOfN(rapid.IntRange(1, 100), len(gaps), len(gaps)).Draw(rt, "patience")
		var answered, refused, failed int
		within(t, o, func(ctx context.Context, p *Pool) {
			var wait sync.WaitGroup
			for i, gap := range gaps {
				time.Sleep(time.Duration(gap) * time.Millisecond)
				wait.Go(func() {
					short, cancel := context.WithTimeout(ctx, time.Duration(patience[i])*time.Millisecond)
					defer cancel()
					answer, _, err := p.Call(short, []byte{byte(i)})
					f.mu.Lock()
					defer f.mu.Unlock()
					switch {
					case err == nil && slices.Equal(answer, []byte{byte(i)}):
						answered++
					case errors.Is(err, ErrBusy):
						refused++
					case err != nil:
						failed++
					}
				})
			}
			wait.Wait()
			time.Sleep(10 * time.Second) // starts that fail are tried again every second
			if c := p.Counts(); c.Workers != o.Keep || c.Idle != o.Keep || c.Busy+c.Starting+c.Waiting != 0 {
				f.fault("in the end there are %+v, to be kept %d", c, o.Keep)
			}
		})
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.most > limit || f.alive != 0 || len(f.wrong) > 0 || answered+refused+failed != len(gaps) {
			rt.Fatalf("at most %d of %d; %d left; %v; %d+%d+%d calls of %d", f.most, limit, f.alive, f.wrong, answered, refused, failed, len(gaps))
		}
	})
}
