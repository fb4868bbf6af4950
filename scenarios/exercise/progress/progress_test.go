package progress

import (
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs/format"
)

func store(t *testing.T) Store {
	return New(t.TempDir(), func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) })
}

var ex = format.Exercise{ID: "share", Points: 5, Hints: []format.Hint{{Text: "a", Cost: 1}, {Text: "b", Cost: 2}}}

func TestTheBestAttemptCounts(t *testing.T) {
	s := store(t)
	for _, a := range []Attempt{{Points: 2}, {Points: 5, Passed: true}, {Points: 1}} {
		_, err := s.Attempt("lab", "share", a)
		require.NoError(t, err)
	}
	l, err := s.Load("lab")
	require.NoError(t, err)
	e := l.Of("share")
	require.Equal(t, 5.0, e.Best)
	require.Len(t, e.Attempts, 3)
	require.NotNil(t, e.Passed)
}

func TestHintsAreTakenOneAfterAnotherAndPaid(t *testing.T) {
	s := store(t)
	for want := 1; want <= 2; want++ {
		number, _, err := s.Hint("lab", ex)
		require.NoError(t, err)
		require.Equal(t, want, number)
	}
	_, _, err := s.Hint("lab", ex)
	require.ErrorIs(t, err, ErrNoHint)
	e, err := s.Attempt("lab", "share", Attempt{Points: 5, Passed: true})
	require.NoError(t, err)
	require.Equal(t, 2.0, e.Best, "five, less one and two")
}

func TestHintsAfterPassingAreFree(t *testing.T) {
	s := store(t)
	_, err := s.Attempt("lab", "share", Attempt{Points: 5, Passed: true})
	require.NoError(t, err)
	_, e, err := s.Hint("lab", ex)
	require.NoError(t, err)
	require.Zero(t, e.Paid)
	require.Equal(t, 5.0, e.Best)
}

func TestARevealedAnswerGivesNoPoints(t *testing.T) {
	s := store(t)
	_, err := s.Attempt("lab", "share", Attempt{Points: 2})
	require.NoError(t, err)
	_, err = s.Reveal("lab", "share")
	require.NoError(t, err)
	e, err := s.Attempt("lab", "share", Attempt{Points: 5, Passed: true})
	require.NoError(t, err)
	require.Equal(t, 2.0, e.Best, "what was earned before stays")
	require.NotNil(t, e.Passed)
}

func TestWhatIsNeededBeforeIsKnown(t *testing.T) {
	s := store(t)
	next := format.Exercise{ID: "next", Needs: []string{"share"}}
	l, err := s.Load("lab")
	require.NoError(t, err)
	require.Equal(t, []string{"share"}, l.Missing(next))
	_, err = s.Attempt("lab", "share", Attempt{Points: 5, Passed: true})
	require.NoError(t, err)
	l, err = s.Load("lab")
	require.NoError(t, err)
	require.Empty(t, l.Missing(next))
}

func TestWritersDoNotLoseEachOthersWork(t *testing.T) {
	s := store(t)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			_, err := s.Attempt("lab", "share", Attempt{Points: 1})
			require.NoError(t, err)
		})
	}
	all.Wait()
	l, err := s.Load("lab")
	require.NoError(t, err)
	require.Len(t, l.Of("share").Attempts, 20)
}

func TestWhatANewerVersionWroteIsKept(t *testing.T) {
	s := store(t)
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "lab.json"), []byte(`{"version":1,"lab":"lab","exercises":{},"badges":["gold"]}`), 0o600))
	_, err := s.Attempt("lab", "share", Attempt{Points: 1})
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(s.dir, "lab.json"))
	require.NoError(t, err)
	var whole map[string]any
	require.NoError(t, json.Unmarshal(text, &whole))
	require.Equal(t, []any{"gold"}, whole["badges"])
}

func TestAFileThatCannotBeReadIsLeftAsItIs(t *testing.T) {
	s := store(t)
	for _, text := range []string{"{", `{"version": 99}`} {
		file := filepath.Join(s.dir, "lab.json")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		_, err := s.Attempt("lab", "share", Attempt{Points: 1})
		require.Error(t, err)
		kept, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, text, string(kept))
	}
}

func TestAPlaceThatCannotBeWrittenIsSaid(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := New(file, nil).Attempt("lab", "share", Attempt{})
	require.Error(t, err)
}

func TestProgressCanBeForgotten(t *testing.T) {
	s := store(t)
	_, err := s.Attempt("lab", "share", Attempt{Points: 1})
	require.NoError(t, err)
	require.NoError(t, s.Reset("lab", "share"))
	l, err := s.Load("lab")
	require.NoError(t, err)
	require.Empty(t, l.Exercises)
	labs, err := s.Labs()
	require.NoError(t, err)
	require.Equal(t, []string{"lab"}, labs)
}

func TestEvidenceIsKeptUntilItIsForgotten(t *testing.T) {
	s := store(t)
	none, err := s.Evidence("lab", "share")
	require.NoError(t, err)
	require.Nil(t, none)
	for _, text := range []string{"one", "two"} {
		require.NoError(t, s.KeepEvidence("lab", "share", []byte(text)))
		kept, err := s.Evidence("lab", "share")
		require.NoError(t, err)
		require.Equal(t, text, string(kept))
	}
	require.NoError(t, s.KeepEvidence("lab", "other", []byte("three")))
	labs, err := s.Labs()
	require.NoError(t, err)
	require.Empty(t, labs, "evidence alone is no progress")
	require.NoError(t, s.Reset("lab", "share"))
	none, err = s.Evidence("lab", "share")
	require.NoError(t, err)
	require.Nil(t, none)
	require.NoError(t, s.Reset("lab", ""))
	none, err = s.Evidence("lab", "other")
	require.NoError(t, err)
	require.Nil(t, none)
}
