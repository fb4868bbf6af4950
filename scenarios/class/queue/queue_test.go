package queue

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ddsctl/ddsctl/scenarios/class"
	"github.com/ddsctl/ddsctl/scenarios/class/secret"
)

var (
	errLater = errors.New("later")
	errNever = errors.New("never")
)

func later(err error) bool { return errors.Is(err, errLater) }

func submission(seconds int64) class.Submission {
	return class.Submission{Version: class.Version, Key: secret.Key(), Lab: "cache", Time: time.Unix(seconds, 0).UTC(),
		Exercises: map[string]class.Exercise{"hit": {Attempts: 1, Worth: 1}}}
}

func open(t *testing.T) Queue {
	q, err := Open(t.TempDir())
	require.NoError(t, err)
	return q
}

func length(t require.TestingT, q Queue) int {
	n, err := q.Len()
	require.NoError(t, err)
	return n
}

// server counts what it gets by key, as the class server does.
type server struct {
	mu   sync.Mutex
	kept map[string]int
}

func (s *server) take(_ context.Context, one class.Submission) (class.Receipt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept == nil {
		s.kept = map[string]int{}
	}
	s.kept[one.Key]++
	return class.Receipt{Key: one.Key}, nil
}

func TestWhatCannotBeSentWaitsAndGoesLaterInOrder(t *testing.T) {
	q := open(t)
	first, second := submission(1), submission(2)
	require.NoError(t, q.Add(second))
	require.NoError(t, q.Add(first))
	sent, err := q.Send(t.Context(), func(context.Context, class.Submission) (class.Receipt, error) { return class.Receipt{}, errLater }, later)
	require.ErrorIs(t, err, errLater)
	require.Empty(t, sent)
	require.Equal(t, 2, length(t, q))

	var s server
	sent, err = q.Send(t.Context(), s.take, later)
	require.NoError(t, err)
	require.Equal(t, []string{first.Key, second.Key}, []string{sent[0].Receipt.Key, sent[1].Receipt.Key})
	require.Zero(t, length(t, q))
	sent, err = q.Send(t.Context(), s.take, later)
	require.NoError(t, err)
	require.Empty(t, sent)
	require.Equal(t, map[string]int{first.Key: 1, second.Key: 1}, s.kept)
}

func TestAnAnswerThatWasLostIsAskedForAgainWithTheSameKey(t *testing.T) {
	q := open(t)
	one := submission(1)
	require.NoError(t, q.Add(one))
	var s server
	_, err := q.Send(t.Context(), func(ctx context.Context, got class.Submission) (class.Receipt, error) {
		_, _ = s.take(ctx, got)
		return class.Receipt{}, errLater // the server has it, and the answer does not arrive
	}, later)
	require.ErrorIs(t, err, errLater)
	_, err = q.Send(t.Context(), s.take, later)
	require.NoError(t, err)
	require.Equal(t, map[string]int{one.Key: 2}, s.kept)
}

func TestWhatIsRefusedForGoodIsPutAsideAndHoldsNothingUp(t *testing.T) {
	q := open(t)
	bad, good := submission(1), submission(2)
	require.NoError(t, q.Add(bad))
	require.NoError(t, q.Add(good))
	require.NoError(t, os.WriteFile(filepath.Join(q.dir, "0-damaged.json"), []byte("{"), 0o600))
	sent, err := q.Send(t.Context(), func(_ context.Context, s class.Submission) (class.Receipt, error) {
		if s.Key == bad.Key {
			return class.Receipt{}, errNever
		}
		return class.Receipt{Key: s.Key}, nil
	}, later)
	require.NoError(t, err)
	require.Len(t, sent, 3)
	require.Error(t, sent[0].Refused, "a damaged file")
	require.ErrorIs(t, sent[1].Refused, errNever)
	require.FileExists(t, sent[1].File)
	require.Equal(t, good.Key, sent[2].Receipt.Key)
	require.Zero(t, length(t, q))
}

func TestTwoSendersSendEachSubmissionOnce(t *testing.T) {
	q := open(t)
	for i := range 20 {
		require.NoError(t, q.Add(submission(int64(i))))
	}
	var s server
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			_, err := q.Send(t.Context(), s.take, later)
			require.NoError(t, err)
		})
	}
	all.Wait()
	require.Len(t, s.kept, 20)
	for key, n := range s.kept {
		require.Equal(t, 1, n, key)
	}
}

func TestWhatAddRefusesIsNotQueued(t *testing.T) {
	q := open(t)
	bad := submission(1)
	bad.Key = "x"
	require.ErrorIs(t, q.Add(bad), class.ErrMalformed)
	require.Zero(t, length(t, q))
}

func TestAHalfWrittenFileIsNoSubmission(t *testing.T) {
	q := open(t)
	require.NoError(t, os.WriteFile(filepath.Join(q.dir, ".writing-1"), []byte(`{"version":1`), 0o600))
	require.Zero(t, length(t, q))
}

// Whatever the network does, in the end the server has each submission, and the queue is empty only then.
func TestNothingIsLostWhateverTheNetworkDoes(t *testing.T) {
	folders := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp(folders, "") //nolint:usetesting // one for each draw, below the test's own
		require.NoError(t, err)
		q, err := Open(dir)
		require.NoError(t, err)
		var s server
		added := 0
		for range rapid.IntRange(1, 6).Draw(t, "rounds") {
			for range rapid.IntRange(0, 2).Draw(t, "new") {
				require.NoError(t, q.Add(submission(int64(added))))
				added++
			}
			_, err := q.Send(context.Background(), func(ctx context.Context, one class.Submission) (class.Receipt, error) {
				switch rapid.SampledFrom([]string{"well", "request lost", "answer lost"}).Draw(t, "network") {
				case "well":
					return s.take(ctx, one)
				case "answer lost":
					_, _ = s.take(ctx, one)
				}
				return class.Receipt{}, errLater
			}, later)
			if err != nil {
				require.ErrorIs(t, err, errLater)
			}
			require.LessOrEqual(t, added, len(s.kept)+length(t, q))
		}
		_, err = q.Send(context.Background(), s.take, later)
		require.NoError(t, err)
		require.Len(t, s.kept, added)
		require.Zero(t, length(t, q))
	})
}

func TestPatienceTriesAgainUntilItGoes(t *testing.T) {
	q := open(t)
	require.NoError(t, q.Add(submission(1)))
	tries := 0
	sent, err := q.SendPatiently(t.Context(), func(context.Context, class.Submission) (class.Receipt, error) {
		if tries++; tries < 2 {
			return class.Receipt{}, errLater
		}
		return class.Receipt{}, nil
	}, later, time.Minute)
	require.NoError(t, err)
	require.Len(t, sent, 1)
	require.NoError(t, q.Add(submission(2)))
	_, err = q.SendPatiently(t.Context(), func(context.Context, class.Submission) (class.Receipt, error) { return class.Receipt{}, errLater }, later, 0)
	require.ErrorIs(t, err, errLater, "without patience it tries once")
}

func TestWhatWasSubmittedIsRemembered(t *testing.T) {
	q := open(t)
	require.Empty(t, q.Memory())
	want := Memory{"cache": {State: "x", Evidence: map[string]string{"hit": "y"}}}
	require.NoError(t, q.Remember(want))
	require.Equal(t, want, q.Memory())
	require.Zero(t, length(t, q), "that is no submission")
}
