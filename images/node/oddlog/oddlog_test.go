package oddlog

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func service(t *testing.T, every int) (*Service, func() []string) {
	file := filepath.Join(t.TempDir(), "app.log")
	s, err := New(Options{File: file, TraceEvery: every, Now: func() time.Time { return time.Unix(1764032672, 123456789) }})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s, func() []string {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	}
}

func ask(s *Service, method, path string) int {
	answer := httptest.NewRecorder()
	s.Handler().ServeHTTP(answer, httptest.NewRequest(method, path, nil))
	return answer.Code
}

func TestARequestIsALineInItsOwnFormat(t *testing.T) {
	s, lines := service(t, 0)
	require.Equal(t, 200, ask(s, http.MethodGet, "/cart/4%202"))
	require.Equal(t, []string{"INFO@1764032672.123456 shop[1] {path=/cart/4_2 ms=0} served"}, lines())
}

func TestACrashIsFollowedByATrace(t *testing.T) {
	s, lines := service(t, 5)
	for range 10 {
		require.Equal(t, 200, ask(s, http.MethodGet, "/"))
	}
	written := lines()
	require.Len(t, written, 10+2*len(trace))
	require.Contains(t, written[4], "ERROR@")
	require.Equal(t, trace, written[5:9])
}

func TestSomebodyMayWriteALineOfHisOwn(t *testing.T) {
	s, lines := service(t, 0)
	require.Equal(t, 200, ask(s, http.MethodPost, "/log?level=OOPS&text=what+now"))
	require.Equal(t, []string{"OOPS@1764032672.123456 shop[0] {} what now"}, lines())
	require.Equal(t, 400, ask(s, http.MethodPost, "/log?level=oops&text=x"))
	require.Equal(t, 400, ask(s, http.MethodPost, "/log?level=OOPS&text=a%0Ab"), "one line, not two")
}

func TestALogThatCannotBeOpenedIsSaid(t *testing.T) {
	_, err := New(Options{File: filepath.Join(t.TempDir(), "no", "app.log")})
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestItServesUntilItIsToldToEnd(t *testing.T) {
	s, _ := service(t, 0)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, listener) }()
	resp, err := http.Get("http://" + listener.Addr().String() + "/healthz")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	cancel()
	require.NoError(t, <-ended)
}
