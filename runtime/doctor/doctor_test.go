package doctor

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
)

type patient struct {
	info   engine.Info
	images map[string]bool
}

func (p patient) Info(context.Context) (engine.Info, error) { return p.info, nil }
func (p patient) Image(_ context.Context, ref string) (engine.Image, error) {
	if p.images[ref] {
		return engine.Image{}, nil
	}
	return engine.Image{}, fmt.Errorf("image %s: %w", ref, engine.ErrNotFound)
}

var roomy = Host{
	LookPath:  func(name string) (string, error) { return "/usr/bin/" + name, nil },
	FreeBytes: func(string) (uint64, error) { return 50 << 30, nil },
	TempDir:   "/tmp",
}

var healthy = engine.Info{Name: "docker", Version: "20.10.24", APIVersion: "1.41", OS: "linux", Arch: "amd64",
	KernelVersion: "6.1", CgroupVersion: "2", CPUs: 2, MemoryBytes: 8 << 30, Address: "unix:///var/run/docker.sock"}

func check(t *testing.T, results []Result, name string) Result {
	t.Helper()
	for _, r := range results {
		if r.Check == name {
			return r
		}
	}
	require.Failf(t, "no such check", "%s in %v", name, results)
	return Result{}
}

func TestAHealthyMachineHasNothingToSay(t *testing.T) {
	results := Run(t.Context(), roomy, func(context.Context) (Engine, error) {
		return patient{healthy, map[string]bool{baseImage: true}}, nil
	})
	require.True(t, Healthy(results))
	for _, r := range results {
		require.Equal(t, OK, r.State, "%+v", r)
		require.Empty(t, r.Next, "%+v", r)
	}
}

func TestEachIllnessIsNamedWithItsCure(t *testing.T) {
	with := func(change func(*engine.Info)) engine.Info {
		info := healthy
		change(&info)
		return info
	}
	tests := []struct {
		name  string
		info  engine.Info
		check string
		state State
		next  string
	}{
		{"an engine from before API 1.41", with(func(i *engine.Info) { i.APIVersion = "1.9" }), "engine API", Failed, "update the engine"},
		{"Windows containers", with(func(i *engine.Info) { i.OS = "windows" }), "engine platform", Failed, "Linux containers"},
		{"little memory", with(func(i *engine.Info) { i.MemoryBytes = 1 << 30 }), "engine memory", Warning, "more memory"},
		{"a rootless engine", with(func(i *engine.Info) { i.Rootless = true }), "control groups", Warning, "rootful"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			results := Run(t.Context(), roomy, func(context.Context) (Engine, error) { return patient{info: tc.info}, nil })
			r := check(t, results, tc.check)
			require.Equal(t, tc.state, r.State)
			require.Contains(t, r.Next, tc.next)
			require.Equal(t, tc.state != Failed, Healthy(results))
		})
	}
}

func TestAMissingEngineIsOneFailureNotSix(t *testing.T) {
	results := Run(t.Context(), roomy, func(context.Context) (Engine, error) {
		return nil, hint.Wrap(engine.ErrUnreachable, "start Docker")
	})
	require.False(t, Healthy(results))
	require.Equal(t, Result{"engine", Failed, "container engine not reachable", "start Docker"}, check(t, results, "engine"))
	require.Equal(t, Skipped, check(t, results, "base image").State)
}

func TestAFullDiskAndAMissingBootstrapToolAreWarnings(t *testing.T) {
	poor := roomy
	poor.FreeBytes = func(string) (uint64, error) { return 100 << 20, nil }
	poor.LookPath = func(string) (string, error) { return "", errors.New("not found") }
	results := Run(t.Context(), poor, func(context.Context) (Engine, error) { return patient{info: healthy}, nil })
	require.True(t, Healthy(results))
	require.Equal(t, Warning, check(t, results, "disk").State)
	require.Contains(t, check(t, results, "base image").Next, bootstrapTool)
}
