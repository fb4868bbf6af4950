package flow

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var zero = time.Unix(1000, 0)

func at(seconds float64) time.Time { return zero.Add(time.Duration(seconds * float64(time.Second))) }

func TestOneItemAtATime(t *testing.T) {
	f := New(10*time.Second, zero)
	f.Can(at(0), 2)
	for i := range 5 { // one every 2 s, each worked on for 1 s
		begin := float64(2 * i)
		f.Arrived(at(begin))
		f.Is(at(begin), 1, 1)
		f.Is(at(begin+1), 0, 0)
		f.Attempted(at(begin+1), time.Second, i == 2)
		f.Left(at(begin+1), time.Second)
	}
	require.Equal(t, Stats{ArrivalRate: 0.5, Interarrival: 2, LeaveRate: 0.5, Processing: 1, TimeInSystem: 1, InSystem: 0.5, ByLittle: 0.5, LittleRatio: 1, Busy: 0.5, Slots: 2, Utilisation: 0.25, FailedShare: 0.2},
		f.Stats(at(10)))
	require.Equal(t, Stats{Slots: 2}, f.Stats(at(1000)), "the window sees nothing but the slots any more")
}

func TestBeforeAnythingWasSeen(t *testing.T) {
	f := New(time.Minute, zero)
	require.Equal(t, Stats{}, f.Stats(zero))
	require.Equal(t, Stats{}, f.Stats(at(1)))
}

// Little's law is exact wherever a system is empty at the window's beginning and end, whatever comes in between, in whatever order it is served.
func TestLittlesLaw(t *testing.T) {
	type visit struct{ from, to float64 }
	rapid.Check(t, func(t *rapid.T) {
		var visits []visit
		for range rapid.IntRange(1, 40).Draw(t, "items") {
			from := rapid.Float64Range(0, 90).Draw(t, "from")
			visits = append(visits, visit{from, from + rapid.Float64Range(0.001, 9).Draw(t, "stay")})
		}
		type event struct {
			at    float64
			visit *visit // that is over; nil where one begins
		}
		var events []event
		for i, v := range visits {
			events = append(events, event{v.from, nil}, event{v.to, &visits[i]})
		}
		slices.SortFunc(events, func(a, b event) int { return at(a.at).Compare(at(b.at)) })
		f, here := New(time.Hour, zero), 0
		for _, e := range events {
			if e.visit == nil {
				here++
				f.Arrived(at(e.at))
			} else {
				here--
				f.Left(at(e.at), at(e.visit.to).Sub(at(e.visit.from)))
			}
			f.Is(at(e.at), here, here)
		}
		s := f.Stats(at(100))
		require.InDelta(t, s.ByLittle, s.InSystem, 1e-6)
		require.InDelta(t, float64(len(visits))/100, s.ArrivalRate, 1e-9)
	})
}
