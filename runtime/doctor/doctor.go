// Package doctor checks whether this machine can run labs, and says what to do where it cannot. Most first failures with
// container tools are failures of the engine or of the host's set-up; each is named here before a lab meets it.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
)

// State is the outcome of one check.
type State string

// The outcomes. Only Failed keeps a lab from running.
const (
	OK      State = "ok"
	Warning State = "warning"
	Failed  State = "failed"
	Skipped State = "skipped" // could not be checked, because something before it failed
)

// Result is what one check found.
type Result struct {
	Check string `json:"check"`
	State State  `json:"state"`
	Text  string `json:"text"`           // what was found
	Next  string `json:"next,omitempty"` // what to do about it
}

// Engine is what the checks ask of a container engine.
type Engine interface {
	Info(ctx context.Context) (engine.Info, error)
	Image(ctx context.Context, ref string) (engine.Image, error)
}

// Host is what the checks ask of the machine that ddsctl runs on.
type Host struct {
	// LookPath finds a program, as exec.LookPath does.
	LookPath func(name string) (string, error)
	// FreeBytes is the free space of the file system that holds path.
	FreeBytes func(path string) (uint64, error)
	TempDir   string
}

// What a lab needs at least.
const (
	minAPI        = "1.41"
	minMemory     = 2 << 30
	minFree       = 2 << 30
	baseImage     = "debian:trixie-slim"
	bootstrapTool = "mmdebstrap"
)

// Run carries out every check, in the order in which they build on one another. connect reaches the engine.
func Run(ctx context.Context, host Host, connect func(context.Context) (Engine, error)) []Result {
	results := []Result{temporaryFiles(host)}

	eng, err := connect(ctx)
	var info engine.Info
	if err == nil {
		info, err = eng.Info(ctx)
	}
	if err != nil {
		results = append(results, Result{"engine", Failed, err.Error(), hint.Of(err)})
		for _, name := range []string{"engine API", "engine platform", "engine memory", "control groups", "base image"} {
			results = append(results, Result{name, Skipped, "the engine does not answer", ""})
		}
		return results
	}
	return append(results,
		Result{"engine", OK, strings.TrimSpace(fmt.Sprintf("%s %s at %s", info.Name, info.Version, info.Address)), ""},
		apiVersion(info), platform(info), memory(info), controlGroups(info), base(ctx, host, eng))
}

// Healthy says that no check failed.
func Healthy(results []Result) bool {
	for _, r := range results {
		if r.State == Failed {
			return false
		}
	}
	return true
}

func temporaryFiles(host Host) Result {
	free, err := host.FreeBytes(host.TempDir)
	switch {
	case err != nil:
		return Result{"disk", Warning, fmt.Sprintf("free space of %s unknown: %v", host.TempDir, err), ""}
	case free < minFree:
		return Result{"disk", Warning, fmt.Sprintf("%s free in %s", gib(int64(free)), host.TempDir),
			"images and labs want about 2 GiB; free some space, or `docker system df` shows what the engine holds"}
	}
	return Result{"disk", OK, fmt.Sprintf("%s free in %s", gib(int64(free)), host.TempDir), ""}
}

func apiVersion(info engine.Info) Result {
	if older(info.APIVersion, minAPI) {
		return Result{"engine API", Failed, "version " + info.APIVersion, "ddsctl needs Engine API " + minAPI + " or later (Docker 20.10): update the engine"}
	}
	return Result{"engine API", OK, "version " + info.APIVersion, ""}
}

func platform(info engine.Info) Result {
	text := info.OS + "/" + info.Arch + ", kernel " + info.KernelVersion
	if info.OS != "linux" {
		return Result{"engine platform", Failed, text, "labs are Linux containers: switch the engine to Linux containers"}
	}
	return Result{"engine platform", OK, text, ""}
}

func memory(info engine.Info) Result {
	text := fmt.Sprintf("%s, %d CPUs", gib(info.MemoryBytes), info.CPUs)
	if info.MemoryBytes < minMemory {
		return Result{"engine memory", Warning, text, "most labs want 1.5 GiB: give the engine's virtual machine more memory"}
	}
	return Result{"engine memory", OK, text, ""}
}

func controlGroups(info engine.Info) Result {
	if info.Rootless {
		return Result{"control groups", Warning, "version " + info.CgroupVersion + ", rootless engine",
			"faults on links and limits on nodes need a rootful engine; starting labs works"}
	}
	return Result{"control groups", OK, "version " + info.CgroupVersion, ""}
}

func base(ctx context.Context, host Host, eng Engine) Result {
	const name = "base image"
	_, err := eng.Image(ctx, baseImage)
	switch {
	case err == nil:
		return Result{name, OK, baseImage + " is there", ""}
	case !errors.Is(err, engine.ErrNotFound):
		return Result{name, Warning, err.Error(), hint.Of(err)}
	}
	if _, err := host.LookPath(bootstrapTool); err != nil {
		return Result{name, Warning, baseImage + " is not there yet; it will be pulled",
			"where no registry can be reached, install the package " + bootstrapTool + ": it makes the image from Debian's packages"}
	}
	return Result{name, OK, baseImage + " is not there yet; it will be pulled, or made by " + bootstrapTool, ""}
}

func gib(n int64) string { return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30)) }

// older compares API versions such as 1.41 number by number. What cannot be read is not called older.
func older(version, than string) bool {
	a, b := strings.Split(version, "."), strings.Split(than, ".")
	for i := range min(len(a), len(b)) {
		x, errX := strconv.Atoi(a[i])
		y, errY := strconv.Atoi(b[i])
		if errX != nil || errY != nil {
			return false
		}
		if x != y {
			return x < y
		}
	}
	return len(a) < len(b)
}
