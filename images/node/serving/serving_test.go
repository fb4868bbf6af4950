package serving

import (
	"context"
	"errors"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// begun is a server with one request under way, whose answer is its status.
func begun(t *testing.T, o Options, handler func(r *http.Request) int, others ...func(context.Context)) (end func() error, answer <-chan int) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	asked, answers, served := make(chan struct{}), make(chan int, 1), make(chan error, 1)
	go func() {
		served <- HTTP(ctx, listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			close(asked)
			w.WriteHeader(handler(r))
		}), o, others...)
	}()
	go func() {
		response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get("http://" + listener.Addr().String())
		if err != nil {
			answers <- 0
			return
		}
		_ = response.Body.Close()
		answers <- response.StatusCode
	}()
	<-asked
	return func() error { stop(); return <-served }, answers
}

func TestWhatIsUnderWayIsAnswered(t *testing.T) {
	ending := make(chan struct{})
	end, answer := begun(t, Options{Drain: time.Minute, Ending: func(context.Context) { close(ending) }}, func(r *http.Request) int {
		<-ending
		if r.Context().Err() != nil {
			return http.StatusGone
		}
		return http.StatusAccepted
	})
	require.NoError(t, end())
	require.Equal(t, http.StatusAccepted, <-answer)
}

func TestWhatMayWaitForLongIsToldOfTheEnd(t *testing.T) {
	end, answer := begun(t, Options{Drain: time.Minute, Cancel: true}, func(r *http.Request) int { <-r.Context().Done(); return http.StatusGone })
	require.NoError(t, end())
	require.Equal(t, http.StatusGone, <-answer)
}

func TestWhatIsNotAnsweredInTimeIsCutOff(t *testing.T) {
	proceed := make(chan struct{})
	end, answer := begun(t, Options{Drain: time.Millisecond}, func(*http.Request) int { <-proceed; return http.StatusAccepted })
	require.NoError(t, end())
	close(proceed)
	require.Zero(t, <-answer)
}

func TestWhatRunsBesideIsOverToo(t *testing.T) {
	over := false
	end, _ := begun(t, Options{}, func(*http.Request) int { return http.StatusAccepted }, func(ctx context.Context) { <-ctx.Done(); over = true })
	require.NoError(t, end())
	require.True(t, over)
}

func TestAListenerThatFailsEndsAll(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	over := false
	err = HTTP(t.Context(), listener, http.NotFoundHandler(), Options{}, func(ctx context.Context) { <-ctx.Done(); over = true })
	require.True(t, errors.Is(err, net.ErrClosed), "%v", err)
	require.True(t, over)
}
