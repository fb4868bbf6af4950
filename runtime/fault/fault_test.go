package fault

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/wire"
)

func (w *world) injector() *Injector { return New(w, w, Options{Project: "lab"}) }

func TestEachKindOnNodesDoesWhatItSaysAndIsUndone(t *testing.T) {
	for name, story := range map[string]struct {
		spec  Spec
		holds func(w *world) bool
	}{
		"kill":   {Spec{Kind: "kill", Targets: []string{"redis-2"}}, func(w *world) bool { return w.nodes["r2"].Phase == engine.PhaseExited }},
		"stop":   {Spec{Kind: "stop", Targets: []string{"proxy"}}, func(w *world) bool { return w.nodes["p1"].Phase == engine.PhaseExited }},
		"pause":  {Spec{Kind: "pause", Targets: []string{"client"}}, func(w *world) bool { return w.nodes["c1"].Phase == engine.PhasePaused }},
		"cpu":    {Spec{Kind: "cpu", Targets: []string{"redis-2"}, Params: Params{"cores": "0.05"}}, func(w *world) bool { return w.nodes["r2"].NanoCPUs == 5e7 }},
		"memory": {Spec{Kind: "memory", Targets: []string{"redis-1"}, Params: Params{"limit": "16m"}}, func(w *world) bool { return w.nodes["r1"].MemoryBytes == 16<<20 }},
		"disk":   {Spec{Kind: "disk", Targets: []string{"proxy"}}, func(w *world) bool { return w.files["p1 /data/.ddsctl-fill"] }},
		"service": {Spec{Kind: "kill", Targets: []string{"redis"}}, func(w *world) bool {
			return w.nodes["r3"].Phase == engine.PhaseExited && w.nodes["r1"].Phase == engine.PhaseExited
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			healthy := w.shape()
			faults, err := w.injector().Inject(t.Context(), story.spec)
			require.NoError(t, err)
			require.True(t, story.holds(w))
			require.Len(t, faults, 1)
			require.Equal(t, "yes", faults[0].Verified)
			require.Len(t, w.records, 1, "it is in the journal")

			listed, err := w.injector().List(t.Context())
			require.NoError(t, err)
			require.Equal(t, faults, listed)

			healed, err := w.injector().Heal(t.Context(), faults[0].ID)
			require.NoError(t, err)
			require.Len(t, healed, 1)
			require.Equal(t, healthy, w.shape())
			require.Empty(t, w.records)

			again, err := w.injector().Heal(t.Context(), faults[0].ID)
			require.NoError(t, err, "healing twice is no error")
			require.Empty(t, again)
		})
	}
}

func TestTheTightestLimitRulesAndHealingGivesBackTheNodesOwn(t *testing.T) {
	w := newWorld()
	cpu := func(cores string) string {
		faults, err := w.injector().Inject(t.Context(), Spec{Kind: "cpu", Targets: []string{"redis-2"}, Params: Params{"cores": cores}})
		require.NoError(t, err)
		return faults[0].ID
	}
	heal := func(id string) {
		_, err := w.injector().Heal(t.Context(), id)
		require.NoError(t, err)
	}
	tight, loose := cpu("0.1"), cpu("0.5")
	require.EqualValues(t, 1e8, w.nodes["r2"].NanoCPUs)
	heal(tight)
	require.EqualValues(t, 5e8, w.nodes["r2"].NanoCPUs)
	heal(loose)
	require.EqualValues(t, 2e9, w.nodes["r2"].NanoCPUs)
}

func TestANodeRunsAgainOnceNothingHoldsItDown(t *testing.T) {
	w := newWorld()
	inject := func(kind string) string {
		faults, err := w.injector().Inject(t.Context(), Spec{Kind: kind, Targets: []string{"redis-1"}})
		require.NoError(t, err)
		return faults[0].ID
	}
	frozen, dead := inject("pause"), inject("kill")
	require.Equal(t, engine.PhaseExited, w.nodes["r1"].Phase)
	_, err := w.injector().Heal(t.Context(), dead)
	require.NoError(t, err)
	require.Equal(t, engine.PhasePaused, w.nodes["r1"].Phase, "the pause still stands")
	_, err = w.injector().Heal(t.Context(), frozen)
	require.NoError(t, err)
	require.Equal(t, engine.PhaseRunning, w.nodes["r1"].Phase)
}

func TestWhatHasEndedIsHealedByWhoeverComesNext(t *testing.T) {
	w := newWorld()
	var kept []time.Time
	i := New(w, w, Options{Project: "lab", Keep: func(_ context.Context, end time.Time) error { kept = append(kept, end); return nil }})
	_, err := i.Inject(t.Context(), Spec{Kind: "kill", Targets: []string{"redis-1"}, For: 10 * time.Second})
	require.NoError(t, err)
	_, err = i.Inject(t.Context(), Spec{Kind: "pause", Targets: []string{"redis-3"}})
	require.NoError(t, err)
	require.Len(t, kept, 1, "somebody is left behind for what has an end")

	healed, next, err := w.injector().HealOverdue(t.Context())
	require.NoError(t, err)
	require.Empty(t, healed)
	require.Equal(t, kept[0], *next)

	w.now = w.now.Add(11 * time.Second)
	healed, next, err = w.injector().HealOverdue(t.Context())
	require.NoError(t, err)
	require.Len(t, healed, 1)
	require.Nil(t, next)
	require.Equal(t, engine.PhaseRunning, w.nodes["r1"].Phase)
	require.Equal(t, engine.PhasePaused, w.nodes["r3"].Phase)
}

func TestAFaultThatCannotBePutEverywhereIsPutNowhere(t *testing.T) {
	w := newWorld()
	healthy := w.shape()
	w.fail["pause r3"] = errors.New("the engine is busy")
	_, err := w.injector().Inject(t.Context(), Spec{Kind: "pause", Targets: []string{"redis"}})
	require.ErrorContains(t, err, "busy")
	require.Equal(t, healthy, w.shape())
	require.Empty(t, w.records)

	w.fail["inject cut a->b"] = errors.New("no such node")
	_, err = w.injector().Inject(t.Context(), Spec{Kind: "cut", Targets: []string{"proxy->redis-1", "a->b"}})
	require.Error(t, err)
	require.Empty(t, w.records)
}

func TestAFaultWhoseUndoFailedStaysInTheJournal(t *testing.T) {
	w := newWorld()
	faults, err := w.injector().Inject(t.Context(), Spec{Kind: "kill", Targets: []string{"redis-1"}})
	require.NoError(t, err)
	w.fail["start r1"] = errors.New("port taken")
	_, err = w.injector().HealAll(t.Context())
	require.ErrorContains(t, err, "port taken")
	require.Len(t, w.records, 1)
	delete(w.fail, "start r1")
	healed, err := w.injector().Heal(t.Context(), faults[0].ID)
	require.NoError(t, err)
	require.Len(t, healed, 1)
}

func TestTheWireIsToldWhenNodesMayHaveMoved(t *testing.T) {
	w := newWorld()
	told := 0
	i := New(w, w, Options{Project: "lab", Moved: func(context.Context) error { told++; return nil }})
	for _, story := range []struct {
		kind string
		want int
	}{{"pause", 0}, {"kill", 2}, {"restart", 4}} { // once when it is put, once when it is healed
		faults, err := i.Inject(t.Context(), Spec{Kind: story.kind, Targets: []string{"redis-1"}})
		require.NoError(t, err)
		_, err = i.Heal(t.Context(), faults[0].ID)
		require.NoError(t, err)
		require.Equal(t, story.want, told, story.kind)
	}
}

func TestADiskThatCouldNotBeFreedStaysInTheJournal(t *testing.T) {
	w := newWorld()
	healthy := w.shape()
	_, err := w.injector().Inject(t.Context(), Spec{Kind: "disk", Targets: []string{"proxy"}})
	require.NoError(t, err)
	w.fail["exec rm"] = errors.New("the engine is busy")
	_, err = w.injector().HealAll(t.Context())
	require.ErrorContains(t, err, "busy", "it is about rm, not about what stands in for it")
	require.Len(t, w.records, 1)
	clear(w.fail)
	_, err = w.injector().HealAll(t.Context())
	require.NoError(t, err)
	require.Equal(t, healthy, w.shape())
}

func TestANodeThatIsGoneHasNothingToUndo(t *testing.T) {
	w := newWorld()
	_, err := w.injector().Inject(t.Context(), Spec{Kind: "kill", Targets: []string{"redis-3"}})
	require.NoError(t, err)
	delete(w.nodes, "r3")
	healed, err := w.injector().HealAll(t.Context())
	require.NoError(t, err)
	require.Len(t, healed, 1)
	require.Empty(t, w.records)
}

func TestAVerdictIsTakenAnewWhenListed(t *testing.T) {
	w := newWorld()
	_, err := w.injector().Inject(t.Context(), Spec{Kind: "kill", Targets: []string{"redis-3"}})
	require.NoError(t, err)
	require.NoError(t, w.StartContainer(t.Context(), "r3"), "somebody starts it by hand")
	faults, err := w.injector().List(t.Context())
	require.NoError(t, err)
	require.Equal(t, "no", faults[0].Verified)
}

func TestLinksAreBrokenAsAPersonWritesThem(t *testing.T) {
	for text, story := range map[string]struct {
		spec Spec
		want []wire.Fault
		kind string
	}{
		"one way": {Spec{Kind: "cut", Targets: []string{"a->b"}}, []wire.Fault{{Kind: wire.Cut, From: []string{"a"}, To: []string{"b"}}}, "cut"},
		"isolated together": {Spec{Kind: "isolate", Targets: []string{"a", "b,c"}},
			[]wire.Fault{{Kind: wire.Cut, From: []string{"a", "b", "c"}, To: []string{wire.Any}, Both: true}}, "isolate"},
		"partition in words": {Spec{Kind: "partition", Targets: []string{"a,b", "c"}}, []wire.Fault{{Kind: wire.Cut, Sets: [][]string{{"a", "b"}, {"c"}}}}, "partition"},
		"partition in one":   {Spec{Kind: "partition", Targets: []string{"a,b|c"}}, []wire.Fault{{Kind: wire.Cut, Sets: [][]string{{"a", "b"}, {"c"}}}}, "partition"},
		"delay": {Spec{Kind: "delay", Targets: []string{"a<->b", "c"}, Params: Params{"delay": "100ms", "jitter": "10ms"}}, []wire.Fault{
			{Kind: wire.Delay, Delay: 100 * time.Millisecond, Jitter: 10 * time.Millisecond, From: []string{"a"}, To: []string{"b"}, Both: true},
			{Kind: wire.Delay, Delay: 100 * time.Millisecond, Jitter: 10 * time.Millisecond, From: []string{"c"}, To: []string{wire.Any}, Both: true},
		}, "delay"},
		"loss in percent":  {Spec{Kind: "loss", Targets: []string{"a->b"}, Params: Params{"probability": "12.5 %"}}, []wire.Fault{{Kind: wire.Loss, Probability: 0.125, From: []string{"a"}, To: []string{"b"}}}, "loss"},
		"rate with a unit": {Spec{Kind: "rate", Targets: []string{"a->b"}, Params: Params{"rate": "1.5 Mbit/s"}}, []wire.Fault{{Kind: wire.Rate, Rate: 1_500_000, From: []string{"a"}, To: []string{"b"}}}, "rate"},
		"reorder":          {Spec{Kind: "reorder", Targets: []string{"a->b"}, Params: Params{"probability": "0.5"}}, []wire.Fault{{Kind: wire.Reorder, Probability: 0.5, Delay: wire.DefaultReorderDelay, From: []string{"a"}, To: []string{"b"}}}, "reorder"},
		"duplicate":        {Spec{Kind: "duplicate", Targets: []string{"a->b"}, Params: Params{"probability": "1"}}, []wire.Fault{{Kind: wire.Duplicate, Probability: 1, From: []string{"a"}, To: []string{"b"}}}, "duplicate"},
	} {
		w := newWorld()
		story.spec.For = time.Minute
		faults, err := w.injector().Inject(t.Context(), story.spec)
		require.NoError(t, err, text)
		require.Len(t, faults, len(story.want), text)
		for i, want := range story.want {
			want.For, want.ID = time.Minute, faults[i].ID
			require.Equal(t, want, w.states[i].Fault, text)
			require.Equal(t, story.kind, faults[i].Kind, text)
			require.NotNil(t, faults[i].Expires, text)
		}
		_, err = w.injector().HealAll(t.Context())
		require.NoError(t, err)
		require.Empty(t, w.records, text)
	}
}

func TestWhatCannotBeMeantIsRefusedWithTheNextStep(t *testing.T) {
	for text, spec := range map[string]Spec{
		"no fault is called":     {Kind: "explode", Targets: []string{"redis-1"}},
		"no target":              {Kind: "kill"},
		"is a link":              {Kind: "kill", Targets: []string{"proxy->redis-1"}},
		"cores is missing":       {Kind: "cpu", Targets: []string{"redis-1"}},
		"has no parameter":       {Kind: "cut", Targets: []string{"a->b"}, Params: Params{"delay": "1s"}},
		"no node or service":     {Kind: "kill", Targets: []string{"redis-9"}},
		"not cut off":            {Kind: "partition", Targets: []string{"a,b"}},
		"is bounded by nothing":  {Kind: "disk", Targets: []string{"proxy"}, Params: Params{"path": "/logs"}},
		"no bounded volume":      {Kind: "disk", Targets: []string{"redis-1"}},
		"nothing is mounted at":  {Kind: "disk", Targets: []string{"proxy"}, Params: Params{"path": "/nowhere"}},
		"sides, not a random":    {Kind: "partition", Random: true},
		"not a list of nodes":    {Kind: "isolate", Targets: []string{"a->b"}},
		"write a->b, a<->b":      {Kind: "cut", Targets: []string{"->b"}},
		"no node or service \"w": {Kind: "kill", Targets: []string{"wire"}},
	} {
		w := newWorld()
		_, err := w.injector().Inject(t.Context(), spec)
		require.Error(t, err, text)
		require.Contains(t, err.Error()+hint.Of(err), text)
		require.NotEmpty(t, hint.Of(err), text)
		require.Empty(t, w.did, text)
		require.Empty(t, w.records, text)
	}
}

func TestParametersAreReadAsPeopleWriteThem(t *testing.T) {
	for _, wrong := range []Spec{
		{Kind: "delay", Targets: []string{"a"}, Params: Params{"delay": "-1s"}},
		{Kind: "delay", Targets: []string{"a"}, Params: Params{"delay": "fast"}},
		{Kind: "delay", Targets: []string{"a"}, Params: Params{"delay": "1s", "distribution": "pareto"}},
		{Kind: "loss", Targets: []string{"a"}, Params: Params{"probability": "110%"}},
		{Kind: "loss", Targets: []string{"a"}, Params: Params{"probability": "NaN"}},
		{Kind: "loss", Targets: []string{"a"}, Params: Params{"probability": "%"}},
		{Kind: "rate", Targets: []string{"a"}, Params: Params{"rate": "10"}},
		{Kind: "rate", Targets: []string{"a"}, Params: Params{"rate": "10bit"}},
		{Kind: "rate", Targets: []string{"a"}, Params: Params{"rate": "NaNmbit"}},
		{Kind: "cpu", Targets: []string{"a"}, Params: Params{"cores": "0"}},
		{Kind: "cpu", Targets: []string{"a"}, Params: Params{"cores": "NaN"}},
		{Kind: "memory", Targets: []string{"a"}, Params: Params{"limit": "1m"}},
		{Kind: "stop", Targets: []string{"a"}, Params: Params{"grace": "x"}},
		{Kind: "kill", Targets: []string{"a"}, For: -1},
	} {
		require.Error(t, wrong.Validate(), wrong)
	}
}

func TestARandomTargetFollowsItsSeed(t *testing.T) {
	chosen := map[string]bool{}
	for seed := range uint64(40) {
		var first string
		for range 2 {
			w := newWorld()
			faults, err := w.injector().Inject(t.Context(), Spec{Kind: "kill", Targets: []string{"redis"}, Random: true, Seed: seed})
			require.NoError(t, err)
			require.Len(t, faults[0].Nodes, 1)
			if first == "" {
				first = faults[0].Nodes[0]
			}
			require.Equal(t, first, faults[0].Nodes[0], "the same seed chooses the same")
		}
		chosen[first] = true
	}
	require.Len(t, chosen, 3, "every replica is chosen at some seed")
}

func TestEveryKindIsDescribed(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range Kinds() {
		help := k.Help()
		require.False(t, seen[help.Name], help.Name)
		seen[help.Name] = true
		require.NotEmpty(t, help.Summary)
		require.Contains(t, help.Example, help.Name)
		_, link := k.(LinkKind)
		_, node := k.(NodeKind)
		require.True(t, link != node, help.Name)
		require.Equal(t, link, help.On == OnLinks)
	}
}

// Whatever is injected and healed in whatever order, once nothing stands any more every node is what it was.
func TestHealingAlwaysLeadsBackToTheHealthyState(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		healthy := w.shape()
		i := w.injector()
		nodes := rapid.SampledFrom([]string{"redis-1", "redis-2", "redis-3", "redis", "proxy", "client"})
		ctx := t.Context()
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			switch rapid.SampledFrom([]string{"inject", "inject", "heal", "pass", "fail"}).Draw(t, "do") {
			case "inject":
				spec := Spec{Targets: []string{nodes.Draw(t, "node")}, For: time.Duration(rapid.IntRange(0, 3).Draw(t, "for")) * time.Second}
				spec.Kind = rapid.SampledFrom([]string{"kill", "stop", "restart", "pause", "cpu", "memory", "disk", "isolate", "delay"}).Draw(t, "kind")
				switch spec.Kind {
				case "cpu":
					spec.Params = Params{"cores": rapid.SampledFrom([]string{"0.1", "0.5", "3"}).Draw(t, "cores")}
				case "memory":
					spec.Params = Params{"limit": rapid.SampledFrom([]string{"16m", "64m"}).Draw(t, "limit")}
				case "delay":
					spec.Params = Params{"delay": "10ms"}
				}
				_, _ = i.Inject(ctx, spec) // what is down already may refuse
			case "heal":
				if len(w.records) > 0 {
					_, _ = i.Heal(ctx, rapid.SampledFrom(w.records).Draw(t, "which").ID)
				}
			case "pass":
				w.now = w.now.Add(2 * time.Second)
				_, _, _ = i.HealOverdue(ctx)
			case "fail":
				clear(w.fail)
				w.fail[rapid.SampledFrom([]string{"start r1", "pause r2", "update r3", "exec rm", "SIGKILL p1"}).Draw(t, "what")] = errors.New("busy")
			}
		}
		clear(w.fail)
		_, err := i.HealAll(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if got := w.shape(); got != healthy || len(w.records) != 0 {
			t.Fatalf("not healthy again:\n%s%v", got, w.records)
		}
	})
}
