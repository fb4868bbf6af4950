package mark

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestAProblemShowsItsLineAndPlace(t *testing.T) {
	s := NewSource("lab.yaml", []byte("title: x\r\nkyes: {count: 3}\r\n"))
	p := s.Problem(2, 1, 4, "unknown key %q", "kyes")
	require.Equal(t, "lab.yaml:2:1: unknown key \"kyes\"\n    2 | kyes: {count: 3}\n      | ^^^^", p.String())
	p.Severity = Warning
	require.Contains(t, p.String(), "lab.yaml:2:1: warning: unknown key")
}

func TestALongLineIsCutAroundThePlace(t *testing.T) {
	line := strings.Repeat("a", 500) + "HERE" + strings.Repeat("b", 500)
	lines := strings.Split(NewSource("f", []byte(line)).Problem(1, 501, 4, "x").Excerpt, "\n")
	require.Less(t, len(lines[0]), 140)
	at := strings.Index(lines[0], "HERE")
	require.Positive(t, at)
	require.Equal(t, "^^^^", strings.TrimSpace(lines[1][at:]))
	require.Equal(t, at, strings.Index(lines[1], "^"))
}

func TestWhatAStrangersFileSaysCannotMoveTheCursor(t *testing.T) {
	p := NewSource("f", []byte("a\x1b[2Jb: \u009b1\tc")).Problem(1, 1, 1, "x")
	require.NotContains(t, p.Excerpt, "\x1b")
	require.NotContains(t, p.Excerpt, "\u009b")
	require.NotContains(t, p.Excerpt, "\t")
}

func TestProblemsAreSortedByPlaceAndWarningsAloneAreNoError(t *testing.T) {
	s := NewSource("f", []byte("a\nb\nc"))
	warning := s.Problem(1, 1, 1, "w")
	warning.Severity = Warning
	require.NoError(t, Problems{warning}.Err())
	err := Problems{s.Problem(3, 1, 1, "third"), warning, s.Problem(2, 1, 1, "second")}.Err()
	require.Error(t, err)
	require.Regexp(t, `(?s)^f:1:1: warning: w.*f:2:1: second.*f:3:1: third`, err.Error())
}

func TestNoPlaceIsTooFarOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(0, 400, -1).Draw(t, "text")
		p := NewSource("f", []byte(text)).Problem(rapid.IntRange(-1, 5).Draw(t, "line"), rapid.IntRange(-1, 500).Draw(t, "column"),
			rapid.IntRange(-1, 500).Draw(t, "width"), "x")
		_ = p.String()
	})
}
