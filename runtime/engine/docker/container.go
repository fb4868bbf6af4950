package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

// CreateContainer creates a container with its files and networks, not started. A container that could not be made whole is
// removed again.
func (c *Client) CreateContainer(ctx context.Context, spec engine.ContainerSpec) (string, error) {
	options, rest, err := createOptions(spec)
	if err != nil {
		return "", fmt.Errorf("container %s: %w", spec.Name, err)
	}
	created, err := c.api.ContainerCreate(ctx, options)
	if err != nil {
		return "", c.wrap(err, "create container %s", spec.Name)
	}
	if err := c.complete(ctx, created.ID, spec, rest); err != nil {
		// The context may be what failed; the removal must not fail with it.
		cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return "", errors.Join(err, c.RemoveContainer(cleanup, created.ID))
	}
	return created.ID, nil
}

func (c *Client) complete(ctx context.Context, id string, spec engine.ContainerSpec, rest []engine.Attachment) error {
	for _, a := range rest {
		if err := c.connect(ctx, a.Network, id, spec, a); err != nil {
			return err
		}
	}
	if len(spec.Files) == 0 {
		return nil
	}
	if !spec.Service.ReadOnly {
		return c.CopyTo(ctx, id, spec.Files)
	}
	byFolder := map[string][]engine.File{}
	for _, f := range spec.Files {
		byFolder[path.Dir(f.Path)] = append(byFolder[path.Dir(f.Path)], f)
	}
	for _, dir := range slices.Sorted(maps.Keys(byFolder)) {
		if err := c.copyInto(ctx, id, dir, byFolder[dir]); err != nil {
			return err
		}
	}
	return nil
}

func (c *Client) connect(ctx context.Context, networkName, id string, spec engine.ContainerSpec, a engine.Attachment) error {
	settings, err := endpointSettings(spec.Service, a)
	if err != nil {
		return err
	}
	_, err = c.api.NetworkConnect(ctx, networkName, client.NetworkConnectOptions{Container: id, EndpointConfig: settings})
	return c.wrap(err, "connect %s to network %s", spec.Name, networkName)
}

// ConnectNetwork joins a container to a network.
func (c *Client) ConnectNetwork(ctx context.Context, id string, a engine.Attachment) error {
	return c.connect(ctx, a.Network, id, engine.ContainerSpec{Name: short(id)}, a)
}

// DisconnectNetwork takes a container out of a network; that it is not in it is no error.
func (c *Client) DisconnectNetwork(ctx context.Context, id, networkName string) error {
	_, err := c.api.NetworkDisconnect(ctx, networkName, client.NetworkDisconnectOptions{Container: id, Force: true})
	if errdefs.IsNotFound(err) || err != nil && strings.Contains(err.Error(), "is not connected") {
		return nil
	}
	return c.wrap(err, "disconnect %s from network %s", short(id), networkName)
}

func short(id string) string { return id[:min(12, len(id))] }

// StartContainer starts a container; that it runs already is no error.
func (c *Client) StartContainer(ctx context.Context, id string) error {
	_, err := c.api.ContainerStart(ctx, id, client.ContainerStartOptions{})
	return c.wrap(err, "start container %s", short(id))
}

// StopContainer asks a container to stop and kills it after timeout; nil is the container's own grace period.
func (c *Client) StopContainer(ctx context.Context, id string, timeout *time.Duration) error {
	options := client.ContainerStopOptions{}
	if timeout != nil {
		seconds := int((*timeout + time.Second - 1) / time.Second)
		options.Timeout = &seconds
	}
	_, err := c.api.ContainerStop(ctx, id, options)
	return c.wrap(err, "stop container %s", short(id))
}

// RestartContainer stops a container, then starts it.
func (c *Client) RestartContainer(ctx context.Context, id string, timeout *time.Duration) error {
	options := client.ContainerRestartOptions{}
	if timeout != nil {
		seconds := int((*timeout + time.Second - 1) / time.Second)
		options.Timeout = &seconds
	}
	_, err := c.api.ContainerRestart(ctx, id, options)
	return c.wrap(err, "restart container %s", short(id))
}

// KillContainer sends a signal, such as SIGKILL, to a container's first process.
func (c *Client) KillContainer(ctx context.Context, id, signal string) error {
	_, err := c.api.ContainerKill(ctx, id, client.ContainerKillOptions{Signal: signal})
	return c.wrap(err, "send %s to container %s", signal, short(id))
}

// PauseContainer freezes all of a container's processes.
func (c *Client) PauseContainer(ctx context.Context, id string) error {
	_, err := c.api.ContainerPause(ctx, id, client.ContainerPauseOptions{})
	return c.wrap(err, "pause container %s", short(id))
}

// UnpauseContainer lets a frozen container go on.
func (c *Client) UnpauseContainer(ctx context.Context, id string) error {
	_, err := c.api.ContainerUnpause(ctx, id, client.ContainerUnpauseOptions{})
	return c.wrap(err, "unpause container %s", short(id))
}

// RemoveContainer removes a container, running or not, with its anonymous volumes; that it is gone is no error.
func (c *Client) RemoveContainer(ctx context.Context, id string) error {
	_, err := c.api.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	if errdefs.IsNotFound(err) {
		return nil
	}
	if errdefs.IsConflict(err) {
		// Somebody else is removing it: wait until it is gone, so that its network can go next.
		return c.waitRemoved(ctx, id, err)
	}
	return c.wrap(err, "remove container %s", short(id))
}

func (c *Client) waitRemoved(ctx context.Context, id string, cause error) error {
	wait := c.api.ContainerWait(ctx, id, client.ContainerWaitOptions{Condition: container.WaitConditionRemoved})
	select {
	case <-wait.Result:
		return nil
	case err := <-wait.Error:
		if errdefs.IsNotFound(err) {
			return nil
		}
		return c.wrap(errors.Join(cause, err), "remove container %s", short(id))
	}
}

// WaitContainer waits until a container does not run, and returns its exit code.
func (c *Client) WaitContainer(ctx context.Context, id string) (int, error) {
	wait := c.api.ContainerWait(ctx, id, client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
	select {
	case result := <-wait.Result:
		if result.Error != nil {
			return int(result.StatusCode), fmt.Errorf("wait for container %s: %s", short(id), result.Error.Message)
		}
		return int(result.StatusCode), nil
	case err := <-wait.Error:
		return 0, c.wrap(err, "wait for container %s", short(id))
	}
}

// InspectContainer reads one container.
func (c *Client) InspectContainer(ctx context.Context, id string) (engine.Container, error) {
	list, err := c.api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: client.Filters{}.Add("id", id)})
	if err != nil {
		return engine.Container{}, c.wrap(err, "inspect container %s", short(id))
	}
	if len(list.Items) == 0 {
		return engine.Container{}, fmt.Errorf("inspect container %s: %w", short(id), engine.ErrNotFound)
	}
	return containerOf(list.Items[0]), nil
}

// CopyTo writes files into a container, running or not, with the folders they need.
func (c *Client) CopyTo(ctx context.Context, id string, files []engine.File) error {
	return c.copyInto(ctx, id, "/", files)
}

func (c *Client) copyInto(ctx context.Context, id, dir string, files []engine.File) error {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, f := range files {
		name := f.Path[len(dir):]
		if dir != "/" {
			name = path.Base(f.Path)
		}
		header := &tar.Header{Name: name, Mode: int64(f.Mode), Size: int64(len(f.Content)), Uid: f.UID, Gid: f.GID, Typeflag: tar.TypeReg}
		if err := w.WriteHeader(header); err != nil {
			return fmt.Errorf("pack %s: %w", f.Path, err)
		}
		if _, err := w.Write(f.Content); err != nil {
			return fmt.Errorf("pack %s: %w", f.Path, err)
		}
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("pack files: %w", err)
	}
	// Without CopyUIDGID the archive's own owners count; with it the engine looks the container's user up on its host, where it may not be.
	_, err := c.api.CopyToContainer(ctx, id, client.CopyToContainerOptions{DestinationPath: dir, Content: &archive})
	return c.wrap(err, "copy files into container %s", short(id))
}

// maxFile bounds what ReadFile reads.
const maxFile = 16 << 20

// ReadFile reads one file of a container, running or not.
func (c *Client) ReadFile(ctx context.Context, id, name string) ([]byte, error) {
	result, err := c.api.CopyFromContainer(ctx, id, client.CopyFromContainerOptions{SourcePath: name})
	if err != nil {
		return nil, c.wrap(err, "read %s of container %s", name, short(id))
	}
	defer func() { _ = result.Content.Close() }()
	r := tar.NewReader(result.Content)
	header, err := r.Next()
	if err != nil {
		return nil, fmt.Errorf("read %s of container %s: %w", name, short(id), err)
	}
	if header.Typeflag != tar.TypeReg || header.Size > maxFile {
		return nil, fmt.Errorf("read %s of container %s: not a regular file of at most %d bytes", name, short(id), maxFile)
	}
	return io.ReadAll(r)
}
