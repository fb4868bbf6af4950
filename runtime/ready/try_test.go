package ready

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOneAttemptTellsWhetherTheConditionHolds(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	at := netip.MustParseAddrPort(server.Listener.Addr().String())
	dialer := &net.Dialer{}
	require.NoError(t, Try(t.Context(), dialer, at.Addr(), Probe{Kind: TCP, Port: at.Port()}))
	require.NoError(t, Try(t.Context(), dialer, at.Addr(), Probe{Kind: HTTP, Port: at.Port(), Path: "/healthz"}))
	require.ErrorContains(t, Try(t.Context(), dialer, at.Addr(), Probe{Kind: HTTP, Port: at.Port()}), "503")
	require.Error(t, Try(t.Context(), dialer, at.Addr(), Probe{Kind: Command, Command: []string{"true"}}), "that takes an engine")
	server.Close()
	require.Error(t, Try(t.Context(), dialer, at.Addr(), Probe{Kind: TCP, Port: at.Port()}))
}
