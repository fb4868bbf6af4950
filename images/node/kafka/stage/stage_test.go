package stage

import (
	"context"
	"fmt"
	"net"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"

	"github.com/ddsctl/ddsctl/images/node/kafka"
)

// patience bounds what a test waits for, on a machine that is busy with others.
const patience = 40 * time.Second

func cluster(t *testing.T, topics ...string) []string {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, topics...))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c.ListenAddrs()
}

// run runs a stage until stop is called, or the test is over.
func run(t *testing.T, o Options) (s *Stage, stop func()) {
	s, err := New(o)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	wait.Go(func() {
		if err := s.Serve(ctx, listener); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	stop = sync.OnceFunc(func() { cancel(); wait.Wait() })
	t.Cleanup(stop)
	return s, stop
}

func send(t *testing.T, brokers []string, topic string, n int) {
	client, err := kafka.Client(brokers, kgo.DefaultProduceTopic(topic))
	require.NoError(t, err)
	defer client.Close()
	for i := range n {
		key := fmt.Appendf(nil, "%s-%d", []string{"eu", "us"}[i%2], i)
		require.NoError(t, client.ProduceSync(t.Context(), &kgo.Record{Key: key, Value: key}).FirstErr())
	}
}

// gather reads committed records of a topic until there are n, and then for as long as nothing comes for a moment.
func gather(t *testing.T, brokers []string, topic string, n int) map[string]int {
	client, err := kafka.Client(brokers, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxWait(100*time.Millisecond))
	require.NoError(t, err)
	defer client.Close()
	seen, total := map[string]int{}, 0
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		fetches := client.PollFetches(ctx)
		cancel()
		fetches.EachRecord(func(r *kgo.Record) { seen[string(r.Value)]++; total++ })
		if fetches.NumRecords() == 0 && total >= n {
			break
		}
	}
	return seen
}

func once(t *testing.T, seen map[string]int, n int) {
	t.Helper()
	require.Len(t, seen, n)
	for value, times := range seen {
		require.Equal(t, 1, times, value)
	}
}

func TestAPipelineOfAllPatternsConservesEveryRecord(t *testing.T) {
	brokers := cluster(t, "in", "archive", "work", "eu", "rest", "all", "shard-0", "shard-1")
	branch, err := ParseBranch("eu=^eu-")
	require.NoError(t, err)
	o := func(name string, route Route, inputs ...string) Options {
		return Options{Name: name, Group: name, Brokers: brokers, Inputs: inputs, Route: route}
	}
	run(t, o("copier", Copier("archive", "work"), "in"))
	run(t, o("splitter", Splitter([]Branch{branch}, "rest"), "work"))
	run(t, o("merger", Merger("all"), "eu", "rest"))
	sharder, _ := run(t, o("sharder", Sharder("shard-0", "shard-1"), "all"))
	send(t, brokers, "in", 40)
	once(t, gather(t, brokers, "archive", 40), 40)
	once(t, gather(t, brokers, "eu", 20), 20)
	once(t, gather(t, brokers, "all", 40), 40)
	require.Eventually(t, func() bool { return sharder.Figures().Out == 40 }, patience, 20*time.Millisecond)
	one, two := gather(t, brokers, "shard-0", 1), gather(t, brokers, "shard-1", 1)
	require.Len(t, one, 40-len(two))
	for value := range two {
		one[value]++
	}
	once(t, one, 40)
}

// A stage that ends in the middle of its work has sent nothing that counts, and kept no place: the next one does all of it.
func TestAStageThatEndsInTheMiddleLeavesNothingHalf(t *testing.T) {
	for _, plain := range []bool{false, true} {
		t.Run(fmt.Sprint("plain ", plain), func(t *testing.T) {
			brokers := cluster(t, "in", "out")
			o := Options{Name: "filter", Group: "filter", Brokers: brokers, Inputs: []string{"in"}, Route: Filter(regexp.MustCompile("^eu"), "out"), Plain: plain}
			send(t, brokers, "in", 40)
			slow := o
			slow.Work = 200 * time.Millisecond // of 40 records: longer than it lives
			first, stop := run(t, slow)
			require.Eventually(t, func() bool { return first.Figures().Partitions == 2 }, patience, 10*time.Millisecond)
			if plain {
				require.Eventually(t, func() bool { return first.Figures().Out > 0 }, patience, 10*time.Millisecond)
			}
			stop()
			second, _ := run(t, o)
			require.Eventually(t, func() bool { f := second.Figures(); return f.Out+f.Dropped >= 40 }, patience, 20*time.Millisecond)
			seen := gather(t, brokers, "out", 20)
			require.Len(t, seen, 20)
			repeated := 0
			for _, times := range seen {
				repeated += times - 1
			}
			if plain {
				require.Positive(t, repeated, "what was sent before the end is sent again")
				return
			}
			require.Zero(t, repeated)
			require.Equal(t, int64(40), second.Figures().In)
			require.Equal(t, int64(20), second.Figures().Dropped)
		})
	}
}

func TestRoutes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), 0, 12).Draw(t, "key")
		outputs := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z]{1,4}`), 1, 5, rapid.ID).Draw(t, "outputs")
		require.Equal(t, outputs, Copier(outputs...)(key))
		shard := Sharder(outputs...)(key)
		require.Len(t, shard, 1)
		require.Contains(t, outputs, shard[0])
		require.Equal(t, shard, Sharder(outputs...)(key), "a key has one shard")
		everything := regexp.MustCompile("")
		require.Equal(t, []string{"x"}, Splitter([]Branch{{"x", everything}, {"y", everything}}, "rest")(key), "the first that matches")
	})
	none := regexp.MustCompile("^no$")
	require.Empty(t, Filter(none, "out")([]byte("yes")))
	require.Equal(t, []string{"out"}, Filter(none, "out")([]byte("no")))
	require.Equal(t, []string{"rest"}, Splitter([]Branch{{"x", none}}, "rest")([]byte("yes")))
	require.Empty(t, Splitter([]Branch{{"x", none}}, "")([]byte("yes")))
	for _, wrong := range []string{"eu", "=x", "eu=("} {
		_, err := ParseBranch(wrong)
		require.Error(t, err, wrong)
	}
	_, err := New(Options{Group: "g", Inputs: []string{"in"}})
	require.ErrorContains(t, err, "route")
}
