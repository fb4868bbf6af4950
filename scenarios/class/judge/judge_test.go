package judge

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ddsctl/ddsctl/labs/format"
	"github.com/ddsctl/ddsctl/scenarios/class"
	"github.com/ddsctl/ddsctl/scenarios/exercise"
)

const lab = `version: 1
title: A lab
exercises:
  - id: which
    title: Which
    text: Which?
    points: 2
    predict:
      choices: [{key: a, text: one}, {key: b, text: two}]
      answer: b
  - id: do-it
    title: Do it
    text: Do it.
    points: 4
    do:
      checks:
        - {text: it says yes, command: {node: x, run: [say], match: "yes"}}
        - {text: and again, command: {node: x, run: [say], match: "yes"}}
`

func find(t require.TestingT) Find {
	decoded, err := format.Decode("lab.yaml", []byte(lab))
	require.NoError(t, err)
	return func(slug, id string) (format.Exercise, bool) {
		for _, e := range decoded.Exercises {
			if slug == "cache" && e.ID == id {
				return e, true
			}
		}
		return format.Exercise{}, false
	}
}

func packed(t require.TestingT, e exercise.Evidence) class.Evidence {
	text, err := json.Marshal(e)
	require.NoError(t, err)
	p, err := class.Pack(text)
	require.NoError(t, err)
	return p
}

func TestEvidenceIsGradedAnew(t *testing.T) {
	ran := func(output string) exercise.Sample { return exercise.Sample{Ran: true, Output: output} }
	for name, c := range map[string]struct {
		id       string
		evidence exercise.Evidence
		want     class.Judgement
	}{
		"the right answer": {"which", exercise.Evidence{Version: 1, Lab: "cache", Exercise: "which", Answer: "b"}, class.Judgement{Verdict: class.Confirmed, Points: 2}},
		"the wrong answer": {"which", exercise.Evidence{Version: 1, Lab: "cache", Exercise: "which", Answer: "a"}, class.Judgement{Verdict: class.Contradicted}},
		"both checks": {"do-it", exercise.Evidence{Version: 1, Lab: "cache", Exercise: "do-it", Checks: []exercise.Sample{ran("yes"), ran("yes")}},
			class.Judgement{Verdict: class.Confirmed, Points: 4}},
		"one check of two": {"do-it", exercise.Evidence{Version: 1, Lab: "cache", Exercise: "do-it", Checks: []exercise.Sample{ran("yes"), ran("no")}},
			class.Judgement{Verdict: class.Contradicted, Points: 2}},
		"a check left out": {"do-it", exercise.Evidence{Version: 1, Lab: "cache", Exercise: "do-it", Checks: []exercise.Sample{ran("yes")}},
			class.Judgement{Verdict: class.Contradicted, Points: 2}},
		"of another exercise": {"which", exercise.Evidence{Version: 1, Lab: "cache", Exercise: "do-it", Answer: "b"}, class.Judgement{Verdict: class.Contradicted}},
		"of another lab":      {"which", exercise.Evidence{Version: 1, Lab: "other", Exercise: "which", Answer: "b"}, class.Judgement{Verdict: class.Contradicted}},
		"of a later version":  {"which", exercise.Evidence{Version: 99, Lab: "cache", Exercise: "which", Answer: "b"}, class.Judgement{Verdict: class.Unclear}},
		"nobody knows it":     {"gone", exercise.Evidence{Version: 1, Lab: "cache", Exercise: "gone"}, class.Judgement{Verdict: class.Unknown}},
	} {
		t.Run(name, func(t *testing.T) {
			p := packed(t, c.evidence)
			got := Evidence(find(t), "cache", c.id, p.Gzip, p.Digest)
			if c.want.Verdict != class.Confirmed {
				require.NotEmpty(t, got.Why)
			}
			got.Why = ""
			require.Equal(t, c.want, got)
		})
	}
}

// Whatever somebody hands in, it is judged, and only the right answer is confirmed.
func TestWhateverIsHandedInIsJudged(t *testing.T) {
	right := packed(t, exercise.Evidence{Version: 1, Lab: "cache", Exercise: "which", Answer: "b"})
	rapid.Check(t, func(t *rapid.T) {
		p, err := class.Pack(rapid.SliceOf(rapid.Byte()).Draw(t, "text"))
		require.NoError(t, err)
		require.Equal(t, class.Contradicted, Evidence(find(t), "cache", "which", p.Gzip, p.Digest).Verdict)
		bent := bytes.Clone(right.Gzip)
		bent[rapid.IntRange(0, len(bent)-1).Draw(t, "place")] ^= byte(rapid.IntRange(1, 255).Draw(t, "change"))
		if j := Evidence(find(t), "cache", "which", bent, right.Digest); j.Verdict == class.Confirmed { // gzip's header has bytes that mean nothing
			text, err := class.Unpack(bent, right.Digest)
			require.NoError(t, err)
			require.Equal(t, right.Digest, class.Digest(text))
		}
	})
}
