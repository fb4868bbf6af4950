package drive

import (
	"bytes"
	"context"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/server/v3/embed"

	"github.com/ddsctl/ddsctl/labs/workload"
	"github.com/ddsctl/ddsctl/scenarios/expect"
	"github.com/ddsctl/ddsctl/scenarios/history"
)

// etcdMember starts a real etcd of one member on loopback and returns its URL.
func etcdMember(t *testing.T) string {
	t.Helper()
	config := embed.NewConfig()
	config.Dir, config.LogLevel = t.TempDir(), "error"
	any := url.URL{Scheme: "http", Host: "127.0.0.1:0"}
	config.ListenClientUrls, config.ListenPeerUrls = []url.URL{any}, []url.URL{any}
	config.AdvertiseClientUrls, config.AdvertisePeerUrls = []url.URL{any}, []url.URL{any}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	server, err := embed.StartEtcd(config)
	require.NoError(t, err)
	t.Cleanup(server.Close)
	select {
	case <-server.Server.ReadyNotify():
	case <-time.After(time.Minute):
		t.Fatal("etcd does not become ready")
	}
	return "etcd://" + server.Clients[0].Addr().String()
}

func record(t *testing.T, spec Spec) []history.Event {
	t.Helper()
	var file bytes.Buffer
	recorder := history.NewRecorder(&file, nil)
	require.NoError(t, Run(t.Context(), spec, recorder))
	events, err := history.Decode(&file)
	require.NoError(t, err)
	return events
}

func TestSystemsThatKeepTheirPromisesPass(t *testing.T) {
	systems := map[string]string{"redis": "redis://" + miniredis.RunT(t).Addr(), "etcd": etcdMember(t)}
	for name, target := range systems {
		for _, model := range history.Models() {
			t.Run(name+" "+string(model), func(t *testing.T) {
				events := record(t, Spec{Model: model, Targets: workload.Targets{target}, Rate: 200, Keys: 2,
					Hold: workload.Duration(5 * time.Millisecond), Duration: workload.Duration(700 * time.Millisecond)})
				result, err := history.Check(events, model, history.Options{})
				require.NoError(t, err)
				require.Equal(t, expect.Holds, result.Verdict, "%v", result)
				require.Greater(t, result.Counts["ok"], 10)
				require.Zero(t, result.Counts["info"])
			})
		}
	}
}

// replica answers reads from what it copied from its leader some time ago, as an asynchronous replica does.
type replica struct {
	store
	mu     sync.Mutex
	copied map[string]*string
	reads  int
}

func (r *replica) read(ctx context.Context, key string) (*string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reads++; r.reads%4 != 0 {
		return r.copied[key], nil
	}
	v, err := r.store.read(ctx, key)
	r.copied[key] = v
	return v, err
}

func TestARegisterReadFromALaggingReplicaIsCaught(t *testing.T) {
	var file bytes.Buffer
	recorder := history.NewRecorder(&file, nil)
	target, err := workload.ParseTarget("redis://" + miniredis.RunT(t).Addr())
	require.NoError(t, err)
	lagging := &replica{store: openRedis(target, 0, time.Second), copied: map[string]*string{}}
	defer lagging.close()
	spec := Spec{Model: history.Register, Targets: workload.Targets{target.URL}, Keys: 1}.WithDefaults()
	writer := &client{spec: spec, number: 0, store: lagging, recorder: recorder}
	for range 20 {
		v := writer.unique()
		require.NoError(t, writer.do(t.Context(), history.Operation{Function: history.Write, Key: "x", Value: &v}, func(ctx context.Context, _ *history.Operation) error {
			return lagging.write(ctx, "x", v)
		}))
		require.NoError(t, writer.do(t.Context(), history.Operation{Function: history.Read, Key: "x"}, func(ctx context.Context, got *history.Operation) (err error) {
			got.Value, err = lagging.read(ctx, "x")
			return err
		}))
	}
	events, err := history.Decode(&file)
	require.NoError(t, err)
	result, err := history.Check(events, history.Register, history.Options{})
	require.NoError(t, err)
	require.Equal(t, expect.Fails, result.Verdict)
	require.Contains(t, result.Why[0], "nothing explains")
}

func TestATargetThatIsGoneCostsFailuresAndNoHang(t *testing.T) {
	server := miniredis.RunT(t)
	target := "redis://" + server.Addr()
	server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	var file bytes.Buffer
	require.NoError(t, Run(ctx, Spec{Model: history.Register, Targets: workload.Targets{target}, Rate: 100}, history.NewRecorder(&file, nil)))
	events, err := history.Decode(&file)
	require.NoError(t, err)
	result, err := history.Check(events, history.Register, history.Options{})
	require.NoError(t, err)
	require.Equal(t, expect.Unknown, result.Verdict, "nothing was shown")
	require.NotZero(t, result.Counts["fail"], "a refused connection is a sure no")
}

func TestASpecThatCannotBeRecordedIsRefused(t *testing.T) {
	for name, spec := range map[string]Spec{
		"no target":        {Model: history.Register},
		"an unknown model": {Model: "tree", Targets: workload.Targets{"redis://x:1"}},
		"no such protocol": {Model: history.Register, Targets: workload.Targets{"tcp://x:1"}},
		"not over HTTP":    {Model: history.Lock, Targets: workload.Targets{"http://x:1"}},
		"HTTP with TLS":    {Model: history.Counter, Targets: workload.Targets{"https://x:1"}},
		"not a URL":        {Model: history.Register, Targets: workload.Targets{"::"}},
		"a negative rate":  {Model: history.Register, Targets: workload.Targets{"redis://x:1"}, Rate: -1},
	} {
		require.Error(t, spec.Validate(), name)
	}
}
