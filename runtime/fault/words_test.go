package fault

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestEveryKindsExampleIsUnderstood(t *testing.T) {
	for _, kind := range Kinds() {
		help := kind.Help()
		spec, err := Parse(strings.Fields(strings.ReplaceAll(help.Example, "'", "")))
		require.NoError(t, err, help.Example)
		require.Equal(t, help.Name, spec.Kind)
		require.NotEmpty(t, spec.Targets, help.Example)
	}
}

func TestWordsSayWhatTheCommandLineSays(t *testing.T) {
	spec, err := Parse([]string{"delay", "--link", "a->b", "--delay=100ms", "--jitter", "10ms", "--for", "20s"})
	require.NoError(t, err)
	require.Equal(t, Spec{Kind: "delay", Targets: []string{"a->b"}, For: 20 * time.Second, Params: Params{"delay": "100ms", "jitter": "10ms"}}, spec)
	spec, err = Parse([]string{"kill", "--random", "--seed", "7"})
	require.NoError(t, err)
	require.Equal(t, Spec{Kind: "kill", Random: true, Seed: 7}, spec)
}

func TestWordsThatAreNoFaultAreRefused(t *testing.T) {
	for _, words := range []string{"", "explode x", "kill", "kill x --for", "kill x --for soon", "kill x --strength 3", "kill x --seed y --random", "delay x"} {
		_, err := Parse(strings.Fields(words))
		require.Error(t, err, words)
	}
}
