package drive

import (
	"bytes"
	"net"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs/workload"
	"github.com/ddsctl/ddsctl/runtime/control"
	"github.com/ddsctl/ddsctl/scenarios/expect"
	"github.com/ddsctl/ddsctl/scenarios/history"
)

func TestAHistoryIsRecordedThroughTheLabsClient(t *testing.T) {
	here, there := net.Pipe()
	served := make(chan error, 1)
	go func() { served <- control.ServeStream(t.Context(), there, Handlers()) }()
	client := control.Dial(t.Context(), here)
	var file bytes.Buffer
	require.NoError(t, Record(t.Context(), client, Spec{Model: history.Register, Targets: workload.Targets{"redis://" + miniredis.RunT(t).Addr()},
		Rate: 200, Duration: workload.Duration(500 * time.Millisecond)}, &file))
	events, err := history.Decode(&file)
	require.NoError(t, err)
	result, err := history.Check(events, history.Register, history.Options{})
	require.NoError(t, err)
	require.Equal(t, expect.Holds, result.Verdict, result.Why)
	require.ErrorContains(t, Record(t.Context(), client, Spec{Model: "tree"}, &file), "unknown model")
	require.NoError(t, client.Close())
	require.NoError(t, <-served)
}
