//go:build unix

package job

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func program(t *testing.T, script string) Program {
	return Program{Command: []string{"sh", "-c", script}, Environment: []string{"PATH=" + os.Getenv("PATH"), "COLOUR=red"}, Folder: t.TempDir()}
}

func TestAProgramReadsFilesAndSaysItsResult(t *testing.T) {
	p := program(t, `echo "$WORK_ITEM $WORK_ATTEMPT $COLOUR $(cat "$WORK_ITEM_FILE") $(cat "$WORK_RESULTS/detect")"; touch left`)
	result, err := p.Do(t.Context(), Job{Item: "a", Data: "film 1", Attempt: 2, Results: map[string]string{"detect": "black"}})
	require.NoError(t, err)
	require.Equal(t, "a 2 red film 1 black", result)
	left, err := os.ReadDir(p.Folder)
	require.NoError(t, err)
	require.Empty(t, left)
	_, err = p.Do(t.Context(), Job{Item: "a", Results: map[string]string{"../a": ""}})
	require.ErrorContains(t, err, "slashes")
}

func TestAProgramThatFailsSaysWhy(t *testing.T) {
	_, err := program(t, "echo no such film >&2; exit 3").Do(t.Context(), Job{Item: "a"})
	require.EqualError(t, err, "exit status 3: no such film")
	require.False(t, Final(err))
	_, err = program(t, "exit 65").Do(t.Context(), Job{Item: "a"})
	require.True(t, Final(err))
	_, err = program(t, "head -c 70000 /dev/zero").Do(t.Context(), Job{Item: "a"})
	require.True(t, Final(err))
	_, err = Program{Command: []string{"/no/such/program"}, Folder: t.TempDir()}.Do(t.Context(), Job{Item: "a"})
	require.Error(t, err)
}

func TestAProgramIsEndedWithAllThatItBegan(t *testing.T) {
	p := program(t, "sleep 300 & wait")
	p.Timeout = 50 * time.Millisecond
	began := time.Now()
	_, err := p.Do(t.Context(), Job{Item: "a"})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, time.Since(began), 4*time.Minute)
}

func TestAChainHandsResultsOnAndFailsAsAWhole(t *testing.T) {
	broken := false
	detect := httptest.NewServer(NewStage(program(t, `echo "found in $(cat "$WORK_ITEM_FILE")"`), 1).Handler())
	defer detect.Close()
	tag := NewStage(doer(func(_ context.Context, j Job) (string, error) {
		if broken {
			return "", Failure{Reason: "no space"}
		}
		return "tagged: " + j.Results["127.0.0.1"], nil
	}), 1)
	second := httptest.NewServer(tag.Handler())
	defer second.Close()
	c, err := NewChain(detect.URL, strings.Replace(second.URL, "127.0.0.1", "localhost", 1))
	require.NoError(t, err)
	for range 2 {
		result, err := c.Do(t.Context(), Job{Item: "a", Data: "film"})
		require.NoError(t, err)
		require.JSONEq(t, `{"127.0.0.1":"found in film","localhost":"tagged: found in film"}`, result)
	}
	broken = true
	_, err = c.Do(t.Context(), Job{Item: "b", Data: "film"})
	require.ErrorContains(t, err, "stage localhost: 500 Internal Server Error: no space")
	require.False(t, Final(err))
	answer, err := http.Get(second.URL + "/metrics")
	require.NoError(t, err)
	defer answer.Body.Close()
	text := new(strings.Builder)
	require.NoError(t, answer.Write(text))
	for _, line := range []string{`stage_jobs_total{outcome="done"} 2`, `stage_jobs_total{outcome="failed"} 1`, "stage_redone_total 1", "stage_jobs_per_item 2"} {
		require.Contains(t, text.String(), line)
	}
	_, err = NewChain()
	require.Error(t, err)
	_, err = NewChain("detect")
	require.Error(t, err)
	answer, err = http.Post(second.URL+"/work", "application/json", strings.NewReader("no job"))
	require.NoError(t, err)
	answer.Body.Close()
	require.Equal(t, http.StatusBadRequest, answer.StatusCode)
}

type doer func(context.Context, Job) (string, error)

func (d doer) Do(ctx context.Context, j Job) (string, error) { return d(ctx, j) }
