package traffic_test

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs/workload"
	"github.com/ddsctl/ddsctl/scenarios/traffic"
)

func TestARunThatIsOverLeavesNothingBehind(t *testing.T) {
	s := newStore(t)
	web := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	web.Config.Protocols = new(http.Protocols)
	web.Config.Protocols.SetHTTP1(true)
	web.Config.Protocols.SetUnencryptedHTTP2(true)
	web.Start()
	t.Cleanup(web.Close)
	before := runtime.NumGoroutine()
	for _, address := range []string{s.url(), web.URL, "h2c://" + web.Listener.Addr().String(), "tcp://" + s.address} {
		for _, early := range []bool{false, true} {
			run, err := traffic.Start(t.Context(), traffic.Options{Workload: workload.Spec{Target: target(address), Duration: lasting(100 * time.Millisecond)}})
			require.NoError(t, err)
			if early {
				run.Stop()
			}
			run.Wait()
		}
	}
	deadline := time.Now().Add(20 * time.Second)
	for runtime.NumGoroutine() > before { // the servers' ends of connections take a moment
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), stacks[:runtime.Stack(stacks, true)])
		}
		time.Sleep(5 * time.Millisecond)
	}
}
