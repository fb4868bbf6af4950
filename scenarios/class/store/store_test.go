package store

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/scenarios/class"
	"github.com/ddsctl/ddsctl/scenarios/class/secret"
)

var now = time.Unix(1_800_000_000, 0).UTC()

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Embedded(t.Context(), dir)
	require.NoError(t, err)
	return s
}

func joined(t *testing.T, s *Store, name string) class.Student {
	t.Helper()
	who := class.Student{ID: secret.ID(), Name: name, Joined: now, Secret: secret.Hash("x")}
	require.NoError(t, s.Join(t.Context(), who))
	return who
}

func submission(lab string) class.Submission {
	return class.Submission{Version: class.Version, Key: secret.Key(), Lab: lab, Time: now,
		Exercises: map[string]class.Exercise{"share": {Attempts: 1, Points: 5, Worth: 5, Passed: &now}}}
}

func withEvidence(t *testing.T, s class.Submission, text string) class.Submission {
	packed, err := class.Pack([]byte(text))
	require.NoError(t, err)
	e := s.Exercises["share"]
	e.Evidence = packed.Digest
	s.Exercises = map[string]class.Exercise{"share": e}
	s.Evidence = map[string]class.Evidence{"share": packed}
	return s
}

// contents reads the submissions that are kept.
func contents(t *testing.T, s *Store) map[string]class.Record {
	t.Helper()
	all := map[string]class.Record{}
	require.NoError(t, s.Read(t.Context(), func(c Change) {
		if c.Submitted != nil {
			all[c.Submitted.Student+"/"+c.Submitted.Key] = *c.Submitted
		}
	}))
	return all
}

func TestASubmissionCountsOnceHoweverOftenItComes(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	who := joined(t, s, "Ada")
	sub := withEvidence(t, submission("cache"), `{"a":1}`)
	first, again, err := s.Submit(t.Context(), who.ID, sub, now)
	require.NoError(t, err)
	require.False(t, again)

	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			r, again, err := s.Submit(t.Context(), who.ID, sub, now.Add(time.Duration(i)*time.Hour))
			require.NoError(t, err)
			require.True(t, again)
			require.Equal(t, first, r, "the answer is the first one's")
		})
	}
	all.Wait()
	require.Equal(t, map[string]class.Record{who.ID + "/" + sub.Key: first}, contents(t, s))
	kept, err := s.Evidence(t.Context(), who.ID, "cache", "share", sub.Evidence["share"].Digest)
	require.NoError(t, err)
	require.Equal(t, sub.Evidence["share"].Gzip, kept)

	other := sub
	other.Lab = "other"
	_, _, err = s.Submit(t.Context(), who.ID, other, now)
	require.ErrorIs(t, err, ErrKeyUsed)
}

func TestTheSameKeyOfTwoStudentsIsTwoSubmissions(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	ada, grace, sub := joined(t, s, "Ada"), joined(t, s, "Grace"), submission("cache")
	for _, who := range []class.Student{ada, grace} {
		_, again, err := s.Submit(t.Context(), who.ID, sub, now)
		require.NoError(t, err)
		require.False(t, again)
	}
	require.Len(t, contents(t, s), 2)
}

func TestANameIsTakenOnceAndFreeAgainWhenItsOwnerIsRemoved(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	ada := joined(t, s, "Ada")
	require.ErrorIs(t, s.Join(t.Context(), class.Student{ID: secret.ID(), Name: "ADA"}), ErrNameTaken)
	joined(t, s, "../Ada")
	sub := withEvidence(t, submission("cache"), `{"a":1}`)
	_, _, err := s.Submit(t.Context(), ada.ID, sub, now)
	require.NoError(t, err)

	require.NoError(t, s.Remove(t.Context(), ada.ID))
	require.ErrorIs(t, s.Remove(t.Context(), ada.ID), ErrNoStudent)
	require.Empty(t, contents(t, s))
	_, err = s.Evidence(t.Context(), ada.ID, "cache", "share", sub.Evidence["share"].Digest)
	require.ErrorIs(t, err, ErrNoEvidence)
	_, _, err = s.Submit(t.Context(), ada.ID, submission("cache"), now)
	require.ErrorIs(t, err, ErrNoStudent, "who was removed cannot hand in any more")
	joined(t, s, "Ada")
}

func TestWhatWasKeptIsThereAfterARestart(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	who := joined(t, s, "Ada")
	made, err := s.SetClass(t.Context(), Class{Name: "one"}, false)
	require.NoError(t, err)
	require.True(t, made)
	made, err = s.SetClass(t.Context(), Class{Name: "two"}, false)
	require.NoError(t, err)
	require.False(t, made, "the first server's class stays")
	r, _, err := s.Submit(t.Context(), who.ID, submission("cache"), now)
	require.NoError(t, err)
	_, err = Embedded(t.Context(), dir)
	require.ErrorContains(t, err, "another class server")
	require.NoError(t, s.Close())

	s = open(t, dir)
	defer s.Close()
	require.Equal(t, map[string]class.Record{who.ID + "/" + r.Key: r}, contents(t, s))
	c, found, err := s.Class(t.Context())
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, "one", c.Name)
	back, err := s.Student(t.Context(), who.ID)
	require.NoError(t, err)
	require.Equal(t, who, back)
}

func TestWritersAreGroupedAndNoneIsLost(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	var all sync.WaitGroup
	want := sync.Map{}
	for i := range 40 {
		who := joined(t, s, fmt.Sprint("student ", i))
		all.Go(func() {
			for range 20 {
				// All about the same exercise, many with the same evidence: two of those cannot go into one transaction.
				r, _, err := s.Submit(t.Context(), who.ID, withEvidence(t, submission("cache"), secret.Key()[:1]), now)
				require.NoError(t, err)
				want.Store(who.ID+"/"+r.Key, true)
			}
		})
	}
	all.Wait()
	got := contents(t, s)
	require.Len(t, got, 800)
	want.Range(func(key, _ any) bool {
		require.Contains(t, got, key)
		return true
	})
}

func TestFollowersSeeTheClassAndEachChange(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	ada := joined(t, s, "Ada")
	ctx, cancel := context.WithCancel(t.Context())
	changes := make(chan Change, 100)
	ended := make(chan error, 1)
	go func() {
		ended <- s.Follow(ctx, func(c Change) { changes <- c }, func() {})
	}()
	require.True(t, (<-changes).Reset)
	require.Equal(t, ada, *(<-changes).Joined)
	grace := joined(t, s, "Grace")
	require.Equal(t, grace, *(<-changes).Joined)
	r, _, err := s.Submit(t.Context(), grace.ID, submission("cache"), now)
	require.NoError(t, err)
	require.Equal(t, r, *(<-changes).Submitted)
	require.NoError(t, s.Remove(t.Context(), grace.ID))
	require.Equal(t, Change{Left: grace.ID}, <-changes)
	require.NoError(t, s.Reset(t.Context(), ada.ID, secret.Hash("new")))
	require.True(t, (<-changes).Joined.Secret.Is("new"))
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
}

func TestABackupMakesTheClassAgain(t *testing.T) {
	s := open(t, t.TempDir())
	who := joined(t, s, "Ada")
	r, _, err := s.Submit(t.Context(), who.ID, submission("cache"), now)
	require.NoError(t, err)
	copied, err := s.Snapshot(t.Context())
	require.NoError(t, err)
	text, err := io.ReadAll(copied)
	require.NoError(t, err)
	require.NoError(t, copied.Close())
	later, _, err := s.Submit(t.Context(), who.ID, submission("cache"), now)
	require.NoError(t, err)
	require.NoError(t, s.Close())

	dir, file := t.TempDir(), filepath.Join(t.TempDir(), "backup.db")
	require.NoError(t, os.WriteFile(file, text, 0o600))
	require.NoError(t, Restore(dir, file))
	restored := open(t, dir)
	got := contents(t, restored)
	require.Contains(t, got, who.ID+"/"+r.Key)
	require.NotContains(t, got, who.ID+"/"+later.Key, "it came after the backup")
	joined(t, restored, "Grace")
	require.NoError(t, restored.Close())

	require.ErrorContains(t, Restore(dir, file), "holds a class already")
	text[len(text)/2] ^= 1
	require.NoError(t, os.WriteFile(file, text, 0o600))
	spoilt := t.TempDir()
	require.Error(t, Restore(spoilt, file), "a damaged backup is noticed")
	require.NoDirExists(t, filepath.Join(spoilt, "etcd"))
}

func TestNobodyWaitsForAStoreThatIsClosed(t *testing.T) {
	s := open(t, t.TempDir())
	who := joined(t, s, "Ada")
	require.NoError(t, s.Close())
	_, _, err := s.Submit(t.Context(), who.ID, submission("cache"), now)
	require.ErrorIs(t, err, errClosed)
}

func TestAGroupHasEachKeyOnceAndKeepsTheOrder(t *testing.T) {
	w := func(size int, keys ...string) write { return write{size: size, keys: keys} }
	batch, rest := take([]write{w(1, "a"), w(1, "b", "e"), w(1, "c", "e"), w(1, "d", "c"), w(groupBytes, "f"), w(1, "g")})
	names := func(list []write) string {
		var out []string
		for _, w := range list {
			out = append(out, w.keys[0])
		}
		return strings.Join(out, "")
	}
	require.Equal(t, "abg", names(batch))
	require.Equal(t, "cdf", names(rest), "d has a key of c, which waits, and must not overtake it")
	batch, rest = take([]write{w(2*groupBytes, "a"), w(1, "b")})
	require.Equal(t, "a", names(batch), "what is too large for others goes alone")
	require.Equal(t, "b", names(rest))
	many := make([]write, 200)
	batch, rest = take(many)
	require.Len(t, batch, groupWrites)
	require.Len(t, rest, 200-groupWrites)
}

func TestEvidenceOfAnEarlierPassStaysWithItsDigest(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	who := joined(t, s, "Ada")
	for _, text := range []string{`{"pass":1}`, `{"pass":2}`} {
		sub := withEvidence(t, submission("cache"), text)
		_, _, err := s.Submit(t.Context(), who.ID, sub, now)
		require.NoError(t, err)
	}
	for _, text := range []string{`{"pass":1}`, `{"pass":2}`} {
		digest := class.Digest([]byte(text))
		kept, err := s.Evidence(t.Context(), who.ID, "cache", "share", digest)
		require.NoError(t, err)
		got, err := class.Unpack(kept, digest)
		require.NoError(t, err)
		require.Equal(t, text, string(got), "the marks name one of them, and it is there")
	}
}
