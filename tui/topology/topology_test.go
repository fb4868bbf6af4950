package topology_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/tui/cell"
	"github.com/ddsctl/ddsctl/tui/synth"
	"github.com/ddsctl/ddsctl/tui/topology"
)

var start = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func draw(v *topology.View, w, h int, p topology.Picture) string {
	c := cell.New(w, h)
	v.Draw(c.All(), p)
	return c.Encode(&cell.Palette{Plain: true})
}

func watched(shape synth.Shape, steps int) (*synth.Lab, *topology.Memory, *topology.View) {
	lab, m := synth.New(shape, 1, start), topology.NewMemory()
	for range steps {
		m.Update(lab.Next())
	}
	return lab, m, topology.NewView(m)
}

func TestWhatIsDeclaredLooksUnlikeWhatIsUsed(t *testing.T) {
	_, _, v := watched(synth.ThreeTier(), 3)
	frame := draw(v, 140, 30, topology.Picture{Still: true})
	require.Contains(t, frame, "silent")
	require.Contains(t, frame, "╌")
	require.Contains(t, frame, "━")
}

func TestAFaultOnALinkIsNamedThere(t *testing.T) {
	lab, m, v := watched(synth.ShardedRedis(), 3)
	lab.Fault("cut", "twemproxy->redis-2", "")
	m.Update(lab.Next())
	require.Contains(t, draw(v, 100, 20, topology.Picture{Still: true}), "✗ cut")
}

func TestMotionGoesFromTheClientToTheLeaves(t *testing.T) {
	_, _, v := watched(synth.ShardedRedis(), 3)
	dots := func(phase int) (columns []int) {
		for line := range strings.SplitSeq(draw(v, 120, 20, topology.Picture{Phase: phase}), "\n") {
			if strings.Contains(line, "493/s 2") { // the link of the client
				for i, c := range []rune(line) {
					if c == '•' {
						columns = append(columns, i)
					}
				}
			}
		}
		return columns
	}
	before, after := dots(1), dots(2)
	require.NotEmpty(t, before)
	require.Equal(t, before[0]+1, after[0])
}

func TestReplicasFoldWhereThereIsNoRoom(t *testing.T) {
	_, _, v := watched(synth.Thirty(), 3)
	require.NotContains(t, draw(v, 150, 50, topology.Picture{Still: true}), "×")
	small := draw(v, 70, 12, topology.Picture{Still: true})
	require.Contains(t, small, "db ×12")
}

// A node that dies, is cut off or vanishes keeps its place, and so do all others.
func TestNothingMovesWhenSomethingDies(t *testing.T) {
	shapes := []synth.Shape{synth.ShardedRedis(), synth.ThreeTier(), synth.Kafka(), synth.Thirty(), synth.Hundred()}
	rapid.Check(t, func(t *rapid.T) {
		lab, m, v := watched(rapid.SampledFrom(shapes).Draw(t, "shape"), 2)
		w, h := rapid.IntRange(20, 220).Draw(t, "w"), rapid.IntRange(5, 70).Draw(t, "h")
		draw(v, w, h, topology.Picture{})
		names := m.Names()
		before := map[string]cell.Rect{}
		for _, n := range names {
			if place, ok := v.Place(n); ok {
				before[n] = place
			}
		}
		for range rapid.IntRange(1, 6).Draw(t, "deaths") {
			victim := rapid.SampledFrom(names).Draw(t, "victim")
			switch rapid.IntRange(0, 3).Draw(t, "how") {
			case 0:
				lab.Kill(victim)
			case 1:
				lab.Vanish(victim)
			case 2:
				lab.Fault("pause", victim, "", victim)
			case 3:
				lab.Heal("")
			}
			m.Update(lab.Next())
			draw(v, w, h, topology.Picture{Phase: 3})
			for name, place := range before {
				now, ok := v.Place(name)
				require.True(t, ok, "%s is still drawn", name)
				require.Equal(t, place, now, "%s has not moved", name)
			}
		}
	})
}

func TestAVanishedNodeIsAGhostUntilItIsForgotten(t *testing.T) {
	lab, m, v := watched(synth.ShardedRedis(), 2)
	lab.Vanish("redis-2")
	m.Update(lab.Next())
	require.Contains(t, draw(v, 100, 20, topology.Picture{}), "◌ redis-2")
	m.Forget()
	require.NotContains(t, draw(v, 100, 20, topology.Picture{}), "redis-2")
}

func TestKeysMoveTheSelectionAlongTheLayers(t *testing.T) {
	_, _, v := watched(synth.ShardedRedis(), 2)
	draw(v, 100, 20, topology.Picture{})
	v.Move(cell.East)
	require.Equal(t, "client", v.Selected())
	v.Move(cell.East)
	require.Equal(t, "twemproxy", v.Selected())
	v.Move(cell.East)
	require.Equal(t, "redis-2", v.Selected())
	v.Move(cell.South)
	require.Equal(t, "redis-3", v.Selected())
	v.Move(cell.South)
	require.Equal(t, "redis-3", v.Selected(), "there is nothing below")
	place, _ := v.Place("redis-1")
	require.NotZero(t, place.W)
}

func TestEveryBoxIsHitByTheMouseWhereItIsDrawn(t *testing.T) {
	_, _, v := watched(synth.ShardedRedis(), 2)
	frame := draw(v, 100, 20, topology.Picture{Still: true})
	for y, text := range strings.Split(frame, "\n") {
		if i := strings.Index(text, "redis-3"); i >= 0 {
			id, ok := v.Hit(len([]rune(text[:i])), y)
			require.True(t, ok)
			require.Equal(t, "redis-3", id)
			return
		}
	}
	require.Fail(t, "redis-3 is not drawn", frame)
}

func TestAWindowOntoALargerPlanCanBeMoved(t *testing.T) {
	_, _, v := watched(synth.Thirty(), 2)
	draw(v, 80, 20, topology.Picture{})
	v.Zoom(6)
	draw(v, 80, 20, topology.Picture{})
	require.True(t, v.Larger())
	require.Contains(t, draw(v, 80, 20, topology.Picture{}), "▶")
	v.Pan(1000, 1000)
	require.Contains(t, draw(v, 80, 20, topology.Picture{}), "◀")
	v.Zoom(0)
	draw(v, 80, 20, topology.Picture{})
	require.False(t, v.Larger())
}

func TestLook(t *testing.T) {
	if !testing.Verbose() {
		t.Skip("draws for the eye only; go test -v")
	}
	for _, shape := range []synth.Shape{synth.ShardedRedis(), synth.ThreeTier(), synth.Kafka(), synth.Thirty(), synth.Hundred()} {
		for _, size := range [][2]int{{78, 16}, {100, 24}, {150, 50}} {
			_, _, v := watched(shape, 3)
			fmt.Printf("%s %v\n%s\n", shape.Lab, size, draw(v, size[0], size[1], topology.Picture{Phase: 4}))
		}
	}
}

func BenchmarkDrawAHundredNodes(b *testing.B) {
	lab, m, v := watched(synth.Hundred(), 3)
	c := cell.New(200, 60)
	rnd := rand.New(rand.NewPCG(1, 2))
	for b.Loop() {
		c.Reset(200, 60)
		if rnd.IntN(5) == 0 {
			b.StopTimer()
			s := lab.Next()
			b.StartTimer()
			m.Update(s)
		}
		v.Draw(c.All(), topology.Picture{Phase: 1})
	}
}

func TestStatesDifferWithoutColourAndWithoutUnicode(t *testing.T) {
	seen := map[byte]string{}
	for _, n := range []telemetry.Node{
		{Phase: engine.PhaseRunning, Health: telemetry.HealthReady}, {Phase: engine.PhaseRunning, Health: telemetry.HealthStarting},
		{Phase: engine.PhaseRunning, Health: telemetry.HealthFailing}, {Phase: engine.PhaseExited, Health: telemetry.HealthDown},
		{Phase: engine.PhaseRunning, Health: telemetry.HealthUnknown}, {Phase: engine.PhasePaused}, {Phase: engine.PhaseExited, ExitCode: new(int)},
	} {
		mark := topology.Of(n)
		letter := cell.ASCII(mark.Symbol)
		require.NotEqual(t, byte('?'), letter, mark.Word)
		require.Empty(t, seen[letter], "%s looks like %s", mark.Word, seen[letter])
		seen[letter] = mark.Word
	}
	for _, symbol := range []rune{topology.FaultMark, '★', '◆', '◇', '◌', '•', '▶', '◀'} {
		require.NotEqual(t, byte('?'), cell.ASCII(symbol), "%c", symbol)
	}
}
