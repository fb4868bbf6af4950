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
	s.Config.ReadHeaderTimeout, s.Config.IdleTimeout = 20*time.Millisecond, 20*time.Millisecond
	s.Start()
	t.Cleanup(s.Close)
	spec := workload.Spec{Target: target(s.URL), Connections: 2, Arrival: workload.Arrival{Rate: 5}, Duration: lasting(2 * time.Second)}
	r := start(t, spec).Wait()
	balanced(t, r)
	require.Equal(t, uint64(10), r.TotalSucceeded, "%+v", r.Errors)
}
