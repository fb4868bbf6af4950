package api

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestServeEndsWithAllThatItBegan(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	over := false
	done := make(chan error)
	go func() {
		done <- Serve(ctx, listener, http.HandlerFunc(Healthy), func(ctx context.Context) { <-ctx.Done(); over = true })
	}()
	answer, err := http.Get("http://" + listener.Addr().String())
	require.NoError(t, err)
	answer.Body.Close()
	require.Equal(t, http.StatusOK, answer.StatusCode)
	cancel()
	require.NoError(t, <-done)
	require.True(t, over)
}

func TestWithin(t *testing.T) {
	for query, want := range map[string]time.Duration{"": time.Second, "wait=3s": 3 * time.Second, "wait=0s": 0, "wait=2h": -1, "wait=soon": -1} {
		d, err := Within(httptest.NewRequest(http.MethodGet, "/?"+query, nil), "wait", time.Second, time.Minute)
		if want < 0 {
			require.ErrorContains(t, err, "wait: a duration up to 1m0s", query)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, want, d, query)
	}
}
