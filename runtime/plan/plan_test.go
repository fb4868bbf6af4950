package plan

import (
	"context"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/ready"
)

var ctx = context.Background()

const shop = `
services:
  redis: {image: redis, volumes: ["data:/data"]}
  proxy:
    image: twemproxy
    depends_on: [redis]
    ports: ["127.0.0.1:22121:22121"]
    configs: [{source: pools, target: /etc/pools.yml}]
volumes: {data: {}}
configs: {pools: {content: "ketama"}}
`

func TestFromNothingThenNothingToDo(t *testing.T) {
	w := newWorld()
	require.Equal(t, lines(`
		create network lab_default
		create volume lab_data
		create container lab-redis-1
		start container lab-redis-1
		create container lab-proxy-1
		start container lab-proxy-1`), lines(w.up(t, shop).String()))
	again := w.up(t, shop)
	require.True(t, again.Empty(), again.String())

	proxy, _ := w.find("lab-proxy-1")
	require.Equal(t, map[string]string{
		engine.LabelProject: "lab", engine.LabelService: "proxy", engine.LabelNumber: "1", engine.LabelOneOff: "False",
		engine.LabelConfigHash: proxy.ConfigHash, engine.LabelConfigFiles: "/lab/compose.yaml", engine.LabelWorkingDir: "/lab",
		engine.LabelDependsOn: "redis:service_started:false", engine.LabelVersion: "ddsctl",
		engine.LabelLab: "story", engine.LabelSource: "catalogue",
	}, proxy.Labels)
	require.Equal(t, "lab", w.state().Volumes[0].Labels[engine.LabelProject])
	require.Equal(t, "story", w.state().Networks[0].Labels[engine.LabelLab])
}

// Each story starts from a project that runs, changes something, and says what has to be done about it.
func TestWhatAChangeCosts(t *testing.T) {
	const pair = `
services:
  app: {image: app}
  sidecar: {image: sidecar, network_mode: "service:app", pid: "service:app", ports: []}
  other: {image: other}
`
	stories := map[string]struct {
		from, to string
		before   func(*world)
		options  Options
		spec     func(*Spec)
		want     string
	}{
		"a changed config file recreates the one service that reads it": {
			from: shop, to: strings.Replace(shop, "ketama", "modula", 1),
			want: `remove container lab-proxy-1 (its configuration changed)
				create container lab-proxy-1 (its configuration changed)
				start container lab-proxy-1`,
		},
		"a rebuilt image recreates what runs it": {
			from: shop, to: shop, spec: func(s *Spec) { s.ImageIDs = map[string]string{"redis": "sha256:new"} },
			want: `remove container lab-redis-1 (its configuration changed)
				create container lab-redis-1 (its configuration changed)
				start container lab-redis-1`,
		},
		"depends_on, profiles and scale are not configuration": {
			from: shop, to: strings.Replace(shop, "    depends_on: [redis]\n", "    scale: 1\n    profiles: []\n", 1),
			want: ``,
		},
		"a helper that is added leaves the others alone": {
			from: shop, to: strings.Replace(shop, "services:\n", "services:\n  ddsctl-wire: {image: ddsctl, network_mode: host, labels: {ddsctl.helper: wire}}\n", 1),
			want: `create container lab-ddsctl-wire-1
				start container lab-ddsctl-wire-1`,
		},
		"scaled up": {
			from: shop, to: strings.Replace(shop, "{image: redis,", "{image: redis, scale: 3,", 1),
			want: `create container lab-redis-2
				start container lab-redis-2
				create container lab-redis-3
				start container lab-redis-3`,
		},
		"scaled down, the highest numbers go": {
			from: strings.Replace(shop, "{image: redis,", "{image: redis, scale: 4,", 1), to: strings.Replace(shop, "{image: redis,", "{image: redis, scale: 2,", 1),
			want: `remove container lab-redis-4 (scaled down)
				remove container lab-redis-3 (scaled down)`,
		},
		"a service that is gone goes, with the network that only it used": {
			from: strings.Replace(shop, "services:\n", "networks: {back: {}}\nservices:\n  old: {image: old, networks: [back]}\n", 1), to: shop,
			want: `remove container lab-old-1 (its service is gone)
				remove network lab_back (nothing uses it any more)`,
		},
		"what shares a namespace follows its provider": {
			from: pair, to: strings.Replace(pair, "{image: app}", "{image: app:2}", 1),
			want: `remove container lab-sidecar-1 (it shares the network namespace of app, which is recreated)
				remove container lab-app-1 (its configuration changed)
				create container lab-app-1 (its configuration changed)
				start container lab-app-1
				create container lab-sidecar-1 (it shares the network namespace of app, which is recreated)
				start container lab-sidecar-1`,
		},
		"what shares a namespace follows a provider that had died": {
			from: pair, to: pair, before: func(w *world) { w.exit("lab-app-1", 137) },
			want: `remove container lab-sidecar-1 (it shares the network namespace of app, which is started)
				start container lab-app-1 (it had exited with code 137)
				create container lab-sidecar-1 (it shares the network namespace of app, which is started)
				start container lab-sidecar-1`,
		},
		"what shares a namespace with a container that is not there any more": {
			from: pair, to: pair, before: func(w *world) {
				w.relabel("lab-sidecar-1", LabelShares, "network=cOLD,pid=cOLD")
			},
			want: `remove container lab-sidecar-1 (what it shares a namespace with is another container now)
				create container lab-sidecar-1 (what it shares a namespace with is another container now)
				start container lab-sidecar-1`,
		},
		"a container that was created and never started may lack files": {
			from: shop, to: shop, before: func(w *world) { w.phase("lab-redis-1", engine.PhaseCreated) },
			want: `remove container lab-redis-1 (it was never started)
				create container lab-redis-1 (it was never started)
				start container lab-redis-1`,
		},
		"a paused container is resumed": {
			from: shop, to: shop, before: func(w *world) { w.phase("lab-redis-1", engine.PhasePaused) },
			want: `resume container lab-redis-1 (it was paused)`,
		},
		"only the service that was named": {
			from: shop, to: strings.NewReplacer("ketama", "modula", "image: redis", "image: redis:8").Replace(shop),
			options: Options{Services: []string{"proxy"}, NoDeps: true},
			want: `remove container lab-proxy-1 (its configuration changed)
				create container lab-proxy-1 (its configuration changed)
				start container lab-proxy-1`,
		},
		"a changed network takes its containers with it": {
			from: shop, to: shop + "networks: {default: {internal: true}}\n",
			want: `remove container lab-proxy-1 (its configuration changed)
				remove container lab-redis-1 (its configuration changed)
				remove network lab_default (its configuration changed)
				create network lab_default (its configuration changed)
				create container lab-redis-1 (its configuration changed)
				start container lab-redis-1
				create container lab-proxy-1 (its configuration changed)
				start container lab-proxy-1`,
		},
	}
	for name, s := range stories {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.up(t, s.from)
			if s.before != nil {
				s.before(w)
			}
			var change []func(*Spec)
			if s.spec != nil {
				change = append(change, s.spec)
			}
			desired := want(t, s.to, change...)
			p := w.run(t, desired, s.options)
			require.Equal(t, lines(s.want), lines(p.String()))
			after, err := Make(desired, w.state(), s.options)
			require.NoError(t, err)
			require.True(t, after.Empty(), after.String())
		})
	}
}

func TestConditionsDecideWhatAStartWaitsFor(t *testing.T) {
	p := newWorld().up(t, `
services:
  db: {image: db, healthcheck: {test: ["CMD", "ok"]}}
  migrate: {image: m, depends_on: {db: {condition: service_healthy}}}
  cache: {image: c}
  app:
    image: app
    depends_on:
      migrate: {condition: service_completed_successfully}
      cache: {condition: service_started}
`, func(s *Spec) {
		s.Project.Services["app"].DependsOn["nowhere"] = types.ServiceDependency{Required: false}
	})
	require.ElementsMatch(t, []string{"create container lab-migrate-1", "wait until lab-db-1 is ready"}, p.before("start container lab-migrate-1"))
	require.ElementsMatch(t, []string{"create container lab-app-1", "start container lab-cache-1", "wait until lab-migrate-1 is done"},
		p.before("start container lab-app-1"))
	// Containers are created early; only the start waits.
	require.Equal(t, []string{"create network lab_default"}, p.before("create container lab-app-1"))
}

func TestWhichServicesAreMeantToEnd(t *testing.T) {
	with := func(restart, mode string) types.ServiceConfig {
		s := types.ServiceConfig{Restart: restart}
		if mode != "" {
			s.Deploy = &types.DeployConfig{Mode: mode}
		}
		return s
	}
	waiting := with("", "")
	waiting.DependsOn = types.DependsOnConfig{"migration": {Condition: types.ServiceConditionCompletedSuccessfully, Required: true}}
	probed := with(types.RestartPolicyNo, "")
	probed.HealthCheck = &types.HealthCheckConfig{Test: types.HealthCheckTest{"CMD", "true"}}
	services := types.Services{"migration": with("", ""), "app": waiting, "seed": with(types.RestartPolicyNo, ""), "job": with("", "replicated-job"),
		"server": with("", ""), "kept": with(types.RestartPolicyAlways, ""), "probed": probed}
	desired, err := Want(Spec{Project: &types.Project{Name: "p", Services: services}})
	require.NoError(t, err)
	ends := map[string]bool{}
	for _, s := range desired.Services {
		ends[s.Name] = s.Ends
	}
	require.Equal(t, map[string]bool{"migration": true, "app": false, "seed": true, "job": true, "server": false, "kept": false, "probed": false}, ends)
}

func TestAOneShotThatIsDoneIsNotRunAgain(t *testing.T) {
	const yaml = `
services:
  seed: {image: s}
  app: {image: a, depends_on: {seed: {condition: service_completed_successfully}}}
`
	w := newWorld()
	w.up(t, yaml)
	seed, _ := w.find("lab-seed-1")
	require.Equal(t, engine.PhaseExited, seed.Phase)
	require.Empty(t, w.up(t, yaml).Steps)

	w.exit("lab-seed-1", 1)
	require.Equal(t, "start container lab-seed-1 (it had exited with code 1)", lines(w.up(t, yaml).String()))
}

func TestOptionalDependencies(t *testing.T) {
	d := want(t, `
services:
  metrics: {image: m}
  app: {image: a, depends_on: {metrics: {condition: service_started, required: false}}}
`)
	require.False(t, d.Services[0].Optional, "app itself")
	require.True(t, d.Services[1].Optional, "metrics may fail")
}

func TestWhatIsNotOursIsRefusedAndNamed(t *testing.T) {
	theirs := map[string]string{engine.LabelProject: "lab"}
	for name, c := range map[string]struct {
		actual engine.State
		claims []engine.Claim
		names  string
		is     error
	}{
		"a project of Docker Compose": {
			actual: engine.State{Containers: []engine.Container{{ID: "1", Name: "lab-redis-1", Service: "redis", Number: 1, Labels: theirs}}},
			names:  "lab-redis-1", is: engine.ErrForeign},
		"its network": {actual: engine.State{Networks: []engine.Network{{ID: "1", Name: "lab_default", Labels: theirs}}}, names: "lab_default", is: engine.ErrForeign},
		"its volume":  {actual: engine.State{Volumes: []engine.Volume{{Name: "lab_data", Labels: theirs}}}, names: "lab_data", is: engine.ErrForeign},
		"a lone name": {claims: []engine.Claim{{Kind: engine.KindContainer, Name: "lab-proxy-1", ID: "x"}}, names: "lab-proxy-1", is: engine.ErrForeign},
		"another lab's": {claims: []engine.Claim{{Kind: engine.KindVolume, Name: "lab_data", ID: "lab_data",
			Labels: map[string]string{engine.LabelLab: "x", engine.LabelProject: "x"}}}, names: "lab_data", is: engine.ErrConflict},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := Make(want(t, shop), c.actual, Options{Claims: c.claims})
			require.ErrorIs(t, err, c.is)
			require.ErrorContains(t, err, c.names)
			require.Contains(t, hint.Of(err), "--name")
			require.Empty(t, p.Steps)
			require.True(t, Teardown(c.actual, TeardownOptions{}).Empty(), "down does not touch it either")
		})
	}
}

func TestExternalNetworksAndVolumesAreUsedAndNeverMade(t *testing.T) {
	d := want(t, `
services: {app: {image: a, networks: [theirs], volumes: ["disk:/disk"]}}
networks: {theirs: {external: true, name: corp}}
volumes: {disk: {external: true, name: disk}}
`)
	claims := []engine.Claim{{Kind: engine.KindNetwork, Name: "corp", ID: "c"}}
	require.ErrorIs(t, d.CheckExternal(claims), engine.ErrNotFound)
	require.ErrorContains(t, d.CheckExternal(claims), "volume disk")
	claims = append(claims, engine.Claim{Kind: engine.KindVolume, Name: "disk", ID: "disk"})
	require.NoError(t, d.CheckExternal(claims))
	p, err := Make(d, engine.State{}, Options{Claims: claims})
	require.NoError(t, err)
	require.Equal(t, "create container lab-app-1\nstart container lab-app-1", lines(p.String()))
}

func TestWhatCannotBeIsRefused(t *testing.T) {
	for name, c := range map[string]struct{ yaml, says string }{
		"healthy without a meaning": {`services: {a: {image: a, depends_on: {b: {condition: service_healthy}}}, b: {image: b}}`, `"b" is healthy`},
		"a config without content":  {"services: {a: {image: a, configs: [c]}}\nconfigs: {c: {file: ./c.txt}}", "was not read"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Want(Spec{Project: load(t, c.yaml)})
			require.ErrorContains(t, err, c.says)
		})
	}
	twice := load(t, `services: {a: {image: a, container_name: solo}}`)
	a := twice.Services["a"]
	a.SetScale(2)
	twice.Services["a"] = a
	_, err := Want(Spec{Project: twice})
	require.ErrorContains(t, err, "solo")

	circle := load(t, `services: {a: {image: a}, b: {image: b, depends_on: [a]}}`)
	a = circle.Services["a"]
	a.NetworkMode = "service:b"
	circle.Services["a"] = a
	_, err = Want(Spec{Project: circle})
	require.ErrorContains(t, err, "a -> b -> a")
}

func TestAVolumeIsNotThrownAway(t *testing.T) {
	w := newWorld()
	w.up(t, shop)
	_, err := Make(want(t, strings.Replace(shop, "{data: {}}", "{data: {driver_opts: {type: tmpfs}}}", 1)), w.state(), Options{})
	require.ErrorContains(t, err, "lab_data")
	require.Contains(t, hint.Of(err), "lab down")
}

func TestTeardownTakesDependentsFirst(t *testing.T) {
	w := newWorld()
	w.up(t, `
services:
  db: {image: db, volumes: ["data:/d"]}
  app: {image: app, depends_on: [db], scale: 2}
  sidecar: {image: s, network_mode: "service:app"}
volumes: {data: {}}
`)
	p := Teardown(w.state(), TeardownOptions{})
	require.Equal(t, []string{"remove container lab-app-1", "remove container lab-app-2"}, p.before("remove container lab-db-1"))
	require.Equal(t, []string{"remove container lab-sidecar-1"}, p.before("remove container lab-app-1"))
	for _, step := range p.Steps {
		require.NoError(t, w.do(step))
	}
	require.True(t, w.state().Empty())
}

func TestOnlyWhatHasSomethingToSaveIsWaitedForLong(t *testing.T) {
	w := newWorld()
	w.up(t, `
services:
  stateless: {image: a}
  volume: {image: a, volumes: ["data:/d"]}
  folder: {image: a, volumes: ["/srv:/srv"]}
  readonly: {image: a, volumes: ["/srv:/srv:ro"]}
  asked: {image: a, stop_grace_period: 30s}
volumes: {data: {}}
`)
	short := map[string]bool{}
	for _, step := range Teardown(w.state(), TeardownOptions{}).Steps {
		short[step.Service] = step.Grace != nil
	}
	require.Equal(t, map[string]bool{"": false, "stateless": true, "volume": true, "folder": false, "readonly": true, "asked": false}, short)
	for _, step := range Teardown(w.state(), TeardownOptions{KeepVolumes: true}).Steps {
		if step.Service == "volume" {
			require.Nil(t, step.Grace, "its volume stays")
		}
	}
}

func TestSpecificationsOfContainers(t *testing.T) {
	d := want(t, `
services:
  app:
    image: a
    scale: 2
    networks: {front: {aliases: [www], priority: 5}, back: {ipv4_address: 10.9.0.7}}
    volumes: ["./site:/site:ro", "data:/data", {type: tmpfs, target: /run, tmpfs: {size: 1048576}}]
    tmpfs: ["/tmp:size=2m"]
    configs: [plain, {source: plain, target: /etc/x, mode: 0600, uid: "7", gid: "8"}]
    secrets: [key]
networks: {front: {}, back: {name: backbone}}
volumes: {data: {}}
configs: {plain: {content: "hello"}}
secrets: {key: {file: ./key}}
`, func(s *Spec) {
		s.Contents = map[string][]byte{SecretKey("key"): []byte("s3cret")}
		s.Probes = map[string][]ready.Probe{"app": {{Kind: ready.TCP, Port: 80}}}
	})
	c := d.Services[0].Container(2)
	require.Equal(t, "lab-app-2", c.Name)
	require.Equal(t, "2", c.Labels[engine.LabelNumber])
	require.Equal(t, []engine.Attachment{
		{Network: "lab_front", Aliases: []string{"app", "lab-app-2", "www"}},
		{Network: "backbone", Aliases: []string{"app", "lab-app-2"}, IPv4Address: "10.9.0.7"},
	}, c.Networks)
	require.Equal(t, []engine.Mount{
		{Kind: engine.MountBind, Source: "/lab/site", Target: "/site", ReadOnly: true},
		{Kind: engine.MountVolume, Source: "lab_data", Target: "/data"},
		{Kind: engine.MountTmpfs, Target: "/run", SizeBytes: 1 << 20},
		{Kind: engine.MountTmpfs, Target: "/tmp", SizeBytes: 2 << 20},
	}, c.Mounts)
	require.Equal(t, []engine.File{
		{Path: "/plain", Content: []byte("hello"), Mode: 0o444},
		{Path: "/etc/x", Content: []byte("hello"), Mode: 0o600, UID: 7, GID: 8},
		{Path: "/run/secrets/key", Content: []byte("s3cret"), Mode: 0o444},
	}, c.Files)
	require.Equal(t, []string{"lab-app-1", "lab-app-2"}, d.Names().Containers)
}

func (w *world) change(name string, f func(*engine.Container)) {
	c, ok := w.find(name)
	if !ok {
		panic(name)
	}
	f(&c)
	w.containers[c.ID] = c
}

func (w *world) phase(name string, phase engine.Phase) {
	w.change(name, func(c *engine.Container) { c.Phase = phase })
}

func (w *world) exit(name string, code int) {
	w.change(name, func(c *engine.Container) { c.Phase, c.ExitCode = engine.PhaseExited, code })
}

func (w *world) relabel(name, label, value string) {
	w.change(name, func(c *engine.Container) { c.Labels[label] = value })
}

// before is what a step waits for, in words.
func (p Plan) before(text string) []string {
	var words []string
	for _, step := range p.Steps {
		if step.String() == text {
			for _, j := range step.After {
				words = append(words, p.Steps[j].String())
			}
		}
	}
	return words
}

func TestHowALabWasAskedForIsKeptAndChangesNothing(t *testing.T) {
	project := &types.Project{Name: "lab", Services: types.Services{"web": {Name: "web"}}}
	one, err := Want(Spec{Project: project, Options: `{"variant":"a"}`})
	require.NoError(t, err)
	other, err := Want(Spec{Project: project})
	require.NoError(t, err)
	require.Equal(t, `{"variant":"a"}`, one.Services[0].Container(1).Labels[engine.LabelOptions])
	require.NotContains(t, other.Services[0].Container(1).Labels, engine.LabelOptions)
	require.Equal(t, other.Services[0].Hash, one.Services[0].Hash)
}
