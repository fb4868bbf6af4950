package live_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs/format"
	"github.com/ddsctl/ddsctl/runtime/control"
	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/engine/fake"
	"github.com/ddsctl/ddsctl/runtime/helper"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/wire"
	"github.com/ddsctl/ddsctl/scenarios/live"
)

// heard is what a wire helper was told of who is who.
type heard struct {
	mu   sync.Mutex
	told []wire.Topology
}

func (h *heard) last() wire.Topology {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.told[len(h.told)-1]
}

func TestAProjectOfSomebodyElsesIsReadAsItIsNow(t *testing.T) {
	h := &heard{}
	handlers := control.Handlers{
		wire.MethodConfigure: control.Func(func(_ context.Context, topology wire.Topology) (struct{}, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.told = append(h.told, topology)
			return struct{}{}, nil
		}),
		wire.MethodRecords: control.Func(func(context.Context, struct{}) ([]wire.Record, error) { return nil, nil }),
		wire.MethodList:    control.Func(func(context.Context, struct{}) ([]wire.State, error) { return nil, nil }),
	}
	e := fake.New(fake.Options{Program: func(ctx context.Context, p fake.Process) int {
		if p.Exec && strings.Join(p.Command, " ") == "/ddsctl node dial" {
			_ = control.ServeStream(ctx, duplex{p.Stdin, p.Stdout}, handlers)
			return 0
		}
		<-ctx.Done()
		return 137
	}})
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	start := func(service, number string, more map[string]string, env ...string) {
		labels := map[string]string{engine.LabelProject: "shop", engine.LabelService: service, engine.LabelNumber: number}
		for k, v := range more {
			labels[k] = v
		}
		spec := engine.ContainerSpec{Name: "shop-" + service + "-" + number, Project: "shop", NetworkMode: "none", Labels: labels}
		spec.Service.Image, spec.Service.Environment = service, types.NewMappingWithEquals(env)
		id, err := e.CreateContainer(t.Context(), spec)
		require.NoError(t, err)
		require.NoError(t, e.StartContainer(t.Context(), id))
	}
	start("web", "1", nil, "STORE=redis:6379")
	start("redis", "1", nil)
	_, err := live.Open(t.Context(), e, "shop", live.Options{})
	require.ErrorIs(t, err, engine.ErrNotFound, "nothing of ddsctl's stands beside it yet")
	start(helper.WireService, "1", map[string]string{engine.LabelLab: "shop", engine.LabelHelper: engine.HelperWire, engine.LabelAttached: "true"})

	lab := open(t, e, "shop", live.Options{})
	require.NoError(t, lab.DefinitionError)
	require.Equal(t, []format.Link{{From: "web", To: "redis", Port: 6379}}, lab.Definition.Links())
	require.Contains(t, h.last().Nodes, "web")

	start("web", "2", nil)
	open(t, e, "shop", live.Options{})
	require.Contains(t, h.last().Nodes, "web-2", "what has come meanwhile is known")

	err = lab.Scale(t.Context(), map[string]int{"web": 3})
	require.ErrorContains(t, err, "ddsctl has not started it")
	require.Contains(t, hint.Of(err), "docker compose -p shop up")
}
