package client_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs/workload"
	"github.com/ddsctl/ddsctl/runtime/control"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/scenarios/traffic"
	"github.com/ddsctl/ddsctl/scenarios/traffic/client"
)

// joined starts a role and a client that speaks to it over a pipe.
func joined(t *testing.T, specs ...workload.Spec) *client.Client {
	t.Helper()
	role, err := client.New(client.Options{Workloads: specs, Node: "client", Window: 40 * time.Millisecond})
	require.NoError(t, err)
	here, there := net.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- role.Run(ctx) }()
	go func() { ended <- control.ServeStream(ctx, there, role.Handlers()) }()
	connection := control.Dial(ctx, here)
	t.Cleanup(func() {
		_ = connection.Close()
		cancel()
		require.NoError(t, <-ended)
		require.NoError(t, <-ended)
	})
	return client.Dial(connection)
}

func web(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(s.Close)
	return s.URL
}

func asks(name, address string, rate float64) workload.Spec {
	return workload.Spec{Name: name, Target: workload.Targets{address}, Arrival: workload.Arrival{Rate: rate}, Connections: 2}
}

func states(all []client.Status) map[string]traffic.State {
	by := map[string]traffic.State{}
	for _, s := range all {
		by[s.Workload.Name] = s.State
	}
	return by
}

func show(t *testing.T, c *client.Client) []client.Status {
	t.Helper()
	all, err := c.Show(t.Context(), false)
	require.NoError(t, err)
	return all
}

func running(t *testing.T, c *client.Client, name string) {
	t.Helper()
	require.Eventually(t, func() bool {
		for _, s := range show(t, c) {
			if s.Workload.Name == name {
				return s.State == traffic.Running && s.Report.TotalSucceeded > 0
			}
		}
		return false
	}, 20*time.Second, 5*time.Millisecond)
}

func TestTheLabsWorkloadsStartByThemselvesExceptManualOnes(t *testing.T) {
	manual := asks("burst", web(t), 100)
	manual.Manual = true
	c := joined(t, asks("steady", web(t), 200), manual)
	running(t, c, "steady")
	require.Equal(t, map[string]traffic.State{"steady": traffic.Running, "burst": client.Idle}, states(show(t, c)))

	started, err := c.StartOwn(t.Context(), "burst")
	require.NoError(t, err)
	require.Len(t, started, 1)
	running(t, c, "burst")

	_, err = c.StartOwn(t.Context(), "brust")
	require.ErrorContains(t, err, "burst, steady")
	require.Equal(t, "did you mean burst?", hint.Of(err))
}

func TestTrafficIsWatchedWindowByWindowWithoutLoss(t *testing.T) {
	c := joined(t)
	spec := asks("counted", web(t), 500)
	spec.Duration = workload.Duration(300 * time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var counted uint64
	begun := false
	for item, err := range c.Watch(ctx) {
		require.NoError(t, err)
		if !begun {
			begun = true
			_, err := c.Start(ctx, spec)
			require.NoError(t, err)
			continue
		}
		for _, w := range item {
			require.Equal(t, "counted", w.Workload)
			require.Equal(t, "client", w.Client)
			for _, b := range w.Histogram {
				counted += b.Count
			}
			if w.TotalSucceeded == 150 {
				cancel()
			}
		}
		if ctx.Err() != nil {
			break
		}
	}
	require.Equal(t, uint64(150), counted)
}

func TestWorkloadsAreReplacedChangedStoppedAndRestored(t *testing.T) {
	address := web(t)
	c := joined(t, asks("shop", address, 100))
	running(t, c, "shop")
	_, err := c.Start(t.Context(), asks("shop", address, 300), asks("extra", address, 50))
	require.NoError(t, err)
	running(t, c, "shop")
	running(t, c, "extra")
	require.Equal(t, 300.0, show(t, c)[1].Workload.Arrival.Rate)
	require.False(t, show(t, c)[0].Own)

	rate, pause := 40.0, true
	changed, err := c.Set(t.Context(), "", workload.Change{Rate: &rate})
	require.NoError(t, err)
	require.Len(t, changed, 2)
	_, err = c.Set(t.Context(), "extra", workload.Change{Pause: &pause})
	require.NoError(t, err)
	require.Equal(t, map[string]traffic.State{"shop": traffic.Running, "extra": traffic.Paused}, states(show(t, c)))
	_, err = c.Set(t.Context(), "extra", workload.Change{})
	require.ErrorContains(t, err, "nothing to change")

	stopped, err := c.Stop(t.Context())
	require.NoError(t, err)
	require.Len(t, stopped, 2)
	for _, s := range stopped {
		require.Equal(t, traffic.Ended, s.State)
		require.NotZero(t, s.Report.TotalSucceeded)
		require.NotEmpty(t, s.Report.Series)
	}
	_, err = c.Set(t.Context(), "", workload.Change{Rate: &rate})
	require.ErrorContains(t, err, "no workload runs")

	require.NoError(t, c.Restore(t.Context()))
	running(t, c, "shop")
	require.Len(t, show(t, c), 1)
	require.Equal(t, 100.0, show(t, c)[0].Workload.Arrival.Rate)
}

func TestAWorkloadThatCannotBeIsRefusedAndTheOthersGoOn(t *testing.T) {
	c := joined(t, asks("steady", web(t), 100))
	_, err := c.Start(t.Context(), workload.Spec{Name: "bad", Target: workload.Targets{"gopher://x"}})
	require.ErrorContains(t, err, "scheme")
	running(t, c, "steady")

	_, err = client.New(client.Options{Workloads: []workload.Spec{asks("a", "http://x", 1), asks("a", "http://x", 1)}})
	require.ErrorContains(t, err, "two workloads are called a")
	_, err = client.New(client.Options{Workloads: []workload.Spec{{Name: "a"}}})
	require.ErrorContains(t, err, "target")
}

func TestAReaderThatIsSlowHoldsNobodyUp(t *testing.T) {
	c := joined(t, asks("steady", web(t), 100))
	for range c.Watch(t.Context()) {
		running(t, c, "steady") // the stream waits meanwhile
		time.Sleep(200 * time.Millisecond)
		break
	}
	var last telemetry.Traffic
	for item, err := range c.Watch(t.Context()) {
		require.NoError(t, err)
		if len(item) > 0 {
			last = item[0]
			break
		}
	}
	require.NotZero(t, last.TotalSucceeded)
}
