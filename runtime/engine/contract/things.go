package contract

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

func labels(t *testing.T, w *world) {
	ctx := t.Context()
	odd := map[string]string{"a": "", "b.c/d": "with = and , and \"quotes\"", "unicode": "ж"}
	for name, value := range w.labels(nil) {
		odd[name] = value
	}
	_, err := w.CreateContainer(ctx, w.spec("s", forever, func(s *engine.ContainerSpec) { s.Labels = odd }))
	require.NoError(t, err)
	n, err := w.CreateNetwork(ctx, engine.NetworkSpec{Name: w.project + "_n", Labels: odd})
	require.NoError(t, err)
	require.Equal(t, odd, n.Labels)
	v, err := w.CreateVolume(ctx, engine.VolumeSpec{Name: w.project + "_v", Labels: odd})
	require.NoError(t, err)
	require.Equal(t, odd, v.Labels)

	state, err := w.State(ctx, w.project)
	require.NoError(t, err)
	require.Len(t, state.Containers, 1)
	require.Len(t, state.Networks, 1)
	require.Len(t, state.Volumes, 1)
	for name, value := range odd { // an image may add its own to a container's
		require.Equal(t, value, state.Containers[0].Labels[name])
	}
	require.Equal(t, odd, state.Networks[0].Labels)
	require.Equal(t, odd, state.Volumes[0].Labels)

	projects, err := w.Projects(ctx)
	require.NoError(t, err)
	require.Equal(t, state, projects[w.project])
}

func foreign(t *testing.T, w *world) {
	ctx := t.Context()
	other := w.project + "-theirs"
	id, err := w.CreateContainer(ctx, w.spec("x", forever, func(s *engine.ContainerSpec) {
		s.Name, s.Project, s.Labels = other+"-web-1", other, map[string]string{engine.LabelProject: other}
	}))
	require.NoError(t, err)
	defer func() { require.NoError(t, w.RemoveContainer(context.Background(), id)) }()
	n, err := w.CreateNetwork(ctx, engine.NetworkSpec{Name: other + "_n", Labels: map[string]string{"owner": "somebody"}})
	require.NoError(t, err)
	defer func() { require.NoError(t, w.RemoveNetwork(context.Background(), n.ID)) }()
	_, err = w.CreateVolume(ctx, engine.VolumeSpec{Name: other + "_v"})
	require.NoError(t, err)
	defer func() { require.NoError(t, w.RemoveVolume(context.Background(), other+"_v")) }()

	state, err := w.State(ctx, w.project)
	require.NoError(t, err)
	require.True(t, state.Empty())
	projects, err := w.Projects(ctx)
	require.NoError(t, err)
	require.NotContains(t, projects, other, "ddsctl did not make it")

	claims, err := w.Claims(ctx, engine.Names{
		Containers: []string{other + "-web-1", other + "-web", w.project}, Networks: []string{other + "_n", other}, Volumes: []string{other + "_v", other + "_"}})
	require.NoError(t, err)
	require.Len(t, claims, 3, "whole names only: %+v", claims)
	byKind := map[string]engine.Claim{}
	for _, c := range claims {
		byKind[c.Kind] = c
		require.False(t, c.Ours())
	}
	require.Equal(t, id, byKind[engine.KindContainer].ID)
	require.Equal(t, other, byKind[engine.KindContainer].Project())
	require.Equal(t, n.ID, byKind[engine.KindNetwork].ID)
	require.Equal(t, map[string]string{"owner": "somebody"}, byKind[engine.KindNetwork].Labels)
	require.Equal(t, other+"_v", byKind[engine.KindVolume].Name)

	nothing, err := w.Claims(ctx, engine.Names{})
	require.NoError(t, err)
	require.Empty(t, nothing)
}

func networks(t *testing.T, w *world) {
	ctx := t.Context()
	front, back := w.network("front"), w.network("back")
	a := w.start("a", forever, func(s *engine.ContainerSpec) {
		s.Networks = []engine.Attachment{{Network: front.Name, Aliases: []string{"a", "alpha"}}, {Network: back.Name, Aliases: []string{"a"}}}
	})
	b := w.start("b", forever, func(s *engine.ContainerSpec) {
		s.Networks = []engine.Attachment{{Network: front.Name, Aliases: []string{"b"}}}
	})
	state, err := w.State(ctx, w.project)
	require.NoError(t, err)
	require.Len(t, state.Networks, 2)
	subnets := map[string][]netip.Prefix{}
	for _, n := range state.Networks {
		require.NotEmpty(t, n.Subnets)
		require.NotEmpty(t, n.Gateways)
		require.NotEmpty(t, n.Bridge)
		require.Equal(t, w.project, n.Project)
		subnets[n.Name] = n.Subnets
	}
	addresses := w.inspect(a).Addresses
	require.Len(t, addresses, 2)
	for name, address := range addresses {
		require.True(t, subnets[name][0].Contains(address), "%s is not in %s", address, subnets[name])
	}
	require.NotEqual(t, addresses[front.Name], w.inspect(b).Addresses[front.Name])

	code, out, _ := w.run(b, "getent", "hosts", "alpha")
	require.Zero(t, code)
	require.Contains(t, out, addresses[front.Name].String())
	code, _, _ = w.run(b, "getent", "hosts", "nobody-is-called-so")
	require.NotZero(t, code)

	require.NoError(t, w.DisconnectNetwork(ctx, a, front.Name))
	require.NoError(t, w.DisconnectNetwork(ctx, a, front.Name), "it is out already")
	require.NotContains(t, w.inspect(a).Addresses, front.Name)
	code, _, _ = w.run(b, "getent", "hosts", "alpha")
	require.NotZero(t, code)
	require.NoError(t, w.ConnectNetwork(ctx, a, engine.Attachment{Network: front.Name, Aliases: []string{"again"}}))
	require.Contains(t, w.inspect(a).Addresses, front.Name)
	w.eventually("resolves again", func() bool { code, _, _ = w.run(b, "getent", "hosts", "again"); return code == 0 })

	shared := w.start("c", forever, func(s *engine.ContainerSpec) { s.NetworkMode = "container:" + b })
	require.Empty(t, w.inspect(shared).Addresses, "it lives in another's network")
	_, out, _ = w.run(shared, "getent", "hosts", "again")
	require.NotEmpty(t, out)
	alone := w.start("d", forever)
	require.Empty(t, w.inspect(alone).Addresses)
}

func ports(t *testing.T, w *world) {
	ctx := t.Context()
	n := w.network("n")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := listener.Addr().(*net.TCPAddr).Port
	require.NoError(t, listener.Close())
	publish := func(published string) func(*engine.ContainerSpec) {
		return func(s *engine.ContainerSpec) {
			s.Networks = []engine.Attachment{{Network: n.Name}}
			s.Service.Ports = []types.ServicePortConfig{{Target: 80, Published: published, HostIP: "127.0.0.1", Protocol: "tcp"}}
		}
	}
	first := w.start("a", forever, publish(itoa(port)))
	require.Equal(t, []engine.Port{{HostIP: netip.MustParseAddr("127.0.0.1"), Host: uint16(port), Container: 80, Protocol: "tcp"}}, w.inspect(first).Ports)
	second := w.create("b", forever, publish(itoa(port)))
	err = w.StartContainer(ctx, second)
	require.ErrorIs(t, err, engine.ErrPortTaken)
	require.ErrorContains(t, err, fmt.Sprint(port))
	require.NotEqual(t, engine.PhaseRunning, w.inspect(second).Phase)
	require.NoError(t, w.RemoveContainer(ctx, first))
	require.NoError(t, w.StartContainer(ctx, second), "once the port is free, it starts")

	third := w.start("c", forever, publish(""))
	require.Len(t, w.inspect(third).Ports, 1)
	require.NotZero(t, w.inspect(third).Ports[0].Host, "the engine chooses one")
}

func volumes(t *testing.T, w *world) {
	ctx := t.Context()
	v, err := w.CreateVolume(ctx, engine.VolumeSpec{Name: w.project + "_v", Labels: w.labels(map[string]string{engine.LabelVolume: "v"})})
	require.NoError(t, err)
	require.Equal(t, "v", v.Key)
	mount := func(readOnly bool) func(*engine.ContainerSpec) {
		return func(s *engine.ContainerSpec) {
			s.Mounts = []engine.Mount{{Kind: engine.MountVolume, Source: v.Name, Target: "/v", ReadOnly: readOnly}}
		}
	}
	id := w.start("a", "echo kept > /v/f", mount(false))
	code, err := w.WaitContainer(ctx, id)
	require.NoError(t, err)
	require.Zero(t, code)
	require.NoError(t, w.RemoveContainer(ctx, id))
	id = w.start("b", "cat /v/f; echo more > /v/g", mount(true))
	code, err = w.WaitContainer(ctx, id)
	require.NoError(t, err)
	require.NotZero(t, code, "it is mounted to be read")
	require.Equal(t, "kept\n", w.logs(id, engine.LogSpec{Tail: -1}))
	d, err := w.Detail(ctx, id)
	require.NoError(t, err)
	require.Len(t, d.Mounts, 1)
	require.Equal(t, engine.Mount{Kind: engine.MountVolume, Source: v.Name, Target: "/v", ReadOnly: true}, d.Mounts[0].Mount)
}
