package probe

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"maps"
	"math"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/ddsctl/ddsctl/runtime/control"
	"github.com/ddsctl/ddsctl/runtime/ready"
	"github.com/ddsctl/ddsctl/runtime/telemetry/component"
	"github.com/ddsctl/ddsctl/runtime/telemetry/probe/cgroup"
)

// Options are the watcher's surroundings. The zero value is that of a helper.
type Options struct {
	Cgroups fs.FS        // nil is /sys/fs/cgroup
	Dialer  ready.Dialer // nil is NewDialer()
}

// How often a component and its probes are asked, and how long an answer may take. Components pay for being asked.
const (
	readEvery   = time.Second
	readTimeout = 2 * time.Second
)

// Bounds of the time between Samples.
const (
	defaultInterval = 500 * time.Millisecond
	minInterval     = 50 * time.Millisecond
)

// Handlers serve MethodWatch.
func Handlers(options Options) control.Handlers {
	if options.Cgroups == nil {
		options.Cgroups = os.DirFS("/sys/fs/cgroup")
	}
	if options.Dialer == nil {
		options.Dialer = NewDialer()
	}
	return control.Handlers{MethodWatch: control.Stream(func(ctx context.Context, ask Ask, emit func(any) error) error {
		return watch(ctx, options, ask, emit)
	})}
}

// watch looks at the nodes until ctx ends or nobody listens. Each node is asked by goroutines of its own, so that one that does not
// answer holds up nothing; all have ended when watch returns.
func watch(ctx context.Context, options Options, ask Ask, emit func(any) error) error {
	ctx, cancel := context.WithCancel(ctx)
	watchers := make([]*watcher, len(ask.Nodes))
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	for i, node := range ask.Nodes {
		w := &watcher{node: node, dialer: options.Dialer}
		watchers[i] = w
		if !node.Address.IsValid() {
			continue
		}
		if node.Component != nil {
			all.Go(func() { every(ctx, readEvery, w.read) })
		}
		if len(node.Probes) > 0 {
			all.Go(func() { every(ctx, readEvery, w.check) })
		}
	}
	groups, err := cgroup.New(options.Cgroups, time.Now)
	why := ""
	if err != nil {
		why = err.Error()
	}
	ticker := time.NewTicker(max(cmp.Or(ask.Interval, defaultInterval), minInterval))
	defer ticker.Stop()
	for {
		if err := emit(sample(watchers, groups, why)); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

func every(ctx context.Context, interval time.Duration, do func(context.Context)) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		do(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func sample(watchers []*watcher, groups *cgroup.Reader, why string) Sample {
	s := Sample{Time: time.Now(), CgroupWhy: why, Nodes: make(map[string]Result, len(watchers))}
	seen := 0
	for _, w := range watchers {
		result := w.last()
		if groups != nil {
			if usage, err := groups.Read(w.node.ID); err == nil {
				seen++
				result.Usage = &usage
			} else if !errors.Is(err, cgroup.ErrNotFound) {
				s.CgroupWhy = err.Error()
			}
		}
		s.Nodes[w.node.ID] = result
	}
	switch {
	case groups == nil:
	case seen > 0:
		s.Cgroup = groups.Version()
	case len(watchers) > 0 && s.CgroupWhy == "":
		s.CgroupWhy = "the control groups of other containers cannot be seen from here (version " + groups.Version() + ")"
	}
	return s
}

// watcher knows the last of one node.
type watcher struct {
	node   Node
	dialer ready.Dialer

	mu     sync.Mutex
	result Result
}

func (w *watcher) last() Result {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.result
}

func (w *watcher) read(ctx context.Context) {
	reader, ok := component.Readers()[w.node.Component.Kind]
	if !ok {
		w.failed(ctx, "no reader for "+w.node.Component.Kind)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	port := cmp.Or(w.node.Component.Port, reader.DefaultPort())
	reading, err := reader.Read(ctx, w.dialer, component.Target{
		Address: net.JoinHostPort(w.node.Address.String(), strconv.Itoa(int(port))),
		Path:    w.node.Component.Path, User: w.node.Component.User, Password: w.node.Component.Password,
	})
	if err != nil {
		w.failed(ctx, err.Error())
		return
	}
	// JSON has no word for them, and a Snapshot leaves out what is not known.
	for _, figures := range []map[string]float64{reading.Gauges, reading.Counters} {
		maps.DeleteFunc(figures, func(_ string, v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.result.Reading, w.result.ReadError = &Reading{Time: time.Now(), Reading: reading}, ""
}

func (w *watcher) failed(ctx context.Context, why string) {
	if errors.Is(ctx.Err(), context.Canceled) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.result.ReadError = why
}

func (w *watcher) check(ctx context.Context) {
	held, why := true, ""
	for _, p := range w.node.Probes {
		if err := ready.Try(ctx, w.dialer, w.node.Address, p); err != nil {
			held, why = false, p.String()+": "+err.Error()
			break
		}
	}
	if ctx.Err() != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.result.Ready, w.result.NotReady = &held, why
}
