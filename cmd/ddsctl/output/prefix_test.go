package output

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMergedLogsKeepLinesWholeAndNamed(t *testing.T) {
	var out bytes.Buffer
	m := NewMerger(&out, 7, false, true)
	a, b := m.Node("redis-1"), m.Node("web")
	_, _ = io.WriteString(a, "first ha")
	_, _ = io.WriteString(b, "\x1b[31mhello\x1b[0m\r\nworld")
	_, _ = io.WriteString(a, "lf\n")
	require.NoError(t, a.Close())
	require.NoError(t, b.Close())
	require.Equal(t, "web     | hello\nredis-1 | first half\nweb     | world\n", out.String())
}

func TestManyNodesAtOnceNeverMixLines(t *testing.T) {
	var out bytes.Buffer
	m := NewMerger(&out, 4, false, false)
	var wg sync.WaitGroup
	for n := range 8 {
		w := m.Node(fmt.Sprint("n", n))
		wg.Go(func() {
			for i := range 100 {
				_, _ = fmt.Fprintf(w, "n%d line %d\n", n, i)
			}
			_ = w.Close()
		})
	}
	wg.Wait()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 800)
	for _, line := range lines {
		name, text, _ := strings.Cut(line, " ")
		require.Contains(t, text, "| "+name+" line ")
	}
}

func TestALineWithoutEndIsPrintedInBoundedPieces(t *testing.T) {
	var out bytes.Buffer
	w := NewMerger(&out, 1, false, false).Node("x")
	_, err := w.Write(bytes.Repeat([]byte("y"), 3*maxLine))
	require.NoError(t, err)
	require.Equal(t, 3, strings.Count(out.String(), "x | "))
}
