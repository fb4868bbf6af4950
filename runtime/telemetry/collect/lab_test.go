package collect_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ddsctl/ddsctl/runtime/control"
	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
	"github.com/ddsctl/ddsctl/runtime/telemetry/component"
	"github.com/ddsctl/ddsctl/runtime/telemetry/probe"
	"github.com/ddsctl/ddsctl/runtime/wire"
)

// lab is an engine in memory with a lab in it, whose helpers serve what they would serve.
type lab struct {
	mu       sync.Mutex
	state    engine.State
	gone     error // what the engine answers while it is not there
	events   chan engine.Event
	broken   chan error
	streams  []io.Closer // of the wire helper
	asked    map[string]int
	since    time.Time
	told     []wire.Topology
	asks     []probe.Ask
	cgroups  bool
	records  []wire.Record
	sessions sync.WaitGroup
}

func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{events: make(chan engine.Event), broken: make(chan error), asked: map[string]int{}, since: time.Now(), cgroups: true}
	l.state.Networks = []engine.Network{{Name: "demo_default", Subnets: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}}}
	l.add("redis", "redis", "10.0.0.2", "")
	l.add("client", "ddsctl-client", "10.0.0.3", engine.HelperClient)
	l.add("wire", "ddsctl-wire", "", engine.HelperWire)
	return l
}

func (l *lab) add(id, service, address, helper string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := engine.Container{ID: id, Name: "demo-" + id, Service: service, Number: 1, Phase: engine.PhaseRunning, Labels: map[string]string{}}
	if address != "" {
		c.Addresses = map[string]netip.Addr{"demo_default": netip.MustParseAddr(address)}
	}
	if helper != "" {
		c.Labels[engine.LabelHelper] = helper
	}
	l.state.Containers = append(l.state.Containers, c)
}

func (l *lab) remove(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state.Containers = slices.DeleteFunc(l.state.Containers, func(c engine.Container) bool { return c.ID == id })
}

func (l *lab) State(context.Context, string) (engine.State, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return engine.State{Containers: slices.Clone(l.state.Containers), Networks: l.state.Networks}, l.gone
}

func (l *lab) Events(ctx context.Context, _ string) (<-chan engine.Event, <-chan error) {
	out, errs := make(chan engine.Event), make(chan error, 1)
	l.sessions.Go(func() {
		defer close(out)
		defer close(errs)
		for {
			select {
			case <-ctx.Done():
				return
			case err := <-l.broken:
				errs <- err
				return
			case e := <-l.events:
				select {
				case out <- e:
				case <-ctx.Done():
					return
				}
			}
		}
	})
	return out, errs
}

func (l *lab) count(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked[what]++
}

func (l *lab) times(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.asked[what]
}

// heard is what the wire helpers were told, and asked to look at.
func (l *lab) heard() ([]wire.Topology, []probe.Ask) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.told), slices.Clone(l.asks)
}

func (l *lab) Usage(_ context.Context, id string) (engine.Usage, error) {
	l.count("usage " + id)
	return engine.Usage{Time: time.Now(), CPU: time.Duration(time.Since(l.since).Seconds()*0.25*1e9) * time.Nanosecond, Memory: 77}, nil
}

func (l *lab) Detail(_ context.Context, id string) (engine.Detail, error) {
	l.count("detail " + id)
	return engine.Detail{NanoCPUs: 5e8}, nil
}

func (l *lab) Exec(_ context.Context, id string, spec engine.ExecSpec) (int, error) {
	l.count("exec " + spec.Command[0])
	return 0, nil
}

func (l *lab) OpenExec(ctx context.Context, id string, _ []string) (io.ReadWriteCloser, error) {
	state, _ := l.State(ctx, "")
	if !slices.ContainsFunc(state.Containers, func(c engine.Container) bool { return c.ID == id && c.Phase == engine.PhaseRunning }) {
		return nil, fmt.Errorf("container %s does not run: %w", id, engine.ErrConflict)
	}
	here, there := net.Pipe()
	handlers := l.client()
	if id != "client" {
		handlers = l.wire()
		l.mu.Lock()
		l.streams = append(l.streams, there)
		l.mu.Unlock()
	}
	l.sessions.Go(func() { _ = control.ServeStream(ctx, there, handlers) })
	return here, nil
}

// kill ends the wire helper: its container, and its connections.
func (l *lab) kill(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.state.Containers {
		if l.state.Containers[i].ID == id {
			l.state.Containers[i].Phase = engine.PhaseExited
		}
	}
	for _, s := range l.streams {
		_ = s.Close()
	}
	l.streams = nil
}

func repeat(ctx context.Context, interval time.Duration, emit func(any) error, item func() any) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		if err := emit(item()); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

func (l *lab) client() control.Handlers {
	return control.Handlers{telemetry.MethodTraffic: control.Stream(func(ctx context.Context, _ struct{}, emit func(any) error) error {
		return repeat(ctx, 500*time.Millisecond, emit, func() any {
			return []telemetry.Traffic{{Workload: "redis", Target: "redis://redis:6379", Achieved: 100, Succeeded: 100}}
		})
	})}
}

// rate is what flows from the client to redis, in bytes a second.
const rate = 4000

func (l *lab) wire() control.Handlers {
	nothing := struct{}{}
	began := time.Now()
	return control.Handlers{
		wire.MethodConfigure: control.Func(func(_ context.Context, t wire.Topology) (struct{}, error) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.told = append(l.told, t)
			return nothing, nil
		}),
		wire.MethodCapabilities: control.Func(func(context.Context, struct{}) (wire.Capabilities, error) {
			return wire.Capabilities{Counters: wire.Capability{Mechanism: "nftables"}}, nil
		}),
		wire.MethodRecords: control.Func(func(context.Context, struct{}) ([]wire.Record, error) {
			l.mu.Lock()
			defer l.mu.Unlock()
			return l.records, nil
		}),
		wire.MethodList: control.Func(func(context.Context, struct{}) ([]wire.State, error) { return nil, nil }),
		wire.MethodCounters: control.Stream(func(ctx context.Context, ask wire.CountersAsk, emit func(any) error) error {
			return repeat(ctx, ask.Interval, emit, func() any {
				now := time.Now()
				return wire.Counters{Time: now, Since: began, Links: []wire.LinkCount{{Link: wire.Link{From: "client", To: "redis", Port: 6379, Protocol: "tcp"},
					Forward: wire.Flow{Packets: 1, Bytes: uint64(now.Sub(began).Seconds() * rate)}}}}
			})
		}),
		probe.MethodWatch: control.Stream(func(ctx context.Context, ask probe.Ask, emit func(any) error) error {
			l.mu.Lock()
			l.asks = append(l.asks, ask)
			cgroups := l.cgroups
			l.mu.Unlock()
			first := true
			return repeat(ctx, ask.Interval, emit, func() any {
				now, held := time.Now(), true
				asked := !first // nobody has answered yet
				first = false
				s := probe.Sample{Time: now, CgroupWhy: "not to be seen", Nodes: map[string]probe.Result{}}
				for _, n := range ask.Nodes {
					var r probe.Result
					if cgroups {
						s.Cgroup, s.CgroupWhy = "2", ""
						r.Usage = &engine.Usage{Time: now, CPU: time.Duration(now.Sub(began).Seconds() * 0.5 * 1e9), Memory: 4096}
					}
					if n.Component != nil && asked {
						r.Reading = &probe.Reading{Time: now, Reading: component.Reading{Gauges: map[string]float64{"keys": 3}, Counters: map[string]float64{"commands": now.Sub(began).Seconds() * 100}}}
					}
					if len(n.Probes) > 0 && asked {
						r.Ready = &held
					}
					s.Nodes[n.ID] = r
				}
				return s
			})
		}),
	}
}

var errEngineGone = errors.New("the engine is being restarted")
