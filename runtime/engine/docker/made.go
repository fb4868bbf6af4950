package docker

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

// Made is what a container was made with, in the words of Compose, as far as that tells what it does: its image, its command and
// environment with those of the image, its healthcheck, the ports that it exposes and those that are published.
func (c *Client) Made(ctx context.Context, id string) (types.ServiceConfig, error) {
	result, err := c.api.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	if err != nil {
		return types.ServiceConfig{}, c.wrap(err, "inspect container %s", short(id))
	}
	return madeOf(result.Container), nil
}

func madeOf(inspected container.InspectResponse) types.ServiceConfig {
	var s types.ServiceConfig
	config := inspected.Config
	if config == nil {
		return s
	}
	s.Name, s.Image, s.Labels = config.Labels[engine.LabelService], config.Image, config.Labels
	s.Entrypoint, s.Command = config.Entrypoint, config.Cmd
	s.Environment = types.NewMappingWithEquals(config.Env)
	s.HealthCheck = checkOf(config.Healthcheck)
	for port := range config.ExposedPorts {
		s.Expose = append(s.Expose, port.String())
	}
	slices.Sort(s.Expose)
	host := inspected.HostConfig
	if host == nil {
		return s
	}
	for port, bindings := range host.PortBindings {
		for _, b := range bindings {
			p := types.ServicePortConfig{Target: uint32(port.Num()), Protocol: string(port.Proto()), Published: b.HostPort}
			if b.HostIP.IsValid() {
				p.HostIP = b.HostIP.String()
			}
			s.Ports = append(s.Ports, p)
		}
	}
	slices.SortFunc(s.Ports, func(a, b types.ServicePortConfig) int {
		return cmp.Or(cmp.Compare(a.Target, b.Target), cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.HostIP, b.HostIP), cmp.Compare(a.Published, b.Published))
	})
	return s
}

// checkOf is the way back from healthcheck.
func checkOf(h *container.HealthConfig) *types.HealthCheckConfig {
	if h == nil || len(h.Test) == 0 {
		return nil
	}
	if h.Test[0] == "NONE" {
		return &types.HealthCheckConfig{Disable: true}
	}
	check := &types.HealthCheckConfig{Test: h.Test}
	set := func(field **types.Duration, d time.Duration) {
		if d > 0 {
			value := types.Duration(d)
			*field = &value
		}
	}
	set(&check.Interval, h.Interval)
	set(&check.Timeout, h.Timeout)
	set(&check.StartPeriod, h.StartPeriod)
	set(&check.StartInterval, h.StartInterval)
	if h.Retries > 0 {
		retries := uint64(h.Retries)
		check.Retries = &retries
	}
	return check
}
