package fault

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/wire"
)

const kindDisk = "disk"

// fillFile is what fills a disk. There is one for each mount, however many faults fill it.
const fillFile = ".ddsctl-fill"

// maxFill bounds what is written: a tmpfs is the host's memory.
const maxFill = 2 << 30

// disk fills a bounded volume or tmpfs of a node. Where nothing bounds it but the host's own disk, it refuses.
type disk struct{}

func (disk) Help() Help {
	return Help{Name: kindDisk, On: OnNodes, Summary: "fill a bounded volume or tmpfs of a node; healing frees it",
		Params:  []Param{{Name: "path", Usage: "where it is mounted in the node; needed where there are several"}},
		Example: "disk mysql --path /var/lib/mysql --for 20s"}
}

func (disk) Before(node engine.Detail, p Params, _ []Standing) (Before, error) {
	if err := alive(kindDisk, node); err != nil {
		return Before{}, err
	}
	if node.Phase == engine.PhasePaused {
		return Before{}, hint.Wrap(fmt.Errorf("disk: nothing can be written in a paused node"), "fill it first, then pause it")
	}
	mount, err := fillable(node, p["path"])
	if err != nil {
		return Before{}, err
	}
	return Before{Path: path.Join(mount.Target, fillFile), Started: node.Started}, nil
}

// fillable finds the mount that is meant.
func fillable(node engine.Detail, at string) (engine.BoundedMount, error) {
	const how = "bound it in compose.yaml: a tmpfs with a size, or a volume with driver_opts {type: tmpfs, device: tmpfs, o: size=64m}"
	var bounded []engine.BoundedMount
	var targets []string
	for _, m := range node.Mounts {
		if at != "" && path.Clean(at) == path.Clean(m.Target) {
			switch {
			case m.ReadOnly:
				return m, fmt.Errorf("disk: %s is read-only in the node", m.Target)
			case m.Bound == 0:
				return m, hint.Wrap(fmt.Errorf("disk: %s is bounded by nothing but the host's own disk, which would be full", m.Target), how)
			case m.Bound > maxFill:
				return m, fmt.Errorf("disk: %s holds more than %d GiB", m.Target, maxFill>>30)
			}
			return m, nil
		}
		if m.Bound > 0 && m.Bound <= maxFill && !m.ReadOnly {
			bounded = append(bounded, m)
			targets = append(targets, m.Target)
		}
	}
	switch {
	case at != "":
		return engine.BoundedMount{}, hint.Wrap(fmt.Errorf("disk: nothing is mounted at %s", at), "bounded are: %s", strings.Join(targets, ", "))
	case len(bounded) == 0:
		return engine.BoundedMount{}, hint.Wrap(fmt.Errorf("disk: the node has no bounded volume"), how)
	case len(bounded) > 1:
		return engine.BoundedMount{}, hint.Wrap(fmt.Errorf("disk: the node has several bounded volumes"), "choose one with --path: %s", strings.Join(targets, ", "))
	}
	return bounded[0], nil
}

// fillScript writes until nothing fits any more, and fails unless that is why it ended.
const fillScript = `LC_ALL=C; export LC_ALL; out=$(dd if=/dev/zero of="$1" bs=65536 count="$2" 2>&1) && exit 3; case "$out" in *"o space left"*) exit 0;; esac; echo "$out" >&2; exit 4`

func (disk) Apply(ctx context.Context, e Engine, node engine.Detail, p Params, before Before, standing []Standing) error {
	for _, s := range standing {
		if s.Kind == kindDisk && s.Before.Path == before.Path {
			return nil // full already
		}
	}
	mount, err := fillable(node, p["path"])
	if err != nil {
		return err
	}
	blocks := strconv.FormatInt(mount.Bound/65536+16, 10) // more than fits
	code, said, err := either(ctx, e, node.ID, []string{"/bin/sh", "-c", fillScript, "fill", before.Path, blocks},
		[]string{"/ddsctl", "node", "fill", before.Path, blocks})
	switch {
	case err != nil:
		return hint.Wrap(fmt.Errorf("fill %s: %w", mount.Target, err), "the node's image needs a shell with dd")
	case code == 3:
		return fmt.Errorf("fill %s: it took more than its bound of %d bytes", mount.Target, mount.Bound)
	case code != 0:
		return fmt.Errorf("fill %s: exit code %d: %s", mount.Target, code, said)
	}
	return nil
}

func (disk) Undo(ctx context.Context, e Engine, node engine.Detail, _ Params, before Before, standing []Standing) error {
	for _, s := range standing {
		if s.Kind == kindDisk && s.Before.Path == before.Path {
			return nil
		}
	}
	switch {
	case node.Phase == engine.PhasePaused:
		return hint.Wrap(fmt.Errorf("free %s: the node is paused", path.Dir(before.Path)), "heal the pause first: ddsctl fault heal --all does it in the right order")
	case !node.Running():
		return nil // what bounds it is a tmpfs, which went with the processes that used it
	}
	code, said, err := either(ctx, e, node.ID, []string{"rm", "-f", before.Path}, []string{"/ddsctl", "node", "fill", "--free", before.Path})
	if err == nil && code != 0 {
		err = fmt.Errorf("exit code %d: %s", code, said)
	}
	if err != nil {
		return fmt.Errorf("free %s: %w", path.Dir(before.Path), err)
	}
	return nil
}

// Holds knows that Apply only succeeds once nothing fits any more, and that what was written goes when the node ends.
func (disk) Holds(node engine.Detail, _ Params, before Before) wire.Verdict {
	if !node.Running() || !node.Started.Equal(before.Started) {
		return wire.No
	}
	return wire.Yes
}

// either runs the first command that the node's image has. What is told is about the first one, where it has neither.
func either(ctx context.Context, e Engine, id string, first, second []string) (code int, said string, err error) {
	code, said, err = asRoot(ctx, e, id, first)
	if !missing(code, err) {
		return code, said, err
	}
	if c, s, other := asRoot(ctx, e, id, second); !missing(c, other) {
		return c, s, other
	}
	return code, said, err
}

// missing says that a command could not be run at all: the exit codes are those of a shell, and of engines.
func missing(code int, err error) bool { return err != nil || code == 126 || code == 127 }

func asRoot(ctx context.Context, e Engine, id string, command []string) (int, string, error) {
	var out bytes.Buffer
	code, err := e.Exec(ctx, id, engine.ExecSpec{Command: command, User: "0", Stdout: &out, Stderr: &out})
	said := strings.TrimSpace(out.String())
	return code, said[:min(len(said), 200)], err
}
