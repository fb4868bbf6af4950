package lock

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheSecondWaitsAndIsToldWhoHoldsTheLock(t *testing.T) {
	dir := t.TempDir()
	first, err := Acquire(t.Context(), dir, "engine lab", nil)
	require.NoError(t, err)

	waiting := make(chan Holder, 1)
	got := make(chan error, 1)
	go func() {
		second, err := Acquire(t.Context(), dir, "engine lab", func(h Holder) { waiting <- h })
		if err == nil {
			err = second.Release()
		}
		got <- err
	}()
	holder := <-waiting
	require.Equal(t, os.Getpid(), holder.PID)
	require.Equal(t, "engine lab", holder.Key)
	require.NoError(t, first.Release())
	require.NoError(t, <-got)
	require.NoError(t, first.Release(), "twice does no harm")

	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left, "no file stays behind")
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	dir := t.TempDir()
	held, err := Acquire(t.Context(), dir, "k", nil)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	_, err = Acquire(ctx, dir, "k", func(Holder) { cancel() })
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, fmt.Sprint(os.Getpid()))
	require.NoError(t, held.Release())
}

func TestOtherKeysAreOtherLocks(t *testing.T) {
	dir := t.TempDir()
	a, err := Acquire(t.Context(), dir, "a", nil)
	require.NoError(t, err)
	b, err := Acquire(t.Context(), dir, "b", func(Holder) { t.Error("waited") })
	require.NoError(t, err)
	require.False(t, a.Inherited())
	require.NoError(t, a.Release())
	require.NoError(t, b.Release())
}

func TestTheNextHolderKnowsThatALockWasAbandoned(t *testing.T) {
	dir := t.TempDir()
	for _, inherited := range []bool{false, true, false} {
		l, err := Acquire(t.Context(), dir, "k", func(Holder) { t.Error("waited") })
		require.NoError(t, err)
		require.Equal(t, inherited, l.Inherited())
		if inherited {
			require.NoError(t, l.Release())
		} else {
			require.NoError(t, l.Abandon())
		}
	}
}

// Removing the file on release is where such locks go wrong: two processes may hold "the" lock on different files.
func TestNeverTwoHoldersAlthoughTheFileIsRemoved(t *testing.T) {
	dir := t.TempDir()
	var inside, entries atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 10 {
				l, err := Acquire(t.Context(), dir, "k", nil)
				if err != nil {
					t.Error(err)
					return
				}
				if inside.Add(1) != 1 {
					t.Error("two hold the lock")
				}
				entries.Add(1)
				inside.Add(-1)
				if err := l.Release(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 80, entries.Load())
}

// TestMain lets the test binary be the process that is killed while it holds the lock.
func TestMain(m *testing.M) {
	if dir := os.Getenv("DDSCTL_LOCK_TEST_DIR"); dir != "" {
		if _, err := Acquire(context.Background(), dir, "k", nil); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("held")
		select {}
	}
	os.Exit(m.Run())
}

func TestALockGoesWhenItsHolderIsKilled(t *testing.T) {
	dir := t.TempDir()
	holder := exec.CommandContext(t.Context(), os.Args[0])
	holder.Env = append(os.Environ(), "DDSCTL_LOCK_TEST_DIR="+dir)
	out, err := holder.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, holder.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "held\n", line)

	l, err := Acquire(t.Context(), dir, "k", func(h Holder) {
		require.Equal(t, holder.Process.Pid, h.PID)
		require.NoError(t, holder.Process.Kill())
	})
	require.NoError(t, err)
	require.True(t, l.Inherited())
	require.NoError(t, l.Release())
	require.Error(t, holder.Wait(), "it was killed")
}

func TestSharersKeepOutWhoWantsTheLockAlone(t *testing.T) {
	dir := t.TempDir()
	first, err := Share(t.Context(), dir, "k")
	require.NoError(t, err)
	second, err := Share(t.Context(), dir, "k")
	require.NoError(t, err)
	require.NoError(t, first.Release())
	alone, err := Try(dir, "k")
	require.NoError(t, err)
	require.Nil(t, alone, "the second shares it still")
	require.NoError(t, second.Release())
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left, "the last takes the file along")

	alone, err = Try(dir, "k")
	require.NoError(t, err)
	require.NotNil(t, alone)
	require.False(t, alone.Inherited())
	ctx, cancel := context.WithTimeout(t.Context(), 2*retry)
	defer cancel()
	_, err = Share(ctx, dir, "k")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, fmt.Sprint(os.Getpid()))
	require.NoError(t, alone.Release())
}

func TestNobodyIsInsideWithWhoHasASharedLockAlone(t *testing.T) {
	dir := t.TempDir()
	var sharers, alone atomic.Int32
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 20 {
				take, mine, other := Share, &sharers, &alone
				if i%4 == 0 {
					take = func(ctx context.Context, dir, key string) (*Lock, error) { return Acquire(ctx, dir, key, nil) }
					mine, other = &alone, &sharers
				}
				l, err := take(t.Context(), dir, "k")
				if err != nil {
					t.Error(err)
					return
				}
				if n := mine.Add(1); other.Load() != 0 || i%4 == 0 && n != 1 {
					t.Error("somebody is alone with others")
				}
				mine.Add(-1)
				if err := l.Release(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
