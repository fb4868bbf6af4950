package act_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ddsctl/ddsctl/runtime/fault"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/tui/act"
)

func TestActsSayTheCommandThatDoesTheSame(t *testing.T) {
	one, several := act.Lab{}, act.Lab{Name: "second"}
	for _, c := range []struct {
		a    act.Act
		want string
	}{
		{one.Fault("kill", []string{"redis-2"}), "ddsctl fault inject kill redis-2"},
		{one.Fault("delay", []string{"a->b"}, "--delay", "100ms"), "ddsctl fault inject delay 'a->b' --delay 100ms"},
		{several.Fault("kill", []string{"redis-2"}), "ddsctl fault inject kill second redis-2"},
		{one.Rate("kv", 500, 625), "ddsctl traffic set kv --rate 625"},
		{several.Scale("web", 3, 4), "ddsctl lab scale second web=4"},
		{one.Shell("redis-1"), "ddsctl lab shell redis-1"},
		{several.Check("eject"), "ddsctl exercise check --lab second eject"},
		{one.Answer("lost-keys"), "ddsctl exercise answer lost-keys"},
		{one.Scenario("shard-loss", ""), "ddsctl scenario run shard-loss"},
		{one.Scenario("shard-loss", "second"), "ddsctl scenario run shard-loss --name second"},
		{one.HealAll(), "ddsctl fault heal --all"},
		{act.Up("sharded-redis"), "ddsctl lab up sharded-redis"},
	} {
		require.Equal(t, c.want, c.a.Command())
	}
}

func TestWhatIsOfferedIsWhatFaultInjectTakes(t *testing.T) {
	links := []telemetry.Link{{From: "twemproxy", To: "redis-2"}, {From: "x", To: "y"}}
	kinds := map[string]bool{}
	for _, a := range (act.Lab{}).Faults("redis-2", links) {
		spec, err := fault.Parse(a.Args[2:])
		require.NoError(t, err, a.Command())
		kinds[spec.Kind] = true
		require.NotContains(t, a.Title, "x->y")
	}
	for _, kind := range fault.Kinds() {
		if name := kind.Help().Name; name != "partition" { // wants groups of nodes
			require.True(t, kinds[name], name)
		}
	}
}

func TestTypedWordsAreTakenApartAsAShellDoes(t *testing.T) {
	words, err := act.Split(`ddsctl fault  inject cut 'a->b' --for "10 s"`)
	require.NoError(t, err)
	require.Equal(t, []string{"fault", "inject", "cut", "a->b", "--for", "10 s"}, words)
	_, err = act.Split("fault 'x")
	require.ErrorContains(t, err, "not closed")
	rapid.Check(t, func(t *rapid.T) {
		args := rapid.SliceOf(rapid.StringMatching(`[a-z '"$>|-]{1,12}`)).Draw(t, "args")
		back, err := act.Split(act.Command(args))
		require.NoError(t, err)
		require.Equal(t, append([]string{}, args...), append([]string{}, back...))
	})
}

func TestNoRateIsStrangeEnoughToHangOn(t *testing.T) {
	for _, rate := range []float64{math.Inf(1), math.Inf(-1), math.NaN(), -5, 1e300, 0} {
		require.GreaterOrEqual(t, act.Step(rate, 1), 1.0)
		require.GreaterOrEqual(t, act.Step(rate, -1), 1.0)
	}
}

func TestARateStepsUpAndDownInRoundFigures(t *testing.T) {
	require.InDelta(t, 650, act.Step(500, 1), 26)
	require.InDelta(t, 400, act.Step(500, -1), 1)
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.Float64Range(1, 1e6).Draw(t, "rate")
		require.Greater(t, act.Step(rate, 1), rate)
		require.LessOrEqual(t, act.Step(rate, -1), rate)
		require.GreaterOrEqual(t, act.Step(rate, -1), 1.0)
	})
}
