package traffic_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs/workload"
)

func TestAServerThatClosesConnectionsBetweenTwoRequestsCostsNoError(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	s.Config.ReadHeaderTimeout, s.Config.IdleTimeout = 200*time.Millisecond, 200*time.Millisecond
	s.Start()
	t.Cleanup(s.Close)
	spec := workload.Spec{Target: target(s.URL), Connections: 2, Arrival: workload.Arrival{Rate: 2}, Duration: lasting(4 * time.Second)}
	r := start(t, spec).Wait()
	balanced(t, r)
	// One may fail where this machine does not get from connecting to sending before the server loses patience.
	require.LessOrEqual(t, r.TotalFailed, uint64(1), "%+v", r.Errors)
}
