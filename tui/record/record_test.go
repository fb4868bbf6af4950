package record_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/tui/record"
	"github.com/ddsctl/ddsctl/tui/synth"
)

var start = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func TestWhatWasRecordedIsPlayedBack(t *testing.T) {
	var file bytes.Buffer
	now := start
	cast, err := record.NewCast(&file, 80, 24, "a lab", func() time.Time { return now })
	require.NoError(t, err)
	_, _ = cast.Write([]byte("\x1b[1mone\x1b[0m"))
	now = now.Add(1500 * time.Millisecond)
	cast.Resize(100, 30)
	_, _ = cast.Write([]byte("two"))
	require.NoError(t, cast.Err())
	require.Equal(t, `{"version":2,"width":80,"height":24,"timestamp":1767355200,"title":"a lab","env":{"TERM":"xterm-256color"}}
[0,"o","\u001b[1mone\u001b[0m"]
[1.5,"r","100x30"]
[1.5,"o","two"]
`, file.String())

	recording, err := record.Read(&file)
	require.NoError(t, err)
	var out bytes.Buffer
	var waits []time.Duration
	require.NoError(t, recording.Cast.Play(context.Background(), &out, 2, time.Second, func(_ context.Context, d time.Duration) error {
		waits = append(waits, d)
		return nil
	}))
	require.Equal(t, "\x1b[1mone\x1b[0mtwo", out.String())
	require.Equal(t, []time.Duration{750 * time.Millisecond}, waits)
}

func TestCharactersThatArriveInPiecesAreRecordedWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		var file bytes.Buffer
		cast, err := record.NewCast(&file, 80, 24, "", func() time.Time { return start })
		require.NoError(t, err)
		for rest := []byte(text); len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "n")
			_, _ = cast.Write(rest[:n])
			rest = rest[n:]
		}
		recording, err := record.Read(&file)
		require.NoError(t, err)
		var out bytes.Buffer
		require.NoError(t, recording.Cast.Play(context.Background(), &out, 1, 0, nil))
		require.Equal(t, text, out.String())
	})
}

func TestSnapshotsAreReplayedAtTheirPace(t *testing.T) {
	lab := synth.New(synth.ShardedRedis(), 1, start)
	var file bytes.Buffer
	w := record.NewSnapshots(&file)
	for range 3 {
		require.NoError(t, w.Write(lab.Next()))
	}
	recording, err := record.Read(&file)
	require.NoError(t, err)
	var waited time.Duration
	replay := record.Replay{Recorded: recording.Snapshots, Speed: 2, Wait: func(_ context.Context, d time.Duration) error { waited += d; return nil }}
	var got []telemetry.Snapshot
	for s, err := range replay.Snapshots(context.Background()) {
		require.NoError(t, err)
		got = append(got, s)
	}
	require.Len(t, got, 3)
	require.Equal(t, synth.Interval, waited)
}

func TestOtherFilesAreRefusedWithALineAndANextStep(t *testing.T) {
	for _, text := range []string{"", "hello", `{"version":3}`, "{\"version\":2,\"width\":1,\"height\":1}\nnonsense", `{"lab":"x"}`} {
		_, err := record.Read(strings.NewReader(text))
		require.Error(t, err, text)
		if text != "" {
			require.ErrorContains(t, err, "line ")
			require.NotEmpty(t, hint.Of(err))
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("{\"version\":2}\n[1,\"o\",\"x\"]")
	f.Add(`{"time":"2026-01-02T12:00:00Z"}`)
	f.Fuzz(func(_ *testing.T, text string) {
		_, _ = record.Read(strings.NewReader(text))
	})
}
