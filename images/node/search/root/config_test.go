package root

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ddsctl/ddsctl/images/node/search/index"
)

func TestAConfigurationIsReadStrictly(t *testing.T) {
	write := func(text string) string {
		file := filepath.Join(t.TempDir(), "root.yaml")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		return file
	}
	c, err := ReadConfig(write("leaves: [leaf:8080]\ncopies: 2\ndivisions: [1, 5]\ndeadline: 2s\nhedge: {after: 50ms}\nsuspend_after: 3\n"))
	require.NoError(t, err)
	require.Equal(t, Config{Leaves: []string{"leaf:8080"}, Distribution: Documents, Copies: 2, Divisions: []int{1, 5}, Ask: AskWords, Deadline: 2 * time.Second,
		Partial: PartialServe, Hedge: Hedge{50 * time.Millisecond, 0.1}, SuspendAfter: 3}, c)
	for _, text := range []string{"", "leaves: []", "leaves: [leaf]", "leafs: [a:1]", "leaves: [a:1]\ndistribution: pages", "leaves: [a:1]\npartial: perhaps",
		"leaves: [a:1]\nask: me", "leaves: [a:1]\ndeadline: -1s", "leaves: [a:1]\ncopies: -1", "leaves: [a:1]\nhedge: {budget: 2}", "leaves: [a:1]\ndivisions: [0]",
		"leaves: [a:1]\ndistribution: words\ndivisions: [2]"} {
		_, err := ReadConfig(write(text))
		require.Error(t, err, text)
	}
	_, err = ReadConfig("/no/such/file")
	require.Error(t, err)
}

func TestEveryPartIsHeldByAsManyLeavesAsThereAreCopies(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		leaves, copies := rapid.IntRange(1, 20).Draw(t, "leaves"), rapid.IntRange(1, 4).Draw(t, "copies")
		divisions := rapid.SliceOfN(rapid.IntRange(1, 25), 0, 4).Draw(t, "divisions")
		var branches []*branch
		for range leaves {
			branches = append(branches, &branch{})
		}
		tree := newTree(Config{Distribution: Documents, Copies: copies, Divisions: divisions}, branches)
		held := map[index.Shard]int{}
		for place := range branches {
			for _, s := range tree.holding(place).Documents {
				held[s]++
				require.Contains(t, tree.holders(s.Number), branches[place])
			}
		}
		for _, of := range tree.divisions {
			require.LessOrEqual(t, of, leaves)
			for number := range of {
				require.Equal(t, min(copies, leaves), held[index.Shard{Number: number, Of: of}])
			}
		}
		for _, of := range append(divisions, leaves) {
			got, ok := tree.division(of)
			require.True(t, ok)
			require.Equal(t, min(of, leaves), got)
		}
	})
}

func TestHedgingStaysWithinItsBudget(t *testing.T) {
	now := time.Unix(1000, 0)
	l := &load{now: func() time.Time { return now }}
	hedges := 0
	for range 1000 {
		l.primary()
		if l.hedge(0.05) {
			hedges++
		}
	}
	require.Equal(t, 50, hedges)
	require.InDelta(t, 0.05, l.share(), 1e-9)
	now = now.Add(loadWindow * time.Second)
	require.Zero(t, l.share(), "only the last seconds count")
	require.False(t, l.hedge(0))
	l.extra()
	l.primary()
	require.InDelta(t, 1, l.share(), 1e-9)
	for range 100_000 {
		l.primary()
	}
	burst := 0
	for l.hedge(0.05) {
		burst++
	}
	require.Equal(t, hedgeBurst, burst, "what was not needed is not saved up without end")
}
