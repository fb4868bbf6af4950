package docker

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
)

// cpuPeriod is the kernel's default, in microseconds, over which a quota counts.
const cpuPeriod = 100_000

// unlimited is the most memory that the kernel counts: the largest number of whole pages.
const unlimited = math.MaxInt64 / 4096 * 4096

// UpdateContainer changes the limits of a container, running or not. They stay with it when it is restarted.
func (c *Client) UpdateContainer(ctx context.Context, id string, r engine.Resources) error {
	resources := container.Resources{PidsLimit: r.PidsLimit}
	if r.PidsLimit != nil && *r.PidsLimit == 0 {
		none := int64(-1)
		resources.PidsLimit = &none
	}
	if r.NanoCPUs != nil {
		if err := c.limitCPUs(ctx, id, *r.NanoCPUs, &resources); err != nil {
			return err
		}
	}
	if r.MemoryBytes != nil {
		if resources.Memory = *r.MemoryBytes; resources.Memory == 0 {
			resources.Memory = unlimited // the API takes zero for "leave as it is", and refuses less than 6 MB
		}
		resources.MemorySwap = -1
	}
	_, err := c.api.ContainerUpdate(ctx, id, client.ContainerUpdateOptions{Resources: &resources})
	if errdefs.IsNotFound(err) && strings.HasSuffix(err.Error(), "Not Found") { // the page of an API that does not have this call
		return hint.Wrap(fmt.Errorf("change the limits of container %s: %w by this engine", short(id), errors.ErrUnsupported),
			"Podman before 5 cannot change the limits of a container that runs; the faults cpu and memory need Docker, or a later Podman")
	}
	return c.wrap(err, "change the limits of container %s", short(id))
}

// limitCPUs says a number of CPUs in the way the container's limit is said already: an engine refuses to change from CPUs to a quota or back.
// The API takes zero CPUs for "leave as it is", and a quota of -1 beside CPUs holds only until the next start; so no limit is all of the
// engine's CPUs.
func (c *Client) limitCPUs(ctx context.Context, id string, nano int64, into *container.Resources) error {
	inspected, err := c.api.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	if err != nil {
		return c.wrap(err, "inspect container %s", short(id))
	}
	if host := inspected.Container.HostConfig; host != nil && host.NanoCPUs == 0 && (host.CPUQuota != 0 || host.CPUPeriod != 0) {
		period := host.CPUPeriod
		if period == 0 {
			period = cpuPeriod
		}
		if into.CPUQuota = nano * period / 1e9; nano == 0 {
			into.CPUQuota = -1
		}
		return nil
	}
	if into.NanoCPUs = nano; nano == 0 {
		all, err := c.allCPUs(ctx)
		if err != nil {
			return err
		}
		into.NanoCPUs = all
	}
	return nil
}

// allCPUs is the engine's number of CPUs, in billionths.
func (c *Client) allCPUs(ctx context.Context) (int64, error) {
	result, err := c.api.Info(ctx, client.InfoOptions{})
	if err != nil {
		return 0, c.wrap(err, "ask the engine how many CPUs it has")
	}
	return int64(result.Info.NCPU) * 1e9, nil
}

// limits are a container's: billionths of a CPU and bytes, 0 where there is none. A limit of all CPUs is none.
func (c *Client) limits(ctx context.Context, host *container.HostConfig) (nanoCPUs, memory int64, err error) {
	nanoCPUs, memory = host.NanoCPUs, max(0, host.Memory)
	if memory >= unlimited {
		memory = 0
	}
	if nanoCPUs == 0 && host.CPUQuota > 0 {
		period := host.CPUPeriod
		if period == 0 {
			period = cpuPeriod
		}
		nanoCPUs = int64(float64(host.CPUQuota) / float64(period) * 1e9)
	}
	if nanoCPUs >= 1e9 {
		all, err := c.allCPUs(ctx)
		if err != nil {
			return 0, 0, err
		}
		if nanoCPUs >= all {
			nanoCPUs = 0
		}
	}
	return nanoCPUs, memory, nil
}
