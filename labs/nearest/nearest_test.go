package nearest

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestATypoFindsTheWordThatWasMeant(t *testing.T) {
	keys := []string{"connections", "keys", "links", "services", "timeout", "workloads"}
	for typo, want := range map[string]string{
		"conections": "connections",
		"kyes":       "keys", // swapped
		"Services":   "services",
		"timeouts":   "timeout",
		"wrokloads":  "workloads",
		"banana":     "",
		"x":          "",
		"":           "",
	} {
		require.Equal(t, want, Word(typo, keys), typo)
	}
	require.Empty(t, Word("keys", []string{"keys"}), "the word itself is no suggestion")
}

func TestDistanceIsZeroOnlyForTheSameWordAndTheSameBothWays(t *testing.T) {
	word := rapid.StringOfN(rapid.RuneFrom([]rune("abcé")), 0, 6, -1)
	rapid.Check(t, func(t *rapid.T) {
		a, b := word.Draw(t, "a"), word.Draw(t, "b")
		d := Distance(a, b)
		if d != Distance(b, a) || (d == 0) != (a == b) || d > max(len([]rune(a)), len([]rune(b))) {
			t.Fatalf("%q %q: %d, %d", a, b, d, Distance(b, a))
		}
	})
}
