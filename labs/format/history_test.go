package format_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs/format"
)

const histories = `version: 1
title: Histories
exercises:
  - id: lost
    title: Lost
    text: How many?
    predict:
      number:
        measure:
          history: {model: counter, target: "etcd://etcd-1", rate: 100, unguarded: true}
          count: lost
        tolerance: {absolute: 5}
  - id: keep
    title: Keep them
    text: All of them.
    do:
      checks:
        - text: nothing is lost
          history:
            model: register
            target: ["etcd://etcd-1", "etcd://etcd-2"]
            duration: 20s
            during: [{wait: 2s}, {inject: [kill, etcd-1]}]
            counts: {ok: {min: 10}}
        - text: one holder
          history: {model: lock, command: {node: vault, run: [show]}, verdict: fails}
`

func members() map[string]format.ComposeService {
	return map[string]format.ComposeService{"etcd-1": {Replicas: 1}, "etcd-2": {Replicas: 1}, "vault": {Replicas: 1}}
}

func TestAHistoryIsRead(t *testing.T) {
	lab, err := format.Decode("lab.yaml", []byte(histories))
	require.NoError(t, err)
	require.NoError(t, lab.CheckNames(members()))
	require.NoError(t, validate(t, histories))
	measure := lab.Exercises[0].Predict.Number.Measure
	require.True(t, measure.History.Unguarded)
	require.Equal(t, 10*time.Second, measure.History.For(), "as long as other checks look")
	h := lab.Exercises[1].Do.Checks[0].History
	require.Equal(t, 20*time.Second, h.For())
	require.Equal(t, []string{"kill", "etcd-1"}, h.During[1].Inject)
	require.Equal(t, 10.0, *h.Counts["ok"].Min)
}

func TestEveryMistakeInAHistoryIsNamed(t *testing.T) {
	for name, test := range map[string]struct{ old, new, want string }{
		"an unknown model":           {"model: register", "model: tree", `lab.yaml:20:20: model is "tree"`},
		"nothing to record from":     {`target: "etcd://etcd-1", rate: 100, unguarded: true`, "rate: 100", "a history needs one of command, target"},
		"two sources":                {"command: {node: vault, run: [show]}", `command: {node: vault, run: [show]}, target: "etcd://etcd-1"`, "a history has one of command, target"},
		"a protocol without history": {`"etcd://etcd-2"]`, `"mysql://etcd-2"]`, `target "mysql://etcd-2": a history is recorded over redis, etcd or http`},
		"a model not over HTTP":      {"{model: lock, command: {node: vault, run: [show]}", `{model: lock, target: "http://vault/"`, "no lock"},
		"too much":                   {"rate: 100", "rate: 900", "an exercise records at most 3000"},
		"too long a wait":            {"wait: 2s", "wait: 30s", "the steps wait for 30s, and it is recorded for 20s"},
		"no count":                   {"          count: lost\n", "", "count names one count"},
		"a count of nothing":         {`history: {model: counter, target: "etcd://etcd-1", rate: 100, unguarded: true}`, "value: errors", "only a history has counts"},
		"a verdict of a measurement": {"unguarded: true", "verdict: fails", "leave verdict and counts out"},
		"a range without an end":     {"ok: {min: 10}", "ok: {}", "say from which min"},
		"an unknown verdict":         {"verdict: fails", "verdict: broken", "verdict"},
		"what a node recorded":       {"run: [show]}, verdict: fails", "run: [show]}, clients: 3", "clients is for what is recorded from a target"},
		"a fault with an end":        {"[kill, etcd-1]", "[kill, etcd-1, --for, 5s]", "leave --for out"},
		"two kinds of check":         {"- text: one holder", "- text: one holder\n          expect: errors < 1%", "a check has one of command, expect, file, history"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, 1, strings.Count(histories, test.old), "the piece to replace is there once")
			_, err := format.Decode("lab.yaml", []byte(strings.Replace(histories, test.old, test.new, 1)))
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestTheHostsAndNodesOfAHistoryAreThoseOfTheComposeFile(t *testing.T) {
	for old, want := range map[string][2]string{
		`"etcd://etcd-2"]`: {`"etcd://etcd-3"]`, `there is no service "etcd-3"`},
		"{node: vault,":    {"{node: valt,", `there is no node "valt" in the Compose file; did you mean "vault"?`},
	} {
		lab, err := format.Decode("lab.yaml", []byte(strings.Replace(histories, old, want[0], 1)))
		require.NoError(t, err)
		require.ErrorContains(t, lab.CheckNames(members()), want[1])
	}
}
