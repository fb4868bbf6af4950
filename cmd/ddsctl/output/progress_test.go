package output

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWithoutATerminalEachItemIsPrintedOnceWhenItEnds(t *testing.T) {
	var out bytes.Buffer
	p := NewProgress(&out, Terminal{ASCII: true})
	p.Update("a", "redis-1", Working, "creating")
	p.Update("b", "redis-2", Working, "creating")
	p.Update("b", "redis-2", Done, "ready")
	p.Update("a", "redis-1", Failed, "exited with code 1")
	p.Update("a", "redis-1", Failed, "exited with code 1")
	p.Close()
	p.Close()

	require.Equal(t, " + redis-2  ready\n x redis-1  exited with code 1\n", out.String())
}

func TestTheLiveDisplayNeverWrapsAndKeepsWhatEnded(t *testing.T) {
	var out bytes.Buffer
	p := NewProgress(&out, Terminal{Live: true, Width: func() int { return 20 }})
	p.Update("a", "redis-1", Done, "ready")
	p.Update("b", strings.Repeat("long ", 20), Working, "\x1b[31mred\nlines")
	p.Close()

	for _, line := range strings.Split(strings.TrimRight(out.String(), "\n"), "\n") {
		require.LessOrEqual(t, len([]rune(line)), 20+len("\x1b[10A\x1b[J"), "line %q", line)
	}
	require.Contains(t, out.String(), "redis-1")
}

func TestWhatIsTakenUpAgainGetsALineOfItsOwn(t *testing.T) {
	var out bytes.Buffer
	p := NewProgress(&out, Terminal{Live: true, ASCII: true})
	p.Update("a", "redis-1", Done, "removed")
	p.mu.Lock()
	p.draw()
	p.mu.Unlock()
	p.Update("a", "redis-1", Working, "creating")
	p.Update("a", "redis-1", Done, "ready")
	p.Close()
	require.Regexp(t, `(?s)redis-1  removed.*redis-1  ready`, out.String())
}

func TestWhatIsDroppedLeavesNoLine(t *testing.T) {
	var out bytes.Buffer
	p := NewProgress(&out, Terminal{Live: true, ASCII: true})
	p.Update("lock", "lab", Working, "waiting")
	p.Drop("lock")
	p.Drop("lock")
	p.Close()
	require.NotContains(t, out.String(), "waiting")
}

func TestAnUnknownFormatNamesTheKnownOnes(t *testing.T) {
	var f Format
	require.ErrorContains(t, f.Set("xml"), "table, json or yaml")
	require.NoError(t, f.Set("json"))
	require.Equal(t, JSON, f)
}

func TestJSONAndYAMLHaveTheSameKeys(t *testing.T) {
	data := struct {
		ConfigHash string `json:"config_hash"`
	}{"abc"}
	var j, y bytes.Buffer
	require.NoError(t, Print(&j, JSON, data, Rows{}))
	require.NoError(t, Print(&y, YAML, data, Rows{}))
	require.Equal(t, "{\n  \"config_hash\": \"abc\"\n}\n", j.String())
	require.Equal(t, "config_hash: abc\n", y.String())
}
