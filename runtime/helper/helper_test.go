package helper_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/control"
	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/helper"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/plan"
	"github.com/ddsctl/ddsctl/runtime/ready"
	"github.com/ddsctl/ddsctl/runtime/wire"
)

const sharded = `
services:
  redis: {image: redis, scale: 3, networks: [back]}
  twemproxy: {image: twemproxy, depends_on: [redis], networks: {back: {}, front: {aliases: [cache]}}}
  legacy: {image: legacy, network_mode: "service:twemproxy"}
networks: {back: {}, front: {}, spare: {}}
`

func load(t *testing.T, text string) plan.Spec {
	t.Helper()
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{WorkingDir: "/lab",
		ConfigFiles: []types.ConfigFile{{Filename: "compose.yaml", Content: []byte(text)}}},
		func(o *loader.Options) { o.SetProjectName("lab", true); o.SkipConsistencyCheck = true })
	require.NoError(t, err)
	return plan.Spec{Lab: "sharded-redis", Project: project}
}

func want(t *testing.T, spec plan.Spec) map[string]plan.Service {
	t.Helper()
	desired, err := plan.Want(spec)
	require.NoError(t, err)
	services := map[string]plan.Service{}
	for _, s := range desired.Services {
		services[s.Name] = s
	}
	return services
}

func TestTheLabsOwnServicesStayWhatTheyWere(t *testing.T) {
	spec := load(t, sharded)
	before := want(t, spec)
	with, err := helper.Add(spec, helper.Options{Targets: []string{"redis://cache:22121"}})
	require.NoError(t, err)
	after := want(t, with)
	for name, s := range before {
		require.Equal(t, s.Hash, after[name].Hash, name)
	}
	require.Len(t, after, len(before)+2)
	require.NotContains(t, spec.Project.Services, helper.WireService, "what was handed in is not changed")
	require.NotContains(t, spec.Project.Volumes, "ddsctl-journal")
}

func TestOneHelperAloneIsMadeAnewForALabFromElsewhere(t *testing.T) {
	for _, c := range []struct {
		options helper.Options
		signed  string
	}{{helper.Options{}, helper.WireService}, {helper.Options{NoWire: true}, helper.ClientService}, {helper.Options{NoClient: true}, helper.WireService}} {
		hashes := func(source, options string) map[string]string {
			spec := load(t, sharded)
			spec.Source, spec.Options = source, options
			with, err := helper.Add(spec, c.options)
			require.NoError(t, err)
			byService := map[string]string{}
			for name, s := range want(t, with) {
				byService[name] = s.Hash
			}
			return byService
		}
		before := hashes("catalogue", "")
		require.Equal(t, before, hashes("catalogue", ""))
		for _, after := range []map[string]string{hashes("/home/me/mine", ""), hashes("catalogue", `{"variant":"eject"}`)} {
			require.NotEqual(t, before[c.signed], after[c.signed])
			after[c.signed] = before[c.signed]
			require.Equal(t, before, after)
		}
	}
}

func TestAHelperHasNothingToHarmTheHostWith(t *testing.T) {
	with, err := helper.Add(load(t, sharded), helper.Options{})
	require.NoError(t, err)
	services := want(t, with)
	for _, name := range []string{helper.WireService, helper.ClientService} {
		spec := services[name].Container(1)
		s := spec.Service
		require.Equal(t, []string{"ALL"}, s.CapDrop, name)
		require.True(t, s.ReadOnly, name)
		require.False(t, s.Privileged, name)
		require.Empty(t, s.Ports, name)
		require.Contains(t, s.SecurityOpt, "no-new-privileges:true", name)
		for _, m := range spec.Mounts {
			require.NotEqual(t, engine.MountBind, m.Kind, "%s sees nothing of the host's files", name)
		}
		require.Equal(t, "sharded-redis", spec.Labels[engine.LabelLab], name)
	}
	require.Equal(t, []string{"NET_ADMIN"}, services[helper.WireService].Container(1).Service.CapAdd)
	require.Empty(t, services[helper.ClientService].Container(1).Service.CapAdd)
	require.Equal(t, "host", services[helper.WireService].Container(1).NetworkMode)
	require.Equal(t, "wire", services[helper.WireService].Container(1).Labels[engine.LabelHelper])
}

func TestTheClientIsOnTheNetworksThatServicesUse(t *testing.T) {
	with, err := helper.Add(load(t, sharded), helper.Options{Workloads: []map[string]string{{"target": "redis://twemproxy:22121"}}})
	require.NoError(t, err)
	spec := want(t, with)[helper.ClientService].Container(1)
	var names []string
	for _, a := range spec.Networks {
		names = append(names, a.Network)
	}
	require.ElementsMatch(t, []string{"lab_back", "lab_front"}, names)
	require.Len(t, spec.Files, 1)
	require.Equal(t, helper.WorkloadsFile, spec.Files[0].Path)
	var workloads []map[string]string
	require.NoError(t, json.Unmarshal(spec.Files[0].Content, &workloads))
	require.Equal(t, "redis://twemproxy:22121", workloads[0]["target"])
}

func TestTheClientStartsWhenItsTargetsAreReady(t *testing.T) {
	spec := load(t, sharded)
	spec.Probes = map[string][]ready.Probe{"twemproxy": {{Kind: ready.TCP, Port: 22121}}}
	for name, story := range map[string]struct {
		targets []string
		want    []plan.Dependency
	}{
		"none":                         {nil, nil},
		"a service with a probe":       {[]string{"redis://twemproxy:22121"}, []plan.Dependency{{Service: "twemproxy", Condition: types.ServiceConditionHealthy}}},
		"by an alias":                  {[]string{"redis://cache:22121"}, []plan.Dependency{{Service: "twemproxy", Condition: types.ServiceConditionHealthy}}},
		"one replica, without a probe": {[]string{"redis://lab-redis-2:6379"}, []plan.Dependency{{Service: "redis", Condition: types.ServiceConditionStarted}}},
		"outside of the lab":           {[]string{"http://example.com/", "%%%"}, nil},
	} {
		with, err := helper.Add(spec, helper.Options{Targets: story.targets})
		require.NoError(t, err, name)
		require.Equal(t, story.want, want(t, with)[helper.ClientService].DependsOn, name)
	}
}

func TestTheClientSeesTheVolumesThatItsWorkloadsNeedFilesOf(t *testing.T) {
	spec := load(t, sharded+"volumes: {tls: {}, other: {}}")
	with, err := helper.Add(spec, helper.Options{Files: []string{"/volumes/tls/ca.pem", "/volumes/tls/sub/../b.pem", "/etc/own.pem"}})
	require.NoError(t, err)
	var mounts []types.ServiceVolumeConfig
	for _, v := range with.Project.Services[helper.ClientService].Volumes {
		if v.Type == types.VolumeTypeVolume {
			mounts = append(mounts, v)
		}
	}
	require.Equal(t, []types.ServiceVolumeConfig{{Type: types.VolumeTypeVolume, Source: "tls", Target: "/volumes/tls", ReadOnly: true}}, mounts)

	_, err = helper.Add(spec, helper.Options{Files: []string{"/volumes/tls/../keys/ca.pem"}})
	require.ErrorContains(t, err, `no volume "keys"`)
}

func TestNothingWaitsForAHelperAndItMayFail(t *testing.T) {
	with, err := helper.Add(load(t, sharded), helper.Options{Targets: []string{"redis://twemproxy:22121"}})
	require.NoError(t, err)
	desired, err := plan.Want(with)
	require.NoError(t, err)
	p, err := plan.Make(desired, engine.State{}, plan.Options{})
	require.NoError(t, err)
	steps := 0
	for _, step := range p.Steps {
		if step.Service != helper.WireService && step.Service != helper.ClientService {
			for _, j := range step.After {
				other := p.Steps[j].Service
				require.False(t, other == helper.WireService || other == helper.ClientService, "%s waits for %s", step, p.Steps[j])
			}
			continue
		}
		steps++
		require.True(t, step.Optional, step.String())
		require.NotEqual(t, plan.WaitReady, step.Kind, step.String())
	}
	require.Equal(t, 4, steps, "each is created and started")
}

func TestALabWithoutNetworksHasNoClient(t *testing.T) {
	with, err := helper.Add(load(t, "services: {app: {image: app, network_mode: host}}"), helper.Options{})
	require.NoError(t, err)
	require.NotContains(t, with.Project.Services, helper.ClientService)
	require.Contains(t, with.Project.Services, helper.WireService)
}

func TestNobodyElseMayCallItselfAHelper(t *testing.T) {
	for _, text := range []string{
		"services: {ddsctl-wire: {image: mine}}",
		"services: {mine: {image: mine, labels: {ddsctl.helper: wire}}}",
	} {
		_, err := helper.Add(load(t, text), helper.Options{})
		require.ErrorContains(t, err, "ddsctl's own")
		require.NotEmpty(t, hint.Of(err))
	}
}

func address(text string) netip.Addr { return netip.MustParseAddr(text) }

func running() engine.State {
	container := func(id, service string, number int, labels map[string]string, addresses map[string]netip.Addr) engine.Container {
		if labels == nil {
			labels = map[string]string{}
		}
		return engine.Container{ID: id, Name: "lab-" + id, Service: service, Number: number, Phase: engine.PhaseRunning, Labels: labels, Addresses: addresses}
	}
	return engine.State{
		Containers: []engine.Container{
			container("r1", "redis", 1, nil, map[string]netip.Addr{"lab_back": address("10.1.0.2")}),
			container("r2", "redis", 2, nil, map[string]netip.Addr{"lab_back": address("10.1.0.3")}),
			container("p", "twemproxy", 1, nil, map[string]netip.Addr{"lab_back": address("10.1.0.4"), "lab_front": address("10.2.0.2")}),
			container("l", "legacy", 1, map[string]string{plan.LabelShares: "network=p"}, nil),
			container("c", helper.ClientService, 1, map[string]string{engine.LabelHelper: engine.HelperClient}, map[string]netip.Addr{"lab_front": address("10.2.0.3")}),
			container("w", helper.WireService, 1, map[string]string{engine.LabelHelper: engine.HelperWire}, nil),
		},
		Networks: []engine.Network{
			{Name: "lab_back", Bridge: "br-1", Subnets: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/24")}, Gateways: []netip.Addr{address("10.1.0.1")}},
			{Name: "lab_front", Bridge: "br-2", Subnets: []netip.Prefix{netip.MustParsePrefix("10.2.0.0/24")}, Gateways: []netip.Addr{address("10.2.0.1")}},
		},
	}
}

func TestTopologyNamesWhatPeopleName(t *testing.T) {
	topology := helper.Topology("lab", running())
	require.NoError(t, topology.Validate())
	require.Equal(t, map[string][]netip.Addr{
		"redis-1": {address("10.1.0.2")}, "redis-2": {address("10.1.0.3")},
		"twemproxy": {address("10.1.0.4"), address("10.2.0.2")}, "client": {address("10.2.0.3")},
	}, topology.Nodes)
	for name, nodes := range map[string][]string{
		"redis": {"redis-1", "redis-2"}, "legacy": {"twemproxy"}, "client": {"client"}, helper.ClientService: {"client"},
	} {
		expanded, err := topology.Expand([]string{name})
		require.NoError(t, err)
		require.Equal(t, nodes, expanded, name)
	}
	require.Len(t, topology.Networks, 2)
}

func TestAStoppedNodesLastAddressIsNotItsOwnAnyMore(t *testing.T) {
	state := running()
	state.Containers[0].Phase = engine.PhaseExited
	state.Containers[1].Addresses = map[string]netip.Addr{"lab_back": address("10.1.0.2")}
	topology := helper.Topology("lab", state)
	require.NoError(t, topology.Validate())
	require.Empty(t, topology.Nodes["redis-1"])
	require.Equal(t, []netip.Addr{address("10.1.0.2")}, topology.Nodes["redis-2"])
}

// inside stands for an engine whose wire helper serves handlers.
type inside struct {
	state    engine.State
	handlers control.Handlers
}

func (e inside) State(context.Context, string) (engine.State, error) { return e.state, nil }

func (e inside) OpenExec(ctx context.Context, id string, command []string) (io.ReadWriteCloser, error) {
	if id != "w" || len(command) != 3 || command[0] != "/ddsctl" {
		return nil, errors.New("not the wire helper's bridge")
	}
	here, there := net.Pipe()
	go func() { _ = control.ServeStream(ctx, there, e.handlers) }()
	return here, nil
}

func TestConfigureTellsTheWireWhoIsWho(t *testing.T) {
	var told wire.Topology
	e := inside{running(), control.Handlers{wire.MethodConfigure: control.Func(func(_ context.Context, t wire.Topology) (struct{}, error) {
		told = t
		return struct{}{}, nil
	})}}
	require.NoError(t, helper.Configure(t.Context(), e, "lab"))
	require.Equal(t, helper.Topology("lab", e.state), told)
}

func TestAHelperThatIsNotThereIsSaidToBeAbsent(t *testing.T) {
	state := running()
	state.Containers[5].Phase = engine.PhaseExited
	_, err := helper.Dial(t.Context(), inside{state: state}, "lab", engine.HelperWire)
	require.ErrorIs(t, err, helper.ErrAbsent)
	require.ErrorContains(t, err, "exited")
	require.Contains(t, hint.Of(err), "lab up")

	state.Containers = state.Containers[:5]
	_, err = helper.Dial(t.Context(), inside{state: state}, "lab", engine.HelperWire)
	require.ErrorIs(t, err, helper.ErrAbsent)
}
