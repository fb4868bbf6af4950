package docker

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

// Usage reads what a container uses, once. It costs the engine some milliseconds: where the cgroups can be read directly, that is
// cheaper.
func (c *Client) Usage(ctx context.Context, id string) (engine.Usage, error) {
	result, err := c.api.ContainerStats(ctx, id, client.ContainerStatsOptions{})
	if err != nil {
		return engine.Usage{}, c.wrap(err, "read the statistics of container %s", short(id))
	}
	defer func() { _ = result.Body.Close() }()
	var stats container.StatsResponse
	if err := json.NewDecoder(result.Body).Decode(&stats); err != nil {
		return engine.Usage{}, fmt.Errorf("read the statistics of container %s: %w", short(id), err)
	}
	if stats.Read.IsZero() {
		return engine.Usage{}, fmt.Errorf("read the statistics of container %s: it does not run: %w", short(id), engine.ErrNotFound)
	}
	return usageOf(stats), nil
}

func usageOf(stats container.StatsResponse) engine.Usage {
	usage := engine.Usage{Time: stats.Read, CPU: time.Duration(clamp(stats.CPUStats.CPUUsage.TotalUsage))}
	// As `docker stats` shows it: cgroup v2 calls it inactive_file, v1 total_inactive_file.
	inactive, v1 := stats.MemoryStats.Stats["total_inactive_file"]
	if !v1 {
		inactive = stats.MemoryStats.Stats["inactive_file"]
	}
	usage.Memory = clamp(stats.MemoryStats.Usage)
	if i := clamp(inactive); i < usage.Memory {
		usage.Memory -= i
	}
	return usage
}

func clamp(n uint64) int64 { return int64(min(n, math.MaxInt64)) }

// Detail inspects a container: its limits, its mounts and how much they hold.
func (c *Client) Detail(ctx context.Context, id string) (engine.Detail, error) {
	result, err := c.api.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	if err != nil {
		return engine.Detail{}, c.wrap(err, "inspect container %s", short(id))
	}
	inspected := result.Container
	summary, err := c.InspectContainer(ctx, inspected.ID)
	if err != nil {
		return engine.Detail{}, err
	}
	d := engine.Detail{Container: summary}
	if inspected.State != nil {
		d.Started, _ = time.Parse(time.RFC3339Nano, inspected.State.StartedAt) // never started: zero
		d.Phase, d.ExitCode = engine.Phase(inspected.State.Status), inspected.State.ExitCode
	}
	host := inspected.HostConfig
	if host == nil {
		return d, nil
	}
	if d.NanoCPUs, d.MemoryBytes, err = c.limits(ctx, host); err != nil {
		return d, err
	}
	for target, options := range host.Tmpfs {
		d.Mounts = append(d.Mounts, engine.BoundedMount{Mount: engine.Mount{Kind: engine.MountTmpfs, Target: target}, Bound: sizeOption(options)})
	}
	for _, m := range host.Mounts {
		if m.Type == "tmpfs" {
			bounded := engine.BoundedMount{Mount: engine.Mount{Kind: engine.MountTmpfs, Target: m.Target, ReadOnly: m.ReadOnly}}
			if m.TmpfsOptions != nil {
				bounded.Bound = m.TmpfsOptions.SizeBytes
			}
			d.Mounts = append(d.Mounts, bounded)
		}
	}
	for _, m := range inspected.Mounts {
		bounded := engine.BoundedMount{Mount: engine.Mount{Kind: engine.MountKind(m.Type), Source: m.Name, Target: m.Destination, ReadOnly: !m.RW}}
		switch m.Type {
		case "volume":
			volume, err := c.api.VolumeInspect(ctx, m.Name, client.VolumeInspectOptions{})
			if err != nil {
				return d, c.wrap(err, "inspect volume %s", m.Name)
			}
			if v := volume.Volume; v.Driver == "local" && v.Options["type"] == "tmpfs" {
				bounded.Bound = sizeOption(v.Options["o"])
			}
		case "bind":
			bounded.Source = m.Source
		case "tmpfs":
			continue // read from the configuration, where its size is
		}
		d.Mounts = append(d.Mounts, bounded)
	}
	// An engine may tell of one mount in several places. The one that knows its bound counts.
	slices.SortStableFunc(d.Mounts, func(a, b engine.BoundedMount) int {
		return cmp.Or(cmp.Compare(a.Target, b.Target), cmp.Compare(b.Bound, a.Bound))
	})
	d.Mounts = slices.CompactFunc(d.Mounts, func(a, b engine.BoundedMount) bool { return a.Target == b.Target })
	return d, nil
}

// sizeOption reads size=N of a mount's options; 0 where it is not there.
func sizeOption(options string) int64 {
	for option := range strings.SplitSeq(options, ",") {
		if value, ok := strings.CutPrefix(option, "size="); ok {
			size, err := units.RAMInBytes(value)
			if err == nil {
				return size
			}
		}
	}
	return 0
}
