package workload_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/invopop/jsonschema"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ddsctl/ddsctl/labs/workload"
)

const written = `
name: shop
target: [redis://a:6379, redis://b:6379]
arrival: {process: step, steps: [{rate: 100, for: 10s}, {rate: 500, for: 1m30s}], repeat: true}
connections: 4
timeout: 250ms
keys: {distribution: zipfian, s: 1.2, count: 500, prefix: "user:"}
values: {size: 10, max_size: 20, distribution: uniform}
mix:
  - {operation: read, weight: 3}
  - {operation: command, command: [HSET, "{key}", field, "{value}"]}
duration: 1h
seed: 7
`

func TestAWorkloadReadsFromYAMLAndComesBackFromBothFormats(t *testing.T) {
	var spec workload.Spec
	require.NoError(t, yaml.UnmarshalWithOptions([]byte(written), &spec, yaml.Strict()))
	require.NoError(t, spec.Validate())
	require.Equal(t, workload.Targets{"redis://a:6379", "redis://b:6379"}, spec.Target)
	require.Equal(t, 90*time.Second, spec.Arrival.Steps[1].For.Std())
	require.Equal(t, workload.Duration(250*time.Millisecond), spec.Timeout)
	require.Equal(t, workload.Duration(time.Hour), spec.Duration)

	asYAML, err := yaml.Marshal(spec)
	require.NoError(t, err)
	var again workload.Spec
	require.NoError(t, yaml.UnmarshalWithOptions(asYAML, &again, yaml.Strict()), string(asYAML))
	require.Equal(t, spec, again)

	asJSON, err := json.Marshal(spec)
	require.NoError(t, err)
	again = workload.Spec{}
	require.NoError(t, json.Unmarshal(asJSON, &again), string(asJSON))
	require.Equal(t, spec, again)
}

func TestOneTargetIsAString(t *testing.T) {
	var spec workload.Spec
	require.NoError(t, yaml.Unmarshal([]byte("target: http://web/item/{key}"), &spec))
	require.Equal(t, workload.Targets{"http://web/item/{key}"}, spec.Target)
	out, err := yaml.Marshal(spec)
	require.NoError(t, err)
	require.Equal(t, "target: http://web/item/{key}\n", string(out))
	require.Error(t, yaml.Unmarshal([]byte("target: {a: b}"), &spec))
}

func TestADurationWithoutUnitIsRefused(t *testing.T) {
	var spec workload.Spec
	require.ErrorContains(t, yaml.Unmarshal([]byte("timeout: 10"), &spec), "length of time")
}

func TestTheDefaultIsWholeAndValid(t *testing.T) {
	spec := workload.Default()
	require.NoError(t, spec.Validate())
	require.Equal(t, workload.LoopOpen, spec.Loop)
	require.Len(t, spec.Mix, 2)
}

func TestDefaultsFollowTheProtocolAndAreValidForEach(t *testing.T) {
	for _, scheme := range workload.Schemes() {
		spec := workload.Spec{Target: workload.Targets{scheme + "://host:1234/topic"}}
		require.NoError(t, spec.Validate(), scheme)
		full := spec.WithDefaults()
		target, err := workload.ParseTarget(spec.Target[0])
		require.NoError(t, err)
		require.Contains(t, workload.Operations(target.Protocol), full.Mix[0].Operation)
	}
}

func TestDefaultsAppliedTwiceChangeNothingMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec := workload.Spec{
			Target:      rapid.SampledFrom([]workload.Targets{nil, {"redis://a"}, {"http://a"}, {"junk"}}).Draw(t, "target"),
			Loop:        rapid.SampledFrom([]workload.Loop{"", workload.LoopOpen, workload.LoopClosed, "other"}).Draw(t, "loop"),
			Connections: rapid.IntRange(-1, 100).Draw(t, "connections"),
			Seed:        rapid.Uint64().Draw(t, "seed"),
			Keys: workload.Keys{Distribution: rapid.SampledFrom([]workload.KeyDistribution{"", workload.KeysZipfian,
				workload.KeysHotset}).Draw(t, "keys")},
			Values: workload.Values{Size: rapid.IntRange(0, 1000).Draw(t, "size"),
				Distribution: rapid.SampledFrom([]workload.SizeDistribution{"", workload.SizeExponential}).Draw(t, "sizes")},
			Arrival: workload.Arrival{Process: rapid.SampledFrom([]workload.Process{"", workload.ProcessPoisson, workload.ProcessRamp,
				workload.ProcessTrace}).Draw(t, "process"), Rates: []float64{1}},
		}
		once := spec.WithDefaults()
		if twice := once.WithDefaults(); fmt.Sprint(once) != fmt.Sprint(twice) {
			t.Fatalf("once %v\ntwice %v", once, twice)
		}
	})
}

func TestEveryProblemIsNamedByItsField(t *testing.T) {
	spec := workload.Spec{
		Target:      workload.Targets{"redis://a", "http://b", "ftp://c"},
		Loop:        "sideways",
		Connections: -1,
		Streams:     2,
		Timeout:     -1,
		Keys:        workload.Keys{Distribution: "normal", S: 1, Count: -5, Prefix: "a b"},
		Values:      workload.Values{Size: 10, MaxSize: 5},
		Mix: []workload.Operation{{Operation: "read", Weight: -1}, {Operation: "statement", Statement: "SELECT 1"},
			{Operation: "read", Body: "x"}, {Operation: "command"}},
		Setup:      []string{"CREATE TABLE t (k INT)"},
		AnsweredBy: "X-Server",
	}
	var problems workload.Problems
	require.ErrorAs(t, spec.Validate(), &problems)
	var fields []string
	for _, problem := range problems {
		fields = append(fields, problem.Field)
		require.NotEmpty(t, problem.Text)
	}
	require.Equal(t, []string{"target[1]", "target[2]", "loop", "connections", "streams", "timeout", "keys.distribution",
		"keys.count", "keys.prefix", "values.max_size", "mix[0].weight", "mix[1].operation", "mix[2].body", "mix[3].command",
		"setup", "answered_by"}, fields)
}

func TestArrivalsAreCheckedByTheirProcess(t *testing.T) {
	second := workload.Duration(time.Second)
	for name, test := range map[string]struct {
		arrival workload.Arrival
		field   string // of the only problem; "" for none
	}{
		"constant":               {workload.Arrival{Rate: 10}, ""},
		"negative rate":          {workload.Arrival{Rate: -1}, "arrival.rate"},
		"unknown":                {workload.Arrival{Process: "burst"}, "arrival.process"},
		"ramp":                   {workload.Arrival{Process: "ramp", To: 10, Over: second}, ""},
		"ramp without time":      {workload.Arrival{Process: "ramp", To: 10}, "arrival.over"},
		"ramp of nothing":        {workload.Arrival{Process: "ramp", Over: second}, "arrival.to"},
		"steps":                  {workload.Arrival{Process: "step", Steps: []workload.Step{{Rate: 1, For: second}, {For: second}}}, ""},
		"no steps":               {workload.Arrival{Process: "step"}, "arrival.steps"},
		"steps of nothing":       {workload.Arrival{Process: "step", Steps: []workload.Step{{For: second}}}, "arrival.steps"},
		"step without time":      {workload.Arrival{Process: "step", Steps: []workload.Step{{Rate: 1}}}, "arrival.steps[0].for"},
		"trace of instants":      {workload.Arrival{Process: "trace", At: []workload.Duration{0, second, second}}, ""},
		"trace of rates":         {workload.Arrival{Process: "trace", Rates: []float64{0, 5}}, ""},
		"trace of nothing":       {workload.Arrival{Process: "trace"}, "arrival.at"},
		"descending trace":       {workload.Arrival{Process: "trace", At: []workload.Duration{second, 0}}, "arrival.at[1]"},
		"both kinds of trace":    {workload.Arrival{Process: "trace", At: []workload.Duration{second}, Rates: []float64{1}}, "arrival.rates"},
		"steps on a ramp":        {workload.Arrival{Process: "ramp", To: 1, Over: second, Steps: []workload.Step{{Rate: 1, For: second}}}, "arrival.steps"},
		"random constant":        {workload.Arrival{Rate: 1, Random: true}, "arrival.random"},
		"repeat of an instant":   {workload.Arrival{Process: "trace", At: []workload.Duration{0}, Repeat: true}, "arrival.repeat"},
		"a rate out of this age": {workload.Arrival{Rate: 1e12}, "arrival.rate"},
	} {
		t.Run(name, func(t *testing.T) {
			err := workload.Spec{Target: workload.Targets{"redis://a"}, Arrival: test.arrival}.Validate()
			if test.field == "" {
				require.NoError(t, err)
				return
			}
			var problems workload.Problems
			require.ErrorAs(t, err, &problems)
			require.Len(t, problems, 1, problems.Error())
			require.Equal(t, test.field, problems[0].Field)
		})
	}
}

func TestRequestsThatCannotBeSentAreRefused(t *testing.T) {
	for field, op := range map[string]workload.Operation{
		"mix[0].path":                   {Operation: "request", Path: "no-slash"},
		"mix[0].method":                 {Operation: "request", Method: "GE T"},
		"mix[0].headers.X-Split":        {Operation: "request", Headers: map[string]string{"X-Split": "a\r\nb: c"}},
		"mix[0].headers.Content-Length": {Operation: "request", Headers: map[string]string{"Content-Length": "3"}},
	} {
		var problems workload.Problems
		err := workload.Spec{Target: workload.Targets{"http://a"}, Mix: []workload.Operation{op}}.Validate()
		require.ErrorAs(t, err, &problems, field)
		require.Equal(t, field, problems[0].Field)
	}
}

func TestAChangeIsCheckedAgainstItsWorkload(t *testing.T) {
	rate := 5.0
	open := workload.Default()
	require.NoError(t, workload.Change{Rate: &rate}.Validate(open))
	require.Error(t, workload.Change{}.Validate(open))
	require.Error(t, workload.Change{Rate: &rate, Arrival: &workload.Arrival{Rate: 3}}.Validate(open))
	require.Error(t, workload.Change{Mix: []workload.Operation{{Operation: "request"}}}.Validate(open))
	closed := open
	closed.Loop = workload.LoopClosed
	closed.Arrival = workload.Arrival{}
	require.NoError(t, closed.Validate())
	require.ErrorContains(t, workload.Change{Rate: &rate}.Validate(closed), "closed loop")
}

func TestTargetsAreTakenApart(t *testing.T) {
	for text, want := range map[string]workload.Target{
		"redis://:secret@twemproxy:22121/3": {Protocol: workload.Redis, Host: "twemproxy", Port: 22121, Password: "secret", Path: "/3"},
		"https://web/a%20b?q={key}":         {Protocol: workload.HTTP, TLS: true, Host: "web", Port: 443, Path: "/a%20b?q={key}"},
		"http://web/item/{key}":             {Protocol: workload.HTTP, Host: "web", Port: 80, Path: "/item/{key}"},
		"h2c://[::1]:8080":                  {Protocol: workload.HTTP2, Host: "::1", Port: 8080},
		"mysql://root:pw@db/shop":           {Protocol: workload.MySQL, Host: "db", Port: 3306, User: "root", Password: "pw", Path: "/shop"},
		"memcache://m":                      {Protocol: workload.Memcached, Host: "m", Port: 11211},
	} {
		want.URL = text
		got, err := workload.ParseTarget(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got)
	}
	for _, text := range []string{"", "web:80", "http://", "gopher://a", "tcp://a", "http://a:99999", "http://a/#x", "http://a b", "%"} {
		_, err := workload.ParseTarget(text)
		require.Error(t, err, text)
	}
	redacted, err := workload.ParseTarget("redis://:secret@a")
	require.NoError(t, err)
	require.NotContains(t, redacted.Redacted(), "secret")
}

func TestTheSchemaNamesDistributionsAndTakesDurationsAsText(t *testing.T) {
	schema, err := json.Marshal((&jsonschema.Reflector{}).Reflect(workload.Spec{}))
	require.NoError(t, err)
	require.Contains(t, string(schema), `"zipfian"`)
	require.Contains(t, string(schema), "250ms")
}

func FuzzParseTarget(f *testing.F) {
	for _, seed := range []string{"redis://a:1", "http://u:p@h/{key}?q=1", "h2c://[::1]:80", "tcp://"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		target, err := workload.ParseTarget(text)
		if err != nil {
			return
		}
		if target.Port < 1 || target.Port > 65535 || target.Host == "" || workload.Operations(target.Protocol) == nil {
			t.Fatalf("%q gave %+v", text, target)
		}
	})
}
