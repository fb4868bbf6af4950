package traffic

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestAWakeEndsAWaitWheneverItComes(t *testing.T) {
	p, err := newPacer()
	require.NoError(t, err)
	defer p.close()
	ended := func(before bool) {
		done := make(chan struct{})
		if before {
			p.wake()
		}
		go func() {
			defer close(done)
			p.wait(time.Hour)
		}()
		if !before {
			time.Sleep(time.Millisecond) // most likely in the wait by now; right either way
			p.wake()
		}
		select {
		case <-done:
		case <-time.After(30 * time.Second):
			t.Fatal("the wait goes on")
		}
	}
	for range 50 {
		ended(true)
		ended(false)
	}
}

func TestAWaitLastsAsLongAsItShould(t *testing.T) {
	p, err := newPacer()
	require.NoError(t, err)
	defer p.close()
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(0, int64(3*time.Millisecond)).Draw(t, "wait"))
		began := time.Now()
		p.wait(d)
		require.GreaterOrEqual(t, time.Since(began), d)
	})
}
