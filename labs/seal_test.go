package labs

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs/format"
)

const open = `version: 1 # the format
title: T

exercises:
  - id: one
    title: One
    text: x
    predict:
      choices: [{key: a, text: A}, {key: b, text: B}]
      answer: b # that one
    explanation: |
      First line.

      Second line.

  # a comment that stays
  - explanation: Short.
    id: two
    title: Two
    text: x
    do: {checks: [{text: c, expect: errors < 1%}]}
try:
  - {run: x}
`

func TestSealingHidesAnswersAndExplanationsAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, FormatFile)
	require.NoError(t, os.WriteFile(name, []byte(open), 0o600))
	ids, err := Seal(dir, bytes.NewReader(bytes.Repeat([]byte{1, 2, 3}, 100)))
	require.NoError(t, err)
	require.Equal(t, []string{"one", "two"}, ids)
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	for _, secret := range []string{"First", "Second", "Short", "answer: b"} {
		require.NotContains(t, string(text), secret)
	}
	lab, err := format.Decode(name, text)
	require.NoError(t, err)
	explanation, err := lab.Exercises[0].Explanation.Open("one")
	require.NoError(t, err)
	require.Equal(t, "First line.\n\nSecond line.\n", explanation)
	require.True(t, lab.Exercises[0].Predict.Answer.Is("one", "b"))
	explanation, err = lab.Exercises[1].Explanation.Open("two")
	require.NoError(t, err)
	require.Equal(t, "Short.", explanation)
	for _, line := range []string{"version: 1 # the format\n", "  # a comment that stays\n", "  - {run: x}\n", "    id: two\n"} {
		require.Contains(t, string(text), line)
	}
	require.Equal(t, strings.Count(open, "\n")-3, strings.Count(string(text), "\n"), "lines that do not belong to a secret stay")

	ids, err = Seal(dir, bytes.NewReader(nil))
	require.NoError(t, err, "what is sealed is left alone")
	require.Empty(t, ids)
	again, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, string(text), string(again))
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 1)
}

func TestWhatWasSealedCanBeOpenedToChangeIt(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, FormatFile)
	require.NoError(t, os.WriteFile(name, []byte(open), 0o600))
	_, err := Seal(dir, bytes.NewReader(bytes.Repeat([]byte{9}, 100)))
	require.NoError(t, err)
	ids, err := Unseal(dir)
	require.NoError(t, err)
	require.Equal(t, []string{"one", "two"}, ids)
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	want := strings.Replace(open, "answer: b # that one", "answer: b", 1)
	require.Equal(t, want, string(text))
}

func TestASecretAmongOthersOnItsLineIsLeftAsItIs(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, FormatFile)
	text := "version: 1\ntitle: t\nexercises:\n  - {id: a, title: a, text: a, explanation: why, do: {checks: [{text: c, expect: e}]}}\n"
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	_, err := Seal(dir, bytes.NewReader(make([]byte, 100)))
	require.ErrorContains(t, err, "lab.yaml:4:45")
	left, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, text, string(left))
}
