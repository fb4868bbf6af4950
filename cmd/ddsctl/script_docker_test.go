package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs/compose/composetest"
	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/engine/docker"
	"github.com/ddsctl/ddsctl/runtime/lifecycle"
	"github.com/ddsctl/ddsctl/runtime/supply"
)

// TestDockerScripts runs what needs an engine. Each script has a name of its own for its lab, NAME, of which nothing may be left.
func TestDockerScripts(t *testing.T) {
	client := dockerEngine(t)
	binary, err := built()
	require.NoError(t, err)
	compose := composetest.Command(t.Context())
	for _, folder := range suites(t, true) {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			p := params(folder)
			p.Condition = func(condition string) (bool, error) {
				switch condition {
				case "docker":
					return true, nil
				case "compose":
					return compose != nil, nil
				}
				return false, fmt.Errorf("no condition %q", condition)
			}
			p.Cmds["foreign"] = foreign(client)
			p.Cmds["listen"] = listen
			p.Cmds["lives"] = lives(client)
			p.Cmds["compose"] = func(ts *testscript.TestScript, neg bool, args []string) {
				if err := ts.Exec(compose[0], append(compose[1:len(compose):len(compose)], args...)...); (err != nil) != neg {
					ts.Fatalf("docker compose %s: %v", strings.Join(args, " "), err)
				}
			}
			p.Setup = func(env *testscript.Env) error {
				name := projectName(filepath.Base(env.WorkDir))
				env.Setenv("NAME", name)
				env.Setenv("DOCKER_HOST", client.Address())
				env.Setenv("DDSCTL_NODE_BINARY", binary)
				env.Defer(func() { leftNothing(t, client, name) })
				return nil
			}
			testscript.Run(t, p)
		})
	}
}

// dockerEngine is the engine that a test needs: it fails without one.
func dockerEngine(t *testing.T) *docker.Client {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a container engine")
	}
	client, err := docker.New(t.Context(), docker.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	require.NoError(t, client.Ping(t.Context()))
	_, err = supply.New(client, supply.Options{Address: client.Address()}).Ensure(t.Context(), []supply.Request{{Ref: supply.Base}}, nil)
	require.NoError(t, err)
	return client
}

func projectName(script string) string {
	return fmt.Sprintf("dcli-%s-%d", strings.TrimPrefix(script, "script-"), os.Getpid())
}

// leftNothing fails a test that leaves something of its project in the engine, and removes it.
func leftNothing(t *testing.T, client *docker.Client, name string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	state, err := client.State(ctx, name)
	if err != nil {
		t.Error(err)
		return
	}
	for _, c := range state.Containers {
		t.Errorf("container %s is left", c.Name)
	}
	for _, n := range state.Networks {
		t.Errorf("network %s is left", n.Name)
	}
	for _, v := range state.Volumes {
		t.Errorf("volume %s is left", v.Name)
	}
	if !state.Empty() {
		if _, err := lifecycle.New(client, lifecycle.Options{Address: client.Address()}).Down(ctx, name, lifecycle.DownOptions{}, nil); err != nil {
			t.Error(err)
		}
	}
}

// foreign is the script command `foreign container|network NAME [PROJECT]`: something that somebody else made, gone at the end. `foreign
// untouched NAME` fails unless the container runs on as it was made.
func foreign(client *docker.Client) func(*testscript.TestScript, bool, []string) {
	ids := map[string]string{}
	return func(ts *testscript.TestScript, _ bool, args []string) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if len(args) < 2 {
			ts.Fatalf("usage: foreign container|network|untouched NAME [PROJECT]")
		}
		labels := map[string]string{}
		if len(args) > 2 {
			labels[engine.LabelProject], labels[engine.LabelService], labels[engine.LabelNumber] = args[2], "web", "1"
		}
		switch name := args[1]; args[0] {
		case "container":
			service := types.ServiceConfig{Name: "web"}
			service.Image, service.Command = supply.Base, types.ShellCommand{"sleep", "infinity"}
			id, err := client.CreateContainer(ctx, engine.ContainerSpec{Name: name, NetworkMode: "none", Labels: labels, Service: service})
			ts.Check(err)
			ids[name] = id
			ts.Defer(func() { ts.Check(client.RemoveContainer(context.Background(), id)) })
			ts.Check(client.StartContainer(ctx, id))
		case "network":
			n, err := client.CreateNetwork(ctx, engine.NetworkSpec{Name: name, Labels: labels})
			ts.Check(err)
			ts.Defer(func() { ts.Check(client.RemoveNetwork(context.Background(), n.ID)) })
		case "untouched":
			c, err := client.InspectContainer(ctx, ids[name])
			ts.Check(err)
			if c.Phase != engine.PhaseRunning || c.Name != name {
				ts.Fatalf("container %s is %s and called %s", name, c.Phase, c.Name)
			}
		}
	}
}

// lives is the script command `lives PROJECT FILE`: it writes what tells whether somebody's containers were touched.
func lives(client *docker.Client) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, _ bool, args []string) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		state, err := client.State(ctx, args[0])
		ts.Check(err)
		var text strings.Builder
		for _, c := range state.Containers {
			life, err := client.Life(ctx, c.ID)
			ts.Check(err)
			fmt.Fprintln(&text, c.ID, c.Name, c.ConfigHash, c.Phase, c.Addresses, life.Started, life.Restarts)
		}
		for _, n := range state.Networks {
			fmt.Fprintln(&text, n.ID, n.Name, n.Labels)
		}
		for _, v := range state.Volumes {
			fmt.Fprintln(&text, v.Name, v.Labels)
		}
		ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text.String()), 0o600))
	}
}

// listen is the script command `listen`: it takes a port of this machine until the script ends, and sets PORT.
func listen(ts *testscript.TestScript, _ bool, _ []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { _ = l.Close() })
	_, port, err := net.SplitHostPort(l.Addr().String())
	ts.Check(err)
	ts.Setenv("PORT", port)
}
