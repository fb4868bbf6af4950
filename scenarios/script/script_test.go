package script

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs/mark"
)

const good = `
version: 1
title: A shard is lost
lab: sharded-redis
workloads:
  - {name: shop, target: "redis://twemproxy:22121", arrival: {rate: 100}}
phases:
  - {name: steady, for: 10s}
  - name: loss
    for: 10s
    until: errors > 50% for 2s
    traffic: [{workload: shop, rate: 200}]
    steps:
      - {name: kill, inject: [kill, redis-2]}
      - {name: heal, when: errors > 5% for 3s, within: 8s, heal: kill}
      - {at: 9s, run: {node: redis-1, run: [redis-cli, ping], match: PONG}}
histories:
  - {model: register, target: "redis://twemproxy:22121"}
figures:
  - title: Errors, by dead shards
    parameter: dead shards
    lines: [{name: seen, value: errors, at: {steady: 0, loss: 1}}, {name: a third, formula: x/3}]
expect:
  - p99 < 50ms during steady
  - errors > 15% between kill and heal
`

func TestAScenarioIsRead(t *testing.T) {
	s, err := Decode("s.yaml", []byte(good))
	require.NoError(t, err)
	require.Equal(t, 20*time.Second, s.Length())
	require.Equal(t, uint64(1), s.Seed, "a run without a seed would be another each time")
	all, err := s.Expectations(Compare{Expect: []string{"errors < 1%"}})
	require.NoError(t, err)
	require.Len(t, all, 3)
	require.Equal(t, 200.0, *s.Phases[1].Traffic[0].Change().Rate)
}

// Each mistake is made by replacing one piece of a good scenario.
func TestEveryMistakeIsNamedWithItsPlace(t *testing.T) {
	for name, story := range map[string]struct{ old, new, want string }{
		"unknown key":          {"title: A", "titel: A", `s.yaml:3:1: unknown key "titel"; did you mean "title"?`},
		"another version":      {"version: 1", "version: 2", "s.yaml:2:"},
		"no phases":            {"phases:", "phasen:", `unknown key "phasen"; did you mean "phases"?`},
		"phase twice":          {"name: loss", "name: steady", `there are two phases called "steady"`},
		"step twice":           {"name: heal", "name: kill", `there are two steps called "kill"`},
		"expectation":          {"p99 < 50ms", "p99 < 50", "needs a unit"},
		"unknown phase":        {"during steady", "during stedy", `there is no phase "stedy"; did you mean "steady"?`},
		"unknown step":         {"between kill and heal", "between kil and heal", `there is no step "kil"; did you mean "kill"?`},
		"condition":            {"until: errors > 50% for 2s", "until: errors > 50ms", "s.yaml:"},
		"unknown fault":        {"[kill, redis-2]", "[explode, redis-2]", "no fault is called"},
		"fault without target": {"[kill, redis-2]", "[kill]", "no target"},
		"heal of nothing":      {"heal: kill}", "heal: cut}", `there is no step before it "cut"`},
		"two acts":             {"inject: [kill, redis-2]}", "inject: [kill, redis-2], heal: all}", "does one of inject, heal"},
		"no act":               {", inject: [kill, redis-2]}", "}", "this one does 0"},
		"too late":             {"at: 9s", "at: 11s", "the phase lasts 10s"},
		"within alone":         {"when: errors > 5% for 3s, ", "", "within bounds a condition"},
		"pattern":              {"match: PONG", `match: "("`, "missing closing"},
		"traffic":              {"{workload: shop, rate: 200}", "{workload: shop}", "changes nothing"},
		"too short":            {"{name: steady, for: 10s}", "{name: steady, for: 1ms}", "a phase lasts from"},
		"history":              {"model: register", "model: tree", "s.yaml:"},
		"figure":               {"at: {steady: 0, loss: 1}", "at: {stedy: 0}", `s.yaml:`},
		"formula":              {"formula: x/3", "formula: y/3", "unknown word"},
		"workload":             {"arrival: {rate: 100}", "arrival: {rate: -1}", "s.yaml:6:"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, 1, strings.Count(good, story.old), "the piece to replace is there once")
			_, err := Decode("s.yaml", []byte(strings.Replace(good, story.old, story.new, 1)))
			require.ErrorContains(t, err, story.want)
			var problems mark.Problems
			require.True(t, errors.As(err, &problems))
			require.NotZero(t, problems[0].Line)
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(good)
	f.Add("version: 1\nphases: [{name: a, for: 1s, steps: [{inject: [delay, a, --delay]}]}]\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Decode("s.yaml", []byte(text))
		if err != nil {
			return
		}
		for _, entry := range append(s.Compare, Compare{}) {
			if _, err := s.Expectations(entry); err != nil {
				t.Fatalf("an expectation of a valid scenario does not compile: %v", err)
			}
		}
	})
}
