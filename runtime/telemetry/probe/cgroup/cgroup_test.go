package cgroup

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

const id = "4f5ba1c0ffee0123456789abcdef0123456789abcdef0123456789abcdef0123"

var at = time.Unix(1000, 0)

func now() time.Time { return at }

func tree(files map[string]string) fstest.MapFS {
	fs := fstest.MapFS{}
	for name, text := range files {
		fs[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fs
}

func v2(folder string) map[string]string {
	return map[string]string{
		"cgroup.controllers":         "cpu memory",
		folder + "/cpu.stat":         "usage_usec 2500000\nuser_usec 1\n",
		folder + "/memory.current":   "1000000\n",
		folder + "/memory.stat":      "anon 5\ninactive_file 400000\nactive_file 1\n",
		folder + "/memory.max":       "max\n",
		folder + "/cpu.max":          "50000 100000\n",
		"init.scope/cpu.stat":        "usage_usec 1\n",
		"init.scope/memory.current":  "1\n",
		"user.slice/a/b/cpu.stat":    "usage_usec 1\n",
		"user.slice/a/b/memory.stat": "",
	}
}

func v1(folder string) map[string]string {
	return map[string]string{
		"cpuacct/" + folder + "/cpuacct.usage":        "2500000000\n",
		"memory/" + folder + "/memory.usage_in_bytes": "1000000\n",
		"memory/" + folder + "/memory.stat":           "inactive_file 1\ntotal_inactive_file 400000\n",
		"memory/" + folder + "/memory.limit_in_bytes": "9223372036854771712\n",
		"cpu/" + folder + "/cpu.cfs_quota_us":         "50000\n",
		"cpu/" + folder + "/cpu.cfs_period_us":        "100000\n",
	}
}

func TestBothVersionsTellTheSame(t *testing.T) {
	half := 0.5
	want := engine.Usage{Time: at, CPU: 2500 * time.Millisecond, Memory: 600_000, CPULimit: &half}
	for name, files := range map[string]map[string]string{
		"2, Docker with systemd":   v2("system.slice/docker-" + id + ".scope"),
		"2, Docker with cgroupfs":  v2("docker/" + id),
		"2, Podman":                v2("machine.slice/libpod-" + id + ".scope"),
		"2, rootless":              v2("user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + id + ".scope"),
		"2, a parent of their own": v2("labs/one/" + id),
		"1, Docker with cgroupfs":  v1("docker/" + id),
		"1, Docker with systemd":   v1("system.slice/docker-" + id + ".scope"),
		"1, a parent of their own": v1("labs/" + id),
	} {
		r, err := New(tree(files), now)
		require.NoError(t, err, name)
		require.Equal(t, name[:1], r.Version())
		usage, err := r.Read(id)
		require.NoError(t, err, name)
		require.Equal(t, want, usage, name)
	}
}

func TestALimitThatIsSetIsTold(t *testing.T) {
	files := v2("docker/" + id)
	files["docker/"+id+"/memory.max"], files["docker/"+id+"/cpu.max"] = "52428800\n", "max 100000\n"
	r, err := New(tree(files), now)
	require.NoError(t, err)
	usage, err := r.Read(id)
	require.NoError(t, err)
	require.EqualValues(t, 50<<20, *usage.MemoryLimit)
	require.Nil(t, usage.CPULimit)

	files = v1("docker/" + id)
	files["memory/docker/"+id+"/memory.limit_in_bytes"], files["cpu/docker/"+id+"/cpu.cfs_quota_us"] = "52428800\n", "-1\n"
	r, err = New(tree(files), now)
	require.NoError(t, err)
	usage, err = r.Read(id)
	require.NoError(t, err)
	require.EqualValues(t, 50<<20, *usage.MemoryLimit)
	require.Nil(t, usage.CPULimit)
}

func TestAContainerThatEndedIsNotFoundAndItsNextLifeIs(t *testing.T) {
	clock := at
	fs := tree(v2("docker/" + id))
	r, err := New(fs, func() time.Time { return clock })
	require.NoError(t, err)
	_, err = r.Read(id)
	require.NoError(t, err)
	for name := range fs {
		if strings.HasPrefix(name, "docker/") {
			delete(fs, name)
		}
	}
	for range 2 {
		_, err = r.Read(id)
		require.ErrorIs(t, err, ErrNotFound)
	}
	for name, file := range tree(v2("elsewhere/" + id)) {
		fs[name] = file
	}
	clock = clock.Add(tryAgain)
	_, err = r.Read(id)
	require.NoError(t, err)
}

func TestNothingToReadIsSaid(t *testing.T) {
	_, err := New(tree(nil), now)
	require.Error(t, err)
	r, err := New(tree(v2("docker/"+id)), now)
	require.NoError(t, err)
	for _, other := range []string{"", "../../etc", strings.Repeat("f", 64), "4f5ba1c0ff*"} {
		_, err := r.Read(other)
		require.Truef(t, errors.Is(err, ErrNotFound), "%q: %v", other, err)
	}
	files := v2("docker/" + id)
	files["docker/"+id+"/cpu.stat"] = "nonsense\n"
	r, _ = New(tree(files), now)
	_, err = r.Read(id)
	require.ErrorContains(t, err, "usage_usec", fmt.Sprint(err))
}
