package docker

import (
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

func TestMemoryIsCountedWithoutWhatTheKernelCouldTakeBack(t *testing.T) {
	at := time.Unix(10, 0)
	stats := func(inactive map[string]uint64) container.StatsResponse {
		s := container.StatsResponse{Read: at}
		s.CPUStats.CPUUsage.TotalUsage = 3e9
		s.MemoryStats.Usage, s.MemoryStats.Stats = 100, inactive
		return s
	}
	for name, inactive := range map[string]map[string]uint64{
		"cgroup v1": {"total_inactive_file": 40, "inactive_file": 1},
		"cgroup v2": {"inactive_file": 40},
	} {
		require.Equal(t, engine.Usage{Time: at, CPU: 3 * time.Second, Memory: 60}, usageOf(stats(inactive)), name)
	}
	require.EqualValues(t, 100, usageOf(stats(nil)).Memory)
	require.EqualValues(t, 100, usageOf(stats(map[string]uint64{"inactive_file": 400})).Memory, "a figure that cannot be is left out")
}

func TestHealthIsReadFromTheStatus(t *testing.T) {
	for status, want := range map[string]engine.Health{
		"Up 3 seconds (health: starting)": engine.HealthStarting, "Up 3 seconds (healthy)": engine.HealthHealthy,
		"Up 3 seconds (unhealthy)": engine.HealthUnhealthy, "Up 3 seconds": "", "Exited (1) 3 seconds ago": "", "Up 2 seconds (Paused)": "",
	} {
		require.Equal(t, want, health(status), status)
	}
}

func TestASizeIsReadFromMountOptions(t *testing.T) {
	for options, want := range map[string]int64{"rw,size=64m,mode=1777": 64 << 20, "size=1048576": 1 << 20, "": 0, "rw": 0, "size=x": 0} {
		require.Equal(t, want, sizeOption(options), options)
	}
}
