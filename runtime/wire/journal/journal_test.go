package journal

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/wire"
)

// clock is set by the test.
type clock struct {
	now    time.Time
	uptime time.Duration
	boot   string
}

func (c *clock) Now() time.Time        { return c.now }
func (c *clock) Uptime() time.Duration { return c.uptime }
func (c *clock) Boot() string          { return c.boot }

// pass lets time go by, on both clocks.
func (c *clock) pass(d time.Duration) {
	c.now, c.uptime = c.now.Add(d), c.uptime+d
}

func newClock() *clock {
	return &clock{now: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC), uptime: time.Hour, boot: "first"}
}

func open(t *testing.T, path string, c *clock) *Journal {
	t.Helper()
	j, err := Open(path, c)
	require.NoError(t, err)
	return j
}

func put(t *testing.T, j *Journal, r wire.Record) wire.Record {
	t.Helper()
	r, err := j.Put(r)
	require.NoError(t, err)
	return r
}

func ids(j *Journal) []string {
	var all []string
	for _, r := range j.Records() {
		all = append(all, r.ID)
	}
	return all
}

func TestARecordGetsItsIDAndItsTimes(t *testing.T) {
	c := newClock()
	j := open(t, filepath.Join(t.TempDir(), "deep", "journal.json"), c)
	r := put(t, j, wire.Record{Kind: "pause", Target: "redis-1", For: time.Minute, Undo: json.RawMessage(`{"id":"abc"}`)})
	require.Equal(t, "pause-1", r.ID)
	require.Equal(t, c.now, r.Start)
	require.Equal(t, c.now.Add(time.Minute), *r.Expires)
	require.Equal(t, "kill-2", put(t, j, wire.Record{Kind: "kill"}).ID)
	require.NoError(t, j.Delete("kill-2", "no-such"))
	require.Equal(t, "kill-3", put(t, j, wire.Record{Kind: "kill"}).ID, "an ID means one fault, also when it is over")
	require.Equal(t, "mine", put(t, j, wire.Record{ID: "mine"}).ID)
	require.Equal(t, []string{"pause-1", "kill-3", "mine"}, ids(j))
}

func TestWhatWasWrittenIsThereAfterARestart(t *testing.T) {
	c, path := newClock(), filepath.Join(t.TempDir(), "journal.json")
	j := open(t, path, c)
	link := &wire.Fault{Kind: wire.Cut, From: []string{"a"}, To: []string{"b"}}
	want := put(t, j, wire.Record{Kind: "cut", Link: link, For: time.Minute})
	c.pass(20 * time.Second)
	again := open(t, path, c)
	require.Equal(t, []wire.Record{want}, again.Records())
	left, forever := again.Left(want.ID)
	require.False(t, forever)
	require.Equal(t, 40*time.Second, left)
	require.Equal(t, "cut-2", put(t, again, wire.Record{Kind: "cut"}).ID)
}

func TestAFaultExpiresByAClockThatNobodySets(t *testing.T) {
	c := newClock()
	j := open(t, filepath.Join(t.TempDir(), "journal.json"), c)
	r := put(t, j, wire.Record{Kind: "cut", For: time.Minute})
	c.now = c.now.Add(24 * time.Hour) // somebody sets the clock
	require.False(t, j.Records()[0].Overdue)
	c.pass(time.Minute)
	require.True(t, j.Records()[0].Overdue)
	left, forever := j.Left(r.ID)
	require.Zero(t, left)
	require.False(t, forever)
	_, forever = j.Left(put(t, j, wire.Record{Kind: "cut"}).ID)
	require.True(t, forever)
}

func TestARecordThatIsWrittenAnewKeepsItsEnd(t *testing.T) {
	c := newClock()
	j := open(t, filepath.Join(t.TempDir(), "journal.json"), c)
	r := put(t, j, wire.Record{Kind: "pause", For: time.Minute})
	c.pass(45 * time.Second)
	r.Detail = "done"
	put(t, j, r)
	require.Len(t, j.Records(), 1)
	left, _ := j.Left(r.ID)
	require.Equal(t, 15*time.Second, left)
}

func TestAfterAnotherBootTheWallClockSaysWhatIsLeft(t *testing.T) {
	c, path := newClock(), filepath.Join(t.TempDir(), "journal.json")
	j := open(t, path, c)
	put(t, j, wire.Record{Kind: "short", For: time.Minute})
	put(t, j, wire.Record{Kind: "long", For: time.Hour})
	c.now, c.uptime, c.boot = c.now.Add(30*time.Minute), time.Second, "second"
	again := open(t, path, c)
	require.True(t, again.Records()[0].Overdue)
	left, _ := again.Left("long-2")
	require.Equal(t, 30*time.Minute, left)
}

func TestADamagedJournalIsPutAsideAndSaidSo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.json")
	require.NoError(t, os.WriteFile(path, []byte(`{"entries":[`), 0o600))
	j, err := Open(path, newClock())
	require.ErrorIs(t, err, ErrDamaged)
	require.Empty(t, j.Records())
	put(t, j, wire.Record{Kind: "cut"})
	kept, err := os.ReadFile(path + ".damaged")
	require.NoError(t, err)
	require.Equal(t, `{"entries":[`, string(kept))
}

func TestWhatCannotBeWrittenDoesNotStand(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "journal")
	j := open(t, filepath.Join(folder, "journal.json"), newClock())
	put(t, j, wire.Record{Kind: "cut"})
	require.NoError(t, os.RemoveAll(folder))
	_, err := j.Put(wire.Record{Kind: "cut"})
	require.ErrorContains(t, err, "write the journal")
	require.Equal(t, []string{"cut-1"}, ids(j))
	require.Error(t, j.Delete("cut-1"))
	require.Equal(t, []string{"cut-1"}, ids(j))
}

func TestNoFileIsLeftHalfWritten(t *testing.T) {
	folder := t.TempDir()
	j := open(t, filepath.Join(folder, "journal.json"), newClock())
	for range 5 {
		put(t, j, wire.Record{Kind: "cut"})
	}
	files, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, files, 1)
}
