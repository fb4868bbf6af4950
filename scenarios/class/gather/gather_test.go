package gather

import (
	"context"
	"fmt"
	"math/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/scenarios/class"
	"github.com/ddsctl/ddsctl/scenarios/class/queue"
	"github.com/ddsctl/ddsctl/scenarios/exercise/progress"
)

var now = time.Unix(1_800_000_000, 0).UTC()

func worth(string, string) int { return 5 }

// sent empties a queue.
func sent(t *testing.T, q queue.Queue) []class.Submission {
	var list []class.Submission
	_, err := q.Send(t.Context(), func(_ context.Context, s class.Submission) (class.Receipt, error) {
		list = append(list, s)
		return class.Receipt{}, nil
	}, func(error) bool { return false })
	require.NoError(t, err)
	return list
}

func setUp(t *testing.T) (progress.Store, queue.Queue) {
	q, err := queue.Open(t.TempDir())
	require.NoError(t, err)
	return progress.New(t.TempDir(), func() time.Time { return now }), q
}

func into(t *testing.T, q queue.Queue, store progress.Store, names ...string) Queued {
	out, err := Into(q, store, names, worth, now)
	require.NoError(t, err)
	return out
}

func TestWhatChangedIsSubmittedOnceWithItsEvidence(t *testing.T) {
	store, q := setUp(t)
	_, err := store.Attempt("cache", "hit", progress.Attempt{Points: 2})
	require.NoError(t, err)
	_, err = store.Attempt("cache", "share", progress.Attempt{Points: 5, Passed: true})
	require.NoError(t, err)
	require.NoError(t, store.KeepEvidence("cache", "share", []byte(`{"a":1}`)))
	require.Equal(t, Queued{Submissions: 1}, into(t, q, store, "cache"))
	first := sent(t, q)[0]
	require.Equal(t, class.Exercise{Attempts: 1, Points: 2, Worth: 5}, first.Exercises["hit"])
	text, err := class.Unpack(first.Evidence["share"].Gzip, first.Exercises["share"].Evidence)
	require.NoError(t, err)
	require.JSONEq(t, `{"a":1}`, string(text))

	require.Zero(t, into(t, q, store, "cache").Submissions, "nothing has changed")
	_, err = store.Attempt("cache", "hit", progress.Attempt{Points: 3})
	require.NoError(t, err)
	require.Equal(t, 1, into(t, q, store, "cache").Submissions)
	second := sent(t, q)[0]
	require.NotEqual(t, first.Key, second.Key)
	require.Equal(t, first.Exercises["share"], second.Exercises["share"])
	require.Empty(t, second.Evidence, "the server has it already")
}

func TestEvidenceThatIsTooLargeIsLeftOutAndItsPointsAreNot(t *testing.T) {
	store, q := setUp(t)
	noise := make([]byte, 2*class.MaxEvidenceBytes)
	rand.New(rand.NewSource(1)).Read(noise)
	_, err := store.Attempt("cache", "share", progress.Attempt{Points: 5, Passed: true})
	require.NoError(t, err)
	require.NoError(t, store.KeepEvidence("cache", "share", noise))
	require.Equal(t, Queued{Submissions: 1, Left: []string{"cache/share"}}, into(t, q, store, "cache"))
	one := sent(t, q)[0]
	require.Empty(t, one.Evidence)
	require.Empty(t, one.Exercises["share"].Evidence)
	require.Equal(t, 5.0, one.Exercises["share"].Points)
}

func TestALargeLabIsSplitIntoSubmissionsThatAreWithinTheBounds(t *testing.T) {
	store, q := setUp(t)
	random := rand.New(rand.NewSource(1))
	for i := range 45 {
		id := fmt.Sprintf("exercise-%d", i)
		_, err := store.Attempt("cache", id, progress.Attempt{Points: 5, Passed: true})
		require.NoError(t, err)
		noise := make([]byte, 50<<10)
		random.Read(noise)
		require.NoError(t, store.KeepEvidence("cache", id, noise))
	}
	require.Greater(t, into(t, q, store, "cache").Submissions, 3)
	exercises, evidence := 0, 0
	for _, s := range sent(t, q) {
		require.NoError(t, s.Check())
		exercises, evidence = exercises+len(s.Exercises), evidence+len(s.Evidence)
	}
	require.Equal(t, 45, exercises)
	require.Equal(t, 45, evidence)
}

func TestPointsOfALabThatIsNotHereAreWithinItsWorth(t *testing.T) {
	store, q := setUp(t)
	_, err := store.Attempt("gone", "x", progress.Attempt{Points: 2.5, Passed: true})
	require.NoError(t, err)
	_, err = Into(q, store, []string{"gone"}, func(string, string) int { return 0 }, now)
	require.NoError(t, err)
	require.Equal(t, 3, sent(t, q)[0].Exercises["x"].Worth)
}

func TestALabThatCannotBeSubmittedHoldsTheOthersNotUp(t *testing.T) {
	store, q := setUp(t)
	for _, lab := range []string{"-odd", "cache"} {
		_, err := store.Attempt(lab, "x", progress.Attempt{})
		require.NoError(t, err)
	}
	out := into(t, q, store, "-odd", "cache", "untouched")
	require.Len(t, out.Skipped, 1)
	require.Equal(t, 1, out.Submissions)
}
