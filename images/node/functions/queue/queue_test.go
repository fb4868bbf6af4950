package queue

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func open(t require.TestingT, path string) *Queue {
	q, err := Open(path)
	require.NoError(t, err)
	return q
}

func next(t *testing.T, q *Queue, function string) Delivery {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	d, err := q.Next(ctx, function)
	require.NoError(t, err)
	return d
}

func TestAnEventGoesToEachFunctionOnce(t *testing.T) {
	q := open(t, filepath.Join(t.TempDir(), "q"))
	defer q.Close()
	require.NoError(t, q.Add(Event{ID: "1", Type: "signup", Data: []byte(`{"name":"ann"}`)}, "mail", "list"))
	require.Equal(t, Counts{Pending: map[string]int{"mail": 1, "list": 1}}, q.Counts())
	for _, function := range []string{"mail", "list"} {
		d := next(t, q, function)
		require.Equal(t, 1, d.Attempt)
		require.Equal(t, `{"name":"ann"}`, string(d.Event.Data))
		require.NoError(t, q.Done(d))
	}
	require.Empty(t, q.Counts().Pending)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := q.Next(ctx, "mail")
	require.ErrorIs(t, err, context.Canceled)
}

func TestWhatWasUnderWayWhenItDiedIsDeliveredAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "q")
	q := open(t, path)
	require.NoError(t, q.Add(Event{ID: "1"}, "mail"))
	next(t, q, "mail")
	require.NoError(t, q.Close())

	q = open(t, path)
	d := next(t, q, "mail")
	require.Equal(t, "1", d.Event.ID)
	require.NoError(t, q.Done(d))
	require.NoError(t, q.Close())

	q = open(t, path)
	defer q.Close()
	require.Empty(t, q.Counts().Pending)
}

func TestARetryComesLaterAndKnowsWhy(t *testing.T) {
	q := open(t, filepath.Join(t.TempDir(), "q"))
	defer q.Close()
	require.NoError(t, q.Add(Event{ID: "1"}, "mail"))
	require.NoError(t, q.Add(Event{ID: "2"}, "mail"))
	require.NoError(t, q.Retry(next(t, q, "mail"), 30*time.Millisecond, "timeout"))
	require.Equal(t, "2", next(t, q, "mail").Event.ID, "the other one does not wait for it")
	d := next(t, q, "mail")
	require.Equal(t, "1", d.Event.ID)
	require.Equal(t, 2, d.Attempt)
	require.Equal(t, "timeout", d.Error)
	require.False(t, time.Now().Before(d.Due))
}

func TestOneThatIsSetAsideComesBackOnlyWhenItIsAskedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "q")
	q := open(t, path)
	require.NoError(t, q.Add(Event{ID: "1"}, "mail"))
	d := next(t, q, "mail")
	d.Attempt = 5
	require.NoError(t, q.Bury(d, "no address"))
	require.NoError(t, q.Close())

	q = open(t, path)
	defer q.Close()
	require.Equal(t, Counts{Pending: map[string]int{}, Dead: 1}, q.Counts())
	letters, err := q.Dead()
	require.NoError(t, err)
	require.Equal(t, "no address", letters[0].Error)
	n, err := q.Revive()
	require.NoError(t, err)
	require.Equal(t, 1, n)
	d = next(t, q, "mail")
	require.Equal(t, 1, d.Attempt, "it has all its attempts again")
	require.NoError(t, q.Done(d))
	require.Equal(t, Counts{Pending: map[string]int{}}, q.Counts())
}

// Whatever is done, and whenever the process dies: an event that was taken on is delivered until it is done, and no longer. What comes out of a delivery is there
// exactly when the delivery is done.
func TestNothingIsLostAndNothingIsMadeUp(t *testing.T) {
	dir := t.TempDir()
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		path := filepath.Join(dir, fmt.Sprint(run))
		q := open(t, path)
		defer func() { _ = q.Close() }()
		made, want := 0, map[string]bool{} // what is not done yet
		take := func() (Delivery, bool) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
			defer cancel()
			d, err := q.Next(ctx, "f")
			return d, err == nil
		}
		event := func() Event {
			made++
			id := fmt.Sprint(made)
			want[id] = true
			return Event{ID: id}
		}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) { require.NoError(t, q.Add(event(), "f")) },
			"done": func(t *rapid.T) {
				if d, ok := take(); ok {
					require.True(t, want[d.Event.ID], "%s was done, or never there", d.Event.ID)
					require.NoError(t, q.Done(d, Addressed{event(), []string{"f"}}, Addressed{Event{ID: "nobody wants it"}, nil}))
					delete(want, d.Event.ID)
				}
			},
			"retry": func(t *rapid.T) {
				if d, ok := take(); ok {
					require.NoError(t, q.Retry(d, 0, "again"))
				}
			},
			"bury": func(t *rapid.T) {
				if d, ok := take(); ok {
					require.NoError(t, q.Bury(d, "refused"))
				}
			},
			"revive":             func(t *rapid.T) { _, err := q.Revive(); require.NoError(t, err) },
			"take it and forget": func(*rapid.T) { take() },
			"die": func(t *rapid.T) {
				require.NoError(t, q.Close())
				q = open(t, path)
			},
			"": func(t *rapid.T) { require.Equal(t, len(want), q.Counts().Pending["f"]+q.Counts().Dead) },
		})
		require.NoError(t, q.Close())
		q = open(t, path)
		_, err := q.Revive()
		require.NoError(t, err)
		for d, ok := take(); ok; d, ok = take() {
			require.True(t, want[d.Event.ID])
			delete(want, d.Event.ID)
			require.NoError(t, q.Done(d))
		}
		require.Empty(t, want)
	})
}
