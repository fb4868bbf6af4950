package format_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs/format"
	"github.com/ddsctl/ddsctl/labs/mark"
	"github.com/ddsctl/ddsctl/labs/workload"
	"github.com/ddsctl/ddsctl/runtime/ready"
)

const whole = `# a lab with a bit of everything
version: 1
title: Sharded Redis
chapter: 3
pattern: ambassador
summary: twemproxy in front of three shards
services:
  proxy:
    kind: twemproxy
    role: ambassador
    ready: [{tcp: 22121, within: 20s}]
    stats: {port: 22222}
  redis-1: &shard
    kind: redis
    role: shard
    ready:
      - command: [redis-cli, -p, 6379, ping]
        attempt: 500ms
      - http: {port: 80, path: /ok, status: 200-204, body: "^ok"}
      - log: "ready to accept"
  redis-2:
    <<: *shard
    role: spare
links:
  - {from: client, to: proxy, port: 22121}
  - {from: proxy, to: redis-1, port: 6379, label: get, protocol: tcp}
workloads:
  - name: shop
    target: redis://proxy:22121
    arrival: {process: poisson, rate: 200}
    keys: {distribution: zipfian, preload: true}
urls:
  - {service: proxy, port: 22121, scheme: redis, label: the proxy}
try:
  - {run: redis-cli -p 22121 ping, about: a sign of life}
exercises:
  - id: how-many
    title: How many?
    text: Guess.
    predict:
      choices: [{key: a, text: one}, {key: b, text: two}]
      answer: b
    hints: [{text: count, cost: 1}]
    explanation: Two it is.
  - id: share
    title: The share
    text: How much?
    points: 3
    needs: [how-many]
    predict:
      number:
        unit: "%"
        min: 0
        max: 100
        measure: {steps: [{inject: [kill, redis-1]}, {wait: 1s}], value: "errors{workload=shop}", scale: 100}
        tolerance: {absolute: 8}
`

func TestALabIsRead(t *testing.T) {
	lab, err := format.Decode("lab.yaml", []byte(whole))
	require.NoError(t, err)
	require.Equal(t, "Sharded Redis", lab.Title)
	require.Equal(t, 3, lab.Chapter)
	require.Equal(t, "spare", lab.Services["redis-2"].Role, "its own key wins over the merged one")
	require.Equal(t, "redis", lab.Services["redis-2"].Kind)
	require.Equal(t, []ready.Probe{
		{Kind: ready.Command, Command: []string{"redis-cli", "-p", "6379", "ping"}, Attempt: 500 * time.Millisecond},
		{Kind: ready.HTTP, Port: 80, Path: "/ok", Status: [2]int{200, 204}, Pattern: "^ok"},
		{Kind: ready.Log, Pattern: "ready to accept"},
	}, lab.Probes()["redis-2"])
	require.Equal(t, ready.Probe{Kind: ready.TCP, Port: 22121, Bound: 20 * time.Second}, lab.Probes()["proxy"][0])
	require.Equal(t, workload.ProcessPoisson, lab.Workloads[0].Arrival.Process)
	require.Equal(t, format.KindPredict, lab.Exercises[0].Kind())
	require.True(t, lab.Exercises[0].Predict.Answer.Is("how-many", "b"))
	require.Equal(t, 3, lab.Exercises[1].Worth())
	require.Equal(t, 100.0, *lab.Exercises[1].Predict.Number.Max)
	require.Equal(t, []string{"kill", "redis-1"}, lab.Exercises[1].Predict.Number.Measure.Steps[0].Inject)
}

// TestEveryMistakeIsNamedWithItsPlace replaces one line of a good lab and looks at what is said about it.
func TestEveryMistakeIsNamedWithItsPlace(t *testing.T) {
	for name, test := range map[string]struct {
		old, new string
		want     string // a part of the message, with its place
		mark     string // what is marked
	}{
		"unknown key at the top":    {"pattern: ambassador", "patern: ambassador", `lab.yaml:5:1: unknown key "patern"; did you mean "pattern"?`, "patern"},
		"unknown key deep down":     {"keys: {distribution: zipfian,", "keys: {distibution: zipfian,", `lab.yaml:31:12: unknown key "distibution"; did you mean "distribution"?`, "distibution"},
		"unknown key, no idea":      {"try:", "banana:", `unknown key "banana"; known here: version, title`, "banana"},
		"a number where text lists": {"chapter: 3", "chapter: three", `lab.yaml:4:10: chapter must be a whole number, and is the text "three"`, "three"},
		"out of range":              {"chapter: 3", "chapter: 300", "lab.yaml:4:10: chapter is 300, and must be from 1 to 99", "300"},
		"a port out of range":       {"stats: {port: 22222}", "stats: {port: 222222}", "lab.yaml:12:19: port is 222222, which is out of range", "222222"},
		"a negative port":           {"stats: {port: 22222}", "stats: {port: -1}", "lab.yaml:12:19: port is -1, which is out of range", "-1"},
		"a version from the future": {"version: 1", "version: 2", "lab.yaml:2:10: version is 2, and must be 1", "2"},
		"no title":                  {"title: Sharded Redis\n", "", "lab.yaml:2:1: a lab needs title", "version"},
		"an empty value":            {"pattern: ambassador", "pattern:", "lab.yaml:5:1: pattern is empty: give it a value, or leave it out", "pattern"},
		"a wrong word":              {"process: poisson", "process: poison", `lab.yaml:30:24: process is "poison"; did you mean "poisson"?`, "poison"},
		"a list for a mapping":      {"stats: {port: 22222}", "stats: [22222]", "lab.yaml:12:12: stats must be a mapping, and is a list", "["},
		"a mapping for a list":      {"links:\n", "links:\n  x: y\nlinks2:\n", "lab.yaml:25:3: links must be a list, and is a mapping", "x"},
		"a duration without unit":   {"within: 20s", "within: 20", "is not a length of time such as 10s", "20"},
		"a bad status":              {"status: 200-204", "status: 204-200", "is a range without a status in it", "204-200"},
		"two kinds of probe":        {"tcp: 22121, within", "tcp: 22121, log: x, within", "a probe has one of command, http, log, tcp, not log and tcp at once", "{"},
		"no kind of probe":          {"{tcp: 22121, within: 20s}", "{within: 20s}", "a probe needs one of command, http, log, tcp", "{"},
		"a bad pattern":             {`log: "ready to accept"`, `log: "ready ("`, "missing closing )", "log"},
		"a workload's own rule":     {"target: redis://proxy:22121", "target: gopher://proxy", "lab.yaml:29:13: target \"gopher://proxy\" has no known scheme", "gopher://proxy"},
		"a key twice":               {"role: ambassador", "role: ambassador\n    role: x", "role", ""},
		"a second document":         {"exercises:", "---\nexercises:", "there is a second document", "exercises"},
		"a need that comes later":   {"needs: [how-many]", "needs: [shar]", `there is no exercise "shar" before this one`, "shar"},
		"an answer that is none":    {"answer: b", "answer: c", "the answer is none of the choices", "c"},
		"hints that cost too much":  {"cost: 1", "cost: 2", "the hints cost 2, and the exercise is worth 1", "["},
		"a self link":               {"from: proxy, to: redis-1", "from: proxy, to: proxy", "not from proxy to itself", "{"},
		"an unknown anchor":         {"<<: *shard", "<<: *shrad", "alias *shrad has no anchor before it", "*"},
		"bad YAML":                  {"title: Sharded Redis", "title: [Sharded Redis", "is not YAML", ""},
		"a foreign tag":             {"title: Sharded Redis", "title: !secret x", "tag !secret means nothing here", "!secret"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, 1, strings.Count(whole, test.old), "the line to replace stands there once")
			_, err := format.Decode("lab.yaml", []byte(strings.Replace(whole, test.old, test.new, 1)))
			require.ErrorContains(t, err, test.want)
			var problems mark.Problems
			require.ErrorAs(t, err, &problems)
			for _, p := range problems {
				if !strings.Contains(p.Place()+": "+p.Text, test.want) {
					continue
				}
				lines := strings.Split(p.Excerpt, "\n")
				require.Len(t, lines, 2, p.Text)
				from := strings.Index(lines[1], "^")
				marked := []rune(lines[0])[from : from+strings.Count(lines[1], "^")]
				if test.mark != "" {
					require.Equal(t, test.mark, string(marked))
				}
				return
			}
		})
	}
}
