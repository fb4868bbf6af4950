package main

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs/workload"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/scenarios/traffic"
)

// called runs ddsctl in this process.
func called(ctx context.Context, stdin string, args ...string) (code int, stdout, stderr string) {
	var out, words bytes.Buffer
	code = run(ctx, args, strings.NewReader(stdin), &out, &words)
	return code, out.String(), words.String()
}

func shop(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Served-By", "one")
		if r.URL.Path == "/broken" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestTrafficRunReportsForPeople(t *testing.T) {
	code, out, _ := called(t.Context(), "", "traffic", "run", shop(t), "--rate", "200", "--for", "300ms", "--seed", "7")
	require.Zero(t, code)
	for _, want := range []string{"open loop, constant arrivals, 16 connections, seed 7", "60 sent, 60 succeeded", "latency ", "service ", "delay ", "p99.9", "<= "} {
		require.Contains(t, out, want)
	}
	require.NotContains(t, out, "failed")
}

func TestTrafficRunKeepsItsKeysInJSON(t *testing.T) {
	url := shop(t)
	_, out, _ := called(t.Context(), "", "traffic", "run", url, url+"/broken", "--rate", "200", "--for", "300ms", "-o", "json", "--expect", "p99 < 10s")
	var data any
	require.NoError(t, json.Unmarshal([]byte(out), &data))
	keys := map[string]bool{}
	paths(data, "", keys)
	got := strings.Join(slices.Sorted(maps.Keys(keys)), "\n") + "\n"
	golden := filepath.Join("testdata", "traffic-run-keys.golden")
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(got), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

// paths collects the keys of a JSON value with their types; elements of a list are one.
func paths(v any, at string, into map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			paths(value, at+"."+key, into)
		}
	case []any:
		for _, value := range v {
			paths(value, at+"[]", into)
		}
	case string:
		into[strings.TrimPrefix(at, ".")+" string"] = true
	case float64:
		into[strings.TrimPrefix(at, ".")+" number"] = true
	}
}

func TestAnExpectationThatDoesNotHoldIsExitCode4(t *testing.T) {
	url := shop(t)
	run := func(extra ...string) (int, string, string) {
		return called(t.Context(), "", append([]string{"traffic", "run", url + "/broken", url, "--rate", "200", "--for", "300ms"}, extra...)...)
	}
	code, out, _ := run("--expect", "errors < 60%", "--expect", "p99 < 10s", "--expect", "dropped == 0")
	require.Zero(t, code, out)
	require.Contains(t, out, "holds    errors < 60%  (measured 50%)")
	code, out, _ = run("--expect", "errors < 1%")
	require.Equal(t, exitUnmet, code)
	require.Contains(t, out, "fails    errors < 1%  (measured 50%)")
	require.Contains(t, out, "status_500")
	code, _, words := run("--expect", "p99 < 1%")
	require.Equal(t, exitUsage, code)
	require.Contains(t, words, "duration")
}

func TestAnExpectationIsJudgedByTheReportsOwnFigures(t *testing.T) {
	_, out, _ := called(t.Context(), "", "traffic", "run", shop(t), "--rate", "500", "--for", "1200ms", "-o", "json", "--expect", "p99 < 1us")
	var result struct {
		Latency      telemetry.Latency `json:"latency"`
		Expectations []struct {
			Value float64 `json:"value"`
		} `json:"expectations"`
	}
	require.NoError(t, json.Unmarshal([]byte(out), &result))
	require.InEpsilon(t, result.Latency.P99, result.Expectations[0].Value, 0.002)
}

func TestATargetThatRefusesIsExitCode1WithAReport(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	code, out, words := called(t.Context(), "", "traffic", "run", "redis://"+listener.Addr().String(), "--rate", "50", "--for", "200ms")
	require.Equal(t, exitFailed, code)
	require.Contains(t, out, "refused")
	require.Contains(t, words, "none of 10 requests succeeded")
	require.Contains(t, words, "connection refused")
}

func TestInterruptedTrafficStillReports(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
	defer cancel()
	code, out, words := called(ctx, "", "traffic", "run", shop(t), "--rate", "100", "--for", "1h")
	require.Zero(t, code)
	require.Contains(t, out, "succeeded")
	require.Contains(t, words, "of 1h0m0s")
}

func TestTrafficIsReadFromAFileAndChangedByFlags(t *testing.T) {
	file := "name: web\ntarget: http://nowhere\narrival: {process: poisson, rate: 5}\nduration: 1h\nseed: 9\n"
	code, out, words := called(t.Context(), file, "traffic", "run", shop(t), "-f", "-", "--rate", "300", "--for", "200ms", "-o", "json")
	require.Zero(t, code, words)
	var report traffic.Report
	require.NoError(t, json.Unmarshal([]byte(out), &report))
	require.Equal(t, []string{"web", "poisson"}, []string{report.Workload, report.Process})
	require.Equal(t, uint64(9), report.Seed)
	require.Greater(t, report.Scheduled, uint64(20))

	code, _, words = called(t.Context(), "target: http://x\ntimeuot: 3s\n", "traffic", "run", "-f", "-")
	require.NotZero(t, code)
	require.Contains(t, words, "timeuot")
}

func TestFlagsBecomeAWorkload(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want func(workload.Spec) any
		is   any
	}{
		"mix":        {[]string{"redis://a", "--mix", "read=90%,write=10%,ping"}, func(s workload.Spec) any { return len(s.Mix) }, 3},
		"zipf":       {[]string{"redis://a", "--zipf", "1.3"}, func(s workload.Spec) any { return s.Keys.Distribution }, workload.KeysZipfian},
		"hot set":    {[]string{"redis://a", "--hot-share", "0.5"}, func(s workload.Spec) any { return s.Keys.Distribution }, workload.KeysHotset},
		"steps":      {[]string{"redis://a", "--steps", "10:1s,20:2s"}, func(s workload.Spec) any { return s.Arrival.Steps[1].Rate }, 20.0},
		"ramp":       {[]string{"redis://a", "--rate", "5", "--ramp-to", "50"}, func(s workload.Spec) any { return s.Arrival.Process }, workload.ProcessRamp},
		"closed":     {[]string{"redis://a", "--closed"}, func(s workload.Spec) any { return s.Loop }, workload.LoopClosed},
		"no scheme":  {[]string{"a:80"}, func(s workload.Spec) any { return s.Target[0] }, "http://a:80"},
		"header":     {[]string{"a", "-H", "Accept: x/y"}, func(s workload.Spec) any { return s.Mix[0].Headers["Accept"] }, "x/y"},
		"statements": {[]string{"mysql://a", "--statement", "SELECT 1", "--statement", "SELECT 2"}, func(s workload.Spec) any { return len(s.Mix) }, 2},
		"command":    {[]string{"redis://a", "--command", "HGET {key} f"}, func(s workload.Spec) any { return s.Mix[0].Command[2] }, "f"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := newTrafficRunCommand(newApp(nil, nil, nil))
			var f workloadFlags
			cmd.ResetFlags()
			f.add(cmd)
			require.NoError(t, cmd.ParseFlags(test.args))
			spec, err := f.spec(nil, cmd.Flags(), cmd.Flags().Args())
			require.NoError(t, err)
			require.NoError(t, spec.Validate())
			require.Equal(t, test.is, test.want(spec.WithDefaults()))
		})
	}
}

func TestWrongTrafficIsExitCode2(t *testing.T) {
	for _, test := range []struct{ args, words string }{
		{"run", "no address"},
		{"run gopher://x", "no known scheme"},
		{"run a --rate 0", "above 0"},
		{"run a --rate 5 --closed", "cannot stand together"},
		{"run a --arrival burst", "constant or poisson"},
		{"run a --steps fast", "RATE:TIME"},
		{"run redis://a --mix read=much", "OPERATION=WEIGHT"},
		{"run a --mix read=1", "understands request"},
		{"run a --command x --statement y", "give one of"},
		{"run a -H nonsense", "NAME: VALUE"},
		{"start --rate 5", "no --target"},
		{"set", "nothing to change"},
		{"set --pause --resume", "cannot stand together"},
	} {
		code, _, words := called(t.Context(), "", append([]string{"traffic"}, strings.Fields(test.args)...)...)
		require.Equal(t, exitUsage, code, "%s: %s", test.args, words)
		require.Contains(t, words, test.words, test.args)
	}
}

func TestAWorkloadGoesOnByEitherWord(t *testing.T) {
	for args, want := range map[string]*bool{"--rate 5": nil, "--pause": ptr(true), "--resume": ptr(false), "--pause=false --rate 5": ptr(false),
		"--resume=false": ptr(true)} {
		cmd := newTrafficSetCommand(newApp(nil, nil, nil))
		var o trafficSetOptions
		cmd.ResetFlags()
		o.flags(cmd)
		require.NoError(t, cmd.ParseFlags(strings.Fields(args)))
		change, err := o.change(cmd.Flags())
		require.NoError(t, err)
		require.Equal(t, want, change.Pause, args)
	}
}

func ptr[T any](v T) *T { return &v }

func TestTheFirstWordIsTheLabWhereItNamesOne(t *testing.T) {
	labs := []runningLab{{name: "shop", slug: "sharded-redis"}}
	for _, test := range []struct {
		args  []string
		names []string
	}{{nil, nil}, {[]string{"shop"}, []string{}}, {[]string{"sharded-redis", "burst"}, []string{"burst"}}, {[]string{"burst"}, []string{"burst"}}} {
		lab, names, err := pickTraffic(labs, test.args)
		require.NoError(t, err)
		require.Equal(t, "shop", lab.name)
		require.Equal(t, test.names, names)
	}
	_, _, err := pickTraffic(append(labs, runningLab{name: "other"}), []string{"burst"})
	require.ErrorContains(t, err, "burst")
	_, _, err = pickTraffic(append(labs, runningLab{name: "other"}), nil)
	require.ErrorContains(t, err, "several labs")

	meant := append(labs, runningLab{name: "other", preferred: true})
	lab, names, err := pickTraffic(meant, []string{"burst"})
	require.NoError(t, err)
	require.Equal(t, "other", lab.name, "DDSCTL_LAB names it")
	require.Equal(t, []string{"burst"}, names)
}
