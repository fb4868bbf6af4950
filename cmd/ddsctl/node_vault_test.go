package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/images/node/vault"
	"github.com/ddsctl/ddsctl/scenarios/expect"
	"github.com/ddsctl/ddsctl/scenarios/history"
)

// TestTheHistoryOfAVaultCanBeChecked holds what the vault writes against what the checker of histories reads: the two know nothing of
// each other.
func TestTheHistoryOfAVaultCanBeChecked(t *testing.T) {
	for _, fencing := range []bool{false, true} {
		now := time.Unix(1000, 0)
		v := vault.New(vault.Options{Fencing: fencing, Now: func() time.Time { now = now.Add(time.Second); return now }})
		for _, token := range []int64{5, 5, 9, 5, 9} { // the owner with token 5 was stopped, and comes back too late
			_ = v.Use(map[int64]string{5: "a", 9: "b"}[token], token)
		}
		var text bytes.Buffer
		require.NoError(t, v.WriteHistory(&text))
		events, err := history.Decode(&text)
		require.NoError(t, err)
		result, err := history.Check(events, history.Lock, history.Options{})
		require.NoError(t, err)
		require.Equal(t, 2, result.Counts["holders"])
		require.Zero(t, result.Counts["tokens"])
		if fencing {
			require.Equal(t, expect.Holds, result.Verdict, "%v", result)
			continue
		}
		require.Equal(t, expect.Fails, result.Verdict)
		require.Equal(t, 1, result.Counts["overlaps"])
	}
}
