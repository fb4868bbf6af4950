package queue

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// clock is a time that the test moves.
type clock struct{ now time.Time }

func (c *clock) wait(d time.Duration) { c.now = c.now.Add(d) }

func open(t require.TestingT, path string, c *clock) *Queue {
	q, err := Open(Options{Path: path, Lease: 10 * time.Second, Attempts: 3, Wait: time.Second, Now: func() time.Time { return c.now }})
	require.NoError(t, err)
	return q
}

func begin(t *testing.T, names ...string) (*Queue, *clock, string) {
	c, path := &clock{time.Unix(1000, 0)}, filepath.Join(t.TempDir(), "q")
	q := open(t, path, c)
	n, err := q.Add(names...)
	require.NoError(t, err)
	require.Equal(t, len(names), n)
	t.Cleanup(func() { _ = q.Close() })
	return q, c, path
}

func take(t *testing.T, q *Queue) Item {
	t.Helper()
	i, ok, err := q.Take("w")
	require.NoError(t, err)
	require.True(t, ok)
	return i
}

func TestEachItemIsHandedOutOnceInOrder(t *testing.T) {
	q, _, _ := begin(t, "a", "b")
	n, err := q.Add("b", "c", "c")
	require.NoError(t, err)
	require.Equal(t, 1, n, "one that is known does not come again")
	for _, want := range []string{"a", "b", "c"} {
		i := take(t, q)
		require.Equal(t, want, i.Name)
		require.Equal(t, 1, i.Attempts)
		recorded, err := q.Done(i.Token, "fine")
		require.NoError(t, err)
		require.True(t, recorded)
	}
	_, ok, err := q.Take("w")
	require.NoError(t, err)
	require.False(t, ok)
	require.Equal(t, Counts{Items: 3, Done: 3}, q.Counts())
}

func TestWhoeverSaysItTwiceIsCountedOnce(t *testing.T) {
	q, _, _ := begin(t, "a")
	i := take(t, q)
	_, err := q.Done(i.Token, "fine")
	require.NoError(t, err)
	recorded, err := q.Done(i.Token, "again")
	require.NoError(t, err)
	require.False(t, recorded)
	require.Equal(t, "fine", q.Items(func(Item) bool { return true })[0].Result)
	_, err = q.Fail(i.Token, "no", false)
	require.ErrorIs(t, err, ErrStale)
}

func TestALeaseThatRanOutIsSomebodyElses(t *testing.T) {
	q, c, _ := begin(t, "a")
	first := take(t, q)
	c.wait(6 * time.Second)
	require.NoError(t, q.Renew(first.Token))
	c.wait(6 * time.Second)
	n, err := q.Expire()
	require.NoError(t, err)
	require.Zero(t, n, "it was renewed")
	c.wait(4 * time.Second)
	n, err = q.Expire()
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.ErrorIs(t, q.Renew(first.Token), ErrStale)
	c.wait(time.Second)
	second := take(t, q)
	require.Equal(t, 2, second.Attempts)
	require.Contains(t, second.Error, "no sign of life of w")
	_, err = q.Done(first.Token, "late")
	require.ErrorIs(t, err, ErrStale)
	_, err = q.Done(second.Token, "in time")
	require.NoError(t, err)
	require.Equal(t, Counts{Items: 1, Done: 1, Redone: 1}, q.Counts())
}

func TestPoisonIsSetAsideAfterItsAttemptsAndComesBackWhenItIsAskedFor(t *testing.T) {
	q, c, _ := begin(t, "a", "b")
	for attempt := 1; attempt <= 3; attempt++ {
		i := take(t, q)
		require.Equal(t, attempt, i.Attempts)
		i, err := q.Fail(i.Token, "exit status 1", false)
		require.NoError(t, err)
		if attempt == 3 {
			require.Equal(t, Dead, i.State)
			break
		}
		require.Equal(t, time.Second<<(attempt-1), i.Due.Sub(c.now))
		if attempt == 1 { // the other one does not wait for it
			i, err := q.Fail(take(t, q).Token, "no such film", true)
			require.NoError(t, err)
			require.Equal(t, Dead, i.State, "it would fail again")
		}
		_, ok, err := q.Take("w")
		require.NoError(t, err)
		require.False(t, ok)
		c.wait(time.Second << (attempt - 1))
	}
	require.Equal(t, Counts{Items: 2, Dead: 2}, q.Counts())
	n, err := q.Revive()
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.Equal(t, 1, take(t, q).Attempts)
}

func TestWhatIsGivenBackWasNoAttempt(t *testing.T) {
	q, _, _ := begin(t, "a")
	i := take(t, q)
	require.NoError(t, q.Release(i.Token))
	require.ErrorIs(t, q.Release(i.Token), ErrStale)
	require.Equal(t, 1, take(t, q).Attempts)
}

func TestWorkersGoOnWhereTheManagerComesBack(t *testing.T) {
	q, c, path := begin(t, "a", "b", "c")
	done, going := take(t, q), take(t, q)
	_, err := q.Done(done.Token, "fine")
	require.NoError(t, err)
	require.NoError(t, q.Close())
	c.wait(time.Hour) // nobody could renew
	q = open(t, path, c)
	defer q.Close()
	n, err := q.Expire()
	require.NoError(t, err)
	require.Zero(t, n)
	require.NoError(t, q.Renew(going.Token))
	recorded, err := q.Done(done.Token, "fine")
	require.NoError(t, err)
	require.False(t, recorded, "whoever did not hear the answer asks again")
	require.Equal(t, "c", take(t, q).Name)
	require.Equal(t, Counts{Items: 3, Done: 1, InFlight: 2}, q.Counts())
}

func TestNextSaysWhenOneIsDue(t *testing.T) {
	q, c, _ := begin(t)
	_, waits, more := q.Next()
	require.False(t, waits)
	_, err := q.Add("a")
	require.NoError(t, err)
	<-more
	due, waits, _ := q.Next()
	require.True(t, waits)
	require.Equal(t, c.now, due)
}

// Whatever workers do, and whenever the manager dies: each item is in one state, is done once, and by the one who had it last.
func TestNothingIsLostAndNothingIsCountedTwice(t *testing.T) {
	dir, run := t.TempDir(), 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		c, path := &clock{time.Unix(1000, 0)}, filepath.Join(dir, fmt.Sprint(run))
		q := open(t, path, c)
		defer func() { _ = q.Close() }()
		added, done := 0, map[string]int{}
		var taken []Item // all that ever were
		some := func(t *rapid.T) (Item, bool) {
			if len(taken) == 0 {
				return Item{}, false
			}
			return rapid.SampledFrom(taken).Draw(t, "of"), true
		}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				added++
				_, err := q.Add(fmt.Sprint(added))
				require.NoError(t, err)
			},
			"take": func(t *rapid.T) {
				if i, ok, err := q.Take("w"); ok {
					require.NoError(t, err)
					require.Zero(t, done[i.Name], "it was done")
					taken = append(taken, i)
				}
			},
			"done": func(t *rapid.T) {
				if i, ok := some(t); ok {
					if recorded, err := q.Done(i.Token, "r"); recorded {
						require.NoError(t, err)
						done[i.Name]++
					}
				}
			},
			"fail": func(t *rapid.T) {
				if i, ok := some(t); ok {
					_, _ = q.Fail(i.Token, "no", rapid.Bool().Draw(t, "final"))
				}
			},
			"release": func(t *rapid.T) {
				if i, ok := some(t); ok {
					_ = q.Release(i.Token)
				}
			},
			"renew": func(t *rapid.T) {
				if i, ok := some(t); ok {
					_ = q.Renew(i.Token)
				}
			},
			"time":   func(t *rapid.T) { c.wait(time.Duration(rapid.IntRange(0, 15).Draw(t, "seconds")) * time.Second) },
			"expire": func(t *rapid.T) { _, err := q.Expire(); require.NoError(t, err) },
			"revive": func(t *rapid.T) { _, err := q.Revive(); require.NoError(t, err) },
			"die": func(t *rapid.T) {
				require.NoError(t, q.Close())
				q = open(t, path, c)
			},
			"": func(t *rapid.T) {
				n := q.Counts()
				require.Equal(t, added, n.Items)
				require.Zero(t, n.Unaccounted())
				require.Len(t, done, n.Done)
				for name, times := range done {
					require.Equal(t, 1, times, name)
				}
			},
		})
	})
}
