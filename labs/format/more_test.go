package format_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ddsctl/ddsctl/labs/format"
	"github.com/ddsctl/ddsctl/labs/mark"
)

func services() map[string]format.ComposeService {
	return map[string]format.ComposeService{"proxy": {Replicas: 1, Ports: []uint16{22121}}, "redis-1": {Replicas: 1}, "redis-2": {Replicas: 1}}
}

func TestNamesAreThoseOfTheComposeFile(t *testing.T) {
	lab, err := format.Decode("lab.yaml", []byte(whole))
	require.NoError(t, err)
	require.NoError(t, lab.CheckNames(services()))

	for old, want := range map[string][2]string{
		"  redis-1: &shard":                   {"  redis-11: &shard", `lab.yaml:13:3: there is no service "redis-11" in the Compose file; did you mean "redis-1"?`},
		"{from: client, to: proxy,":           {"{from: clinet, to: proxy,", `lab.yaml:25:12: there is no service "clinet"`},
		"{from: proxy, to: redis-1,":          {"{from: proxy, to: redis-7,", `there is no service "redis-7"`},
		"target: redis://proxy:22121":         {"target: redis://prxy:22121", `lab.yaml:29:13: there is no service "prxy" in the Compose file; did you mean "proxy"?`},
		"{service: proxy, port: 22121":        {"{service: proxy, port: 22122", "service proxy does not publish port 22122"},
		"{wait: 1s}], value":                  {"{run: {node: redis-3, run: [x]}}], value", `there is no node "redis-3"`},
		"{wait: 1s}], value: \"errors{worklo": {"{traffic: {workload: shp, rate: 1}}], value: \"errors{worklo", `there is no workload "shp"; there are shop`},
	} {
		require.Equal(t, 1, strings.Count(whole, old), old)
		lab, err := format.Decode("lab.yaml", []byte(strings.Replace(whole, old, want[0], 1)))
		require.NoError(t, err, want[0])
		require.ErrorContains(t, lab.CheckNames(services()), want[1])
	}
}

func TestAServiceWithSeveralReplicasHasNodesWithNumbers(t *testing.T) {
	text := `{version: 1, title: t, exercises: [{id: a, title: a, text: a, do: {checks: [{text: c, command: {node: web-2, run: [true]}}]}}]}`
	lab, err := format.Decode("lab.yaml", []byte(text))
	require.NoError(t, err)
	require.NoError(t, lab.CheckNames(map[string]format.ComposeService{"web": {Replicas: 2}}))
	require.ErrorContains(t, lab.CheckNames(map[string]format.ComposeService{"web": {Replicas: 1}}), `there is no node "web-2"`)
}

func TestAnAnswerIsFoundOutOnlyByAsking(t *testing.T) {
	salt := bytes.Repeat([]byte{7}, format.SaltSize)
	choices := []format.Choice{{Key: "a"}, {Key: "b"}, {Key: "c"}}
	rapid.Check(t, func(t *rapid.T) {
		right := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "right")
		answer := format.SealAnswer("share", right, salt)
		text, _ := answer.MarshalText()
		require.True(t, answer.Sealed())
		require.True(t, strings.HasPrefix(string(text), "sealed:"))
		for _, c := range choices {
			require.Equal(t, c.Key == right, answer.Is("share", c.Key))
			require.False(t, answer.Is("another", c.Key), "the same answer of another exercise looks different")
		}
		choice, ok := answer.Reveal("share", choices)
		require.True(t, ok)
		require.Equal(t, right, choice.Key)
	})
	require.False(t, format.Answer{}.Is("share", ""))
}

func TestASealedTextOpensForItsExerciseOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		salt := rapid.SliceOfN(rapid.Byte(), format.SaltSize, format.SaltSize).Draw(t, "salt")
		secret, err := format.SealText("share", text, salt)
		require.NoError(t, err)
		if len(text) > 3 {
			written, _ := secret.MarshalText()
			require.NotContains(t, string(written), text)
		}
		open, err := secret.Open("share")
		require.NoError(t, err)
		require.Equal(t, text, open)
		_, err = secret.Open("another")
		require.Error(t, err)
	})
	_, err := format.SealText("share", "x", []byte("short"))
	require.Error(t, err)
}

func TestASealThatWasCutOffIsNamed(t *testing.T) {
	for _, value := range []string{"sealed:%%", "sealed:QUJD"} {
		text := strings.Replace(whole, "explanation: Two it is.", fmt.Sprintf("explanation: %q", value), 1)
		_, err := format.Decode("lab.yaml", []byte(text))
		require.ErrorContains(t, err, "lab.yaml:44:18: ")
	}
}

func TestTheHeaderIsReadWithoutTheRest(t *testing.T) {
	header, err := format.ReadHeader([]byte("# x\nversion: 1\ntitle: A\nsummary: >-\n  two\n  lines\nservices: [this is: {not even\nchapter: 3\n"))
	require.NoError(t, err)
	require.Equal(t, format.Header{Title: "A", Summary: "two lines", Chapter: 3}, header)
}

func TestALabThatWouldNeverEndIsRefused(t *testing.T) {
	var bomb strings.Builder
	bomb.WriteString("version: 1\ntitle: t\nworkloads:\n  - target: &t [redis://a]\n    mix: &m\n")
	for range 2000 {
		bomb.WriteString("      - {operation: read}\n")
	}
	for range 2000 {
		bomb.WriteString("  - {target: *t, mix: *m}\n")
	}
	_, err := format.Decode("lab.yaml", []byte(bomb.String()))
	require.ErrorContains(t, err, "once aliases are written out")

	_, err = format.Decode("lab.yaml", []byte("title: &a [*a]\n"))
	require.Error(t, err)
	_, err = format.Decode("lab.yaml", []byte("services: &s\n  <<: *s\n"))
	require.Error(t, err)
	_, err = format.Decode("lab.yaml", bytes.Repeat([]byte("#\n"), 1<<20))
	require.ErrorContains(t, err, "larger than")
	_, err = format.Decode("lab.yaml", nil)
	require.ErrorContains(t, err, "is empty")
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(whole))
	for _, text := range []string{"", "a", "- a", "version: 1\ntitle: x", "title: &a [*a]", "services: &s\n  <<: *s\n", "? [a]\n: b", "!!binary x",
		"version: 1\ntitle: |\n  x\nchapter: 0x7", "title: \"\x00\"", "{version: 1, title: t, links: [{from: a, to: b, port: 1e3}]}", "a: b: c", "\t", "%YAML 1.1\n---\n"} {
		f.Add([]byte(text))
	}
	labs, _ := filepath.Glob("../ch*/*/lab.yaml")
	for _, name := range labs {
		if text, err := os.ReadFile(name); err == nil {
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		lab, err := format.Decode("lab.yaml", data)
		if err == nil {
			_ = lab.CheckNames(nil)
			_ = lab.Probes()
			return
		}
		problems, ok := err.(mark.Problems) //nolint:errorlint // it is promised to be just that
		if !ok || len(problems) == 0 {
			t.Fatalf("%T: %v", err, err)
		}
		for _, p := range problems {
			if p.Text == "" || p.File != "lab.yaml" {
				t.Fatalf("%+v", p)
			}
		}
	})
}
