package output

import (
	"bytes"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"
)

func TestATableOnNobodysScreenIsNeverShortened(t *testing.T) {
	var out bytes.Buffer
	long := strings.Repeat("long ", 50) + "end"
	require.NoError(t, Print(&out, Table, nil, Rows{Header: []string{"NAME", "TEXT"}, Cells: [][]string{{"a", long}, {"web", ""}}}))
	require.Equal(t, "NAME   TEXT\na      "+long+"\nweb\n", out.String())
}

func TestOnANarrowTerminalTheWidestColumnGivesWay(t *testing.T) {
	for _, width := range []int{24, 30, 60} {
		var out bytes.Buffer
		require.NoError(t, Print(&out, Table, nil, Rows{Width: width, Header: []string{"NAME", "TEXT", "STATE"},
			Cells: [][]string{{"redis-1", strings.Repeat("x", 100), "\x1b[32mready\x1b[m"}}}))
		for _, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
			require.LessOrEqual(t, ansi.StringWidth(line), width, line)
		}
		require.Contains(t, out.String(), "redis-1")
		require.Contains(t, out.String(), "ready")
		require.Contains(t, out.String(), "…")
	}
}

func TestColumnsNeverVanish(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, Print(&out, Table, nil, Rows{Width: 3, ASCII: true, Header: []string{"NAME", "TEXT"}, Cells: [][]string{{"redis-1234", "abcdefghij"}}}))
	require.Equal(t, "NAME     TEXT\nredis~   abcde~\n", out.String())
}
