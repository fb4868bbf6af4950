// Package docker speaks to Docker's Engine API (1.41 and later), and to Podman's socket, which speaks the same. It is the
// only package that imports the engine's SDK.
//
//	client, err := docker.New(ctx, docker.Options{})
//	state, err := client.State(ctx, "sharded-redis")
package docker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
)

// Options say which engine to speak to.
type Options struct {
	// Host is the engine's address, such as unix:///var/run/docker.sock; "" looks where Docker's own client looks:
	// DOCKER_HOST, the current Docker context, the usual sockets of Docker and Podman.
	Host string
	// Environment reads an environment variable; nil is os.Getenv.
	Environment func(string) string
	// Home is the user's home folder; "" is os.UserHomeDir.
	Home string
}

// Client is one container engine. It is safe for concurrent use.
type Client struct {
	api      *client.Client
	endpoint endpoint
}

// New prepares a client for the engine. It connects when it is first used; Ping says whether an engine answers.
func New(_ context.Context, opts Options) (*Client, error) {
	if opts.Environment == nil {
		opts.Environment = os.Getenv
	}
	if opts.Home == "" {
		opts.Home, _ = os.UserHomeDir() // without a home there are no contexts, and that is all
	}
	where, err := locate(opts)
	if err != nil {
		return nil, err
	}
	clientOpts := []client.Opt{client.WithHost(where.host), client.WithUserAgent("ddsctl")}
	if where.tls != nil {
		clientOpts = append(clientOpts, client.WithTLSClientConfig(where.tls.ca, where.tls.cert, where.tls.key))
	}
	api, err := client.New(clientOpts...)
	if err != nil {
		return nil, hint.Wrap(fmt.Errorf("engine address %s (%s): %w", where.host, where.source, err),
			"an address looks like unix:///var/run/docker.sock or tcp://HOST:2376")
	}
	return &Client{api: api, endpoint: where}, nil
}

// Close ends the client's connections.
func (c *Client) Close() error { return c.api.Close() }

// Address is where the engine is reached.
func (c *Client) Address() string { return c.endpoint.host }

// Ping asks whether an engine answers: engine.ErrUnreachable and engine.ErrPermission tell why not.
func (c *Client) Ping(ctx context.Context) error {
	_, err := c.api.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true})
	return c.wrap(err, "reach the engine")
}

// Info tells which engine answers and what it can do.
func (c *Client) Info(ctx context.Context) (engine.Info, error) {
	result, err := c.api.Info(ctx, client.InfoOptions{})
	if err != nil {
		return engine.Info{}, c.wrap(err, "ask the engine what it is")
	}
	i := result.Info
	info := engine.Info{
		Name: "docker", Version: i.ServerVersion, APIVersion: c.api.ClientVersion(), OS: i.OSType, Arch: i.Architecture,
		KernelVersion: i.KernelVersion, CgroupVersion: i.CgroupVersion, CPUs: i.NCPU, MemoryBytes: i.MemTotal, Address: c.endpoint.host,
	}
	if strings.Contains(strings.ToLower(i.InitBinary+i.OperatingSystem+c.endpoint.host), "podman") {
		info.Name = "podman"
	}
	for _, option := range i.SecurityOptions {
		if strings.Contains(option, "rootless") {
			info.Rootless = true
		}
	}
	return info, nil
}

// wrap says what was tried, and turns the SDK's errors into the engine's own.
func (c *Client) wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	tried := fmt.Sprintf(format, args...)
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: %w", tried, err)
	case errors.Is(err, os.ErrPermission), strings.Contains(err.Error(), "permission denied while trying to connect"):
		return hint.Wrap(fmt.Errorf("%w at %s", engine.ErrPermission, c.endpoint.host),
			"run as a user who may use the engine: `sudo usermod -aG docker $USER` and log in again, or use sudo")
	case unreachable(err):
		return hint.Wrap(fmt.Errorf("%w at %s (%s): %w", engine.ErrUnreachable, c.endpoint.host, c.endpoint.source, rootCause(err)),
			"start Docker or Podman (`make setup` does it on Debian and Ubuntu, `systemctl start docker` elsewhere on Linux), or name the engine with DOCKER_HOST or --host; `ddsctl doctor` checks more")
	case errdefs.IsNotFound(err):
		return fmt.Errorf("%s: %w: %w", tried, engine.ErrNotFound, err)
	case errdefs.IsConflict(err), podmanConflict(err):
		return fmt.Errorf("%s: %w: %w", tried, engine.ErrConflict, err)
	}
	if port := takenPort(err.Error()); port != "" {
		return hint.Wrap(fmt.Errorf("%s: %w: %s", tried, engine.ErrPortTaken, port),
			"see who listens there with `ss -ltnp 'sport = :%s'`; stop it, or let the lab have free ports: `ddsctl lab up --free-ports`", port)
	}
	return fmt.Errorf("%s: %w", tried, err)
}

// podmanConflict knows Podman's words for what it calls an internal error and Docker a conflict.
func podmanConflict(err error) bool {
	text := err.Error()
	return errdefs.IsInternal(err) && (strings.Contains(text, "name is already in use") || strings.Contains(text, "container state improper"))
}

func unreachable(err error) bool {
	var op *net.OpError
	return client.IsErrConnectionFailed(err) || errors.As(err, &op) && op.Op == "dial"
}

// rootCause is the innermost error: the outer ones repeat the address.
func rootCause(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

// hostPort is an address with a port, as a word of its own or the beginning of one: 127.0.0.1:80, [::]:80, :80, 0.0.0.0:80:172.18.0.2:80/tcp.
var hostPort = regexp.MustCompile(`(?:^|\s)(?:\[[^\]\s]*\]|[^\s:\[]*):(\d+)`)

// takenPort finds the host port in what the engine says when it could not be bound: Docker's proxy, its own allocator and Podman have
// different words for it.
func takenPort(message string) string {
	for _, words := range []string{"port is already allocated", "address already in use"} {
		before, _, found := strings.Cut(message, words)
		if !found {
			continue
		}
		// "... Bind for 127.0.0.1:22121 failed: port is already allocated"
		// "... listen tcp4 127.0.0.1:22121: bind: address already in use"
		// "... failed to bind host port 127.0.0.1:22121/tcp: address already in use"
		if all := hostPort.FindAllStringSubmatch(before, -1); len(all) > 0 {
			return all[len(all)-1][1]
		}
		return "unknown port"
	}
	return ""
}
