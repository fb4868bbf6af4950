package docker

import (
	"context"
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

// Logs copies a container's log. Following, it goes on until the container ends or ctx does, which is no error.
func (c *Client) Logs(ctx context.Context, id string, spec engine.LogSpec, stdout, stderr io.Writer) error {
	options := client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Follow: spec.Follow, Timestamps: spec.Timestamps}
	if spec.Tail >= 0 {
		options.Tail = strconv.Itoa(spec.Tail)
	}
	if !spec.Since.IsZero() {
		options.Since = spec.Since.UTC().Format(time.RFC3339Nano)
	}
	inspected, err := c.api.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	if err != nil {
		return c.wrap(err, "read the log of container %s", short(id))
	}
	stream, err := c.api.ContainerLogs(ctx, id, options)
	if err != nil {
		return c.wrap(err, "read the log of container %s", short(id))
	}
	defer func() { _ = stream.Close() }()
	if inspected.Container.Config != nil && inspected.Container.Config.Tty {
		_, err = io.Copy(orDiscard(stdout), stream) // a terminal has one stream, and no frames around it
	} else {
		_, err = stdcopy.StdCopy(orDiscard(stdout), orDiscard(stderr), stream)
	}
	if err == nil || errors.Is(err, io.EOF) || ctx.Err() != nil && spec.Follow {
		return nil
	}
	return c.wrap(err, "read the log of container %s", short(id))
}
