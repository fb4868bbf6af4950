package class

import (
	"bytes"
	"compress/gzip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func states() *rapid.Generator[Exercise] {
	moment := rapid.Custom(func(t *rapid.T) *time.Time {
		if n := rapid.IntRange(0, 5).Draw(t, "moment"); n > 0 {
			at := time.Unix(int64(n), 0)
			return &at
		}
		return nil
	})
	return rapid.Custom(func(t *rapid.T) Exercise {
		return Exercise{
			Attempts: rapid.IntRange(0, 5).Draw(t, "attempts"), Points: float64(rapid.IntRange(0, 5).Draw(t, "points")), Worth: 5,
			Hints: rapid.IntRange(0, 3).Draw(t, "hints"), Passed: moment.Draw(t, "passed"), Revealed: moment.Draw(t, "revealed"),
			Evidence: rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "evidence"),
		}
	})
}

func TestTheOrderOfSubmissionsDoesNotMatterNorHowOftenTheyCome(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := states().Draw(t, "a"), states().Draw(t, "b"), states().Draw(t, "c")
		require.Equal(t, Merge(a, b), Merge(b, a))
		require.Equal(t, Merge(a, Merge(b, c)), Merge(Merge(a, b), c))
		require.Equal(t, Merge(a, b), Merge(Merge(a, b), b))
	})
}

func submission() Submission {
	passed := time.Unix(100, 0).UTC()
	packed, err := Pack([]byte(`{"version":1}`))
	if err != nil {
		panic(err)
	}
	return Submission{Version: Version, Key: strings.Repeat("0a", 16), Lab: "sharded-redis", Time: passed,
		Exercises: map[string]Exercise{"share": {Attempts: 2, Points: 3, Worth: 5, Passed: &passed, Evidence: packed.Digest}},
		Evidence:  map[string]Evidence{"share": packed}}
}

func TestASubmissionIsHeldToItsBounds(t *testing.T) {
	require.NoError(t, submission().Check())
	with := func(change func(*Exercise)) func(*Submission) {
		return func(s *Submission) {
			e := s.Exercises["share"]
			change(&e)
			s.Exercises["share"] = e
		}
	}
	for name, spoil := range map[string]func(*Submission){
		"version":          func(s *Submission) { s.Version = 2 },
		"key":              func(s *Submission) { s.Key = "../../other" },
		"key in capitals":  func(s *Submission) { s.Key = strings.ToUpper(s.Key) },
		"lab":              func(s *Submission) { s.Lab = "a/b" },
		"nothing":          func(s *Submission) { s.Exercises = nil },
		"exercise":         func(s *Submission) { s.Exercises["a/b"] = Exercise{Worth: 1} },
		"more than worth":  with(func(e *Exercise) { e.Points = 6 }),
		"less than none":   with(func(e *Exercise) { e.Points = -1 }),
		"worth too much":   with(func(e *Exercise) { e.Worth = 101 }),
		"attempts":         with(func(e *Exercise) { e.Attempts = -1 }),
		"not passed":       with(func(e *Exercise) { e.Passed = nil }),
		"another digest":   with(func(e *Exercise) { e.Evidence = strings.Repeat("0", 64) }),
		"evidence of what": func(s *Submission) { s.Evidence["other"] = s.Evidence["share"] },
		"large evidence": func(s *Submission) {
			s.Evidence["share"] = Evidence{Digest: s.Evidence["share"].Digest, Gzip: make([]byte, MaxEvidenceBytes+1)}
		},
		"many": func(s *Submission) {
			for i := range MaxExercises {
				s.Exercises["e"+strings.Repeat("x", i%50)+string(rune('a'+i/50))] = Exercise{Worth: 1}
			}
		},
	} {
		s := submission()
		spoil(&s)
		require.ErrorIs(t, s.Check(), ErrMalformed, name)
	}
}

func TestTheSameSubmissionHasTheSameDigestAndReceipt(t *testing.T) {
	a, err := submission().Record("s", time.Unix(1, 0))
	require.NoError(t, err)
	b, err := submission().Record("s", time.Unix(1, 0))
	require.NoError(t, err)
	require.Equal(t, a, b)
	require.Equal(t, Receipt{Key: a.Key, Lab: a.Lab, Received: a.Received, Passed: 1, Points: 3}, a.Receipt())
	other := submission()
	other.Time = other.Time.Add(1)
	c, err := other.Record("s", time.Unix(1, 0))
	require.NoError(t, err)
	require.NotEqual(t, a.Digest, c.Digest)
}

func TestNamesAreCleanedAndCompared(t *testing.T) {
	for given, want := range map[string]string{" Ada   Lovelace ": "Ada Lovelace", "Łukasz": "Łukasz", "李明": "李明", "<b>": "<b>"} {
		got, err := Name(given)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, bad := range []string{"", "  ", "a\x00b", "a\u202eb", strings.Repeat("x", MaxName+1), "a\xffb"} {
		_, err := Name(bad)
		require.ErrorIs(t, err, ErrMalformed, "%q", bad)
	}
	require.Equal(t, Fold("ADA"), Fold("ada"))
}

func TestEvidenceIsPackedAndBounded(t *testing.T) {
	text := bytes.Repeat([]byte(`{"a":1}`), 1000)
	packed, err := Pack(text)
	require.NoError(t, err)
	require.Less(t, len(packed.Gzip), 1000)
	back, err := Unpack(packed.Gzip, packed.Digest)
	require.NoError(t, err)
	require.Equal(t, text, back)
	_, err = Unpack(packed.Gzip, Digest([]byte("other")))
	require.ErrorContains(t, err, "another digest")
	_, err = Unpack([]byte("no gzip"), packed.Digest)
	require.Error(t, err)

	var bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	for range 17 {
		_, err = w.Write(make([]byte, 1<<20))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	_, err = Unpack(bomb.Bytes(), packed.Digest)
	require.ErrorContains(t, err, "more than")
}

func FuzzNames(f *testing.F) {
	f.Add("Ada")
	f.Fuzz(func(t *testing.T, text string) {
		name, err := Name(text)
		if err != nil {
			return
		}
		again, err := Name(name)
		require.NoError(t, err)
		require.Equal(t, name, again, "a clean name stays as it is")
	})
}
