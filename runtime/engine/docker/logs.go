package docker

import (
	"context"
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"
	"github.com/moby/moby/client/pkg/versions"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

// wholeLogs is the first API version whose engine tells a log to its end to who follows it.
const wholeLogs = "1.42"

// Logs copies a container's log. Following, it goes on until the container ends or ctx does, which is no error.
func (c *Client) Logs(ctx context.Context, id string, spec engine.LogSpec, stdout, stderr io.Writer) error {
	err := c.logs(ctx, id, spec, orDiscard(stdout), orDiscard(stderr))
	if spec.Follow && ctx.Err() != nil {
		return nil
	}
	return err
}

func (c *Client) logs(ctx context.Context, id string, spec engine.LogSpec, stdout, stderr io.Writer) error {
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
	tty := inspected.Container.Config != nil && inspected.Container.Config.Tty
	out, errs := &counted{w: stdout}, &counted{w: stderr}
	err = c.copyLog(ctx, id, options, tty, out, errs)
	if err != nil || !spec.Follow || spec.Tail >= 0 || ctx.Err() != nil || !versions.LessThan(c.api.ClientVersion(), wholeLogs) {
		return err
	}
	// Before Docker 23 an engine may stop telling when the container ends, although there is more: the rest is read from the log.
	options.Follow = false
	err = c.copyLog(ctx, id, options, tty, &rest{w: stdout, skip: out.n}, &rest{w: stderr, skip: errs.n})
	if errors.Is(err, engine.ErrNotFound) {
		return nil // it was removed meanwhile
	}
	return err
}

func (c *Client) copyLog(ctx context.Context, id string, options client.ContainerLogsOptions, tty bool, stdout, stderr io.Writer) error {
	stream, err := c.api.ContainerLogs(ctx, id, options)
	if err != nil {
		return c.wrap(err, "read the log of container %s", short(id))
	}
	defer func() { _ = stream.Close() }()
	if tty {
		_, err = io.Copy(stdout, stream) // a terminal has one stream, and no frames around it
	} else {
		_, err = stdcopy.StdCopy(stdout, stderr, stream)
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return c.wrap(err, "read the log of container %s", short(id))
}

// counted knows how much was written through it.
type counted struct {
	w io.Writer
	n int64
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// rest writes what comes after the first skip bytes.
type rest struct {
	w    io.Writer
	skip int64
}

func (r *rest) Write(p []byte) (int, error) {
	skipped := min(int64(len(p)), r.skip)
	r.skip -= skipped
	if skipped == int64(len(p)) {
		return len(p), nil
	}
	n, err := r.w.Write(p[skipped:])
	return n + int(skipped), err
}
