package plan

import (
	"cmp"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

func (w *wanter) mounts(config types.ServiceConfig) ([]engine.Mount, error) {
	var mounts []engine.Mount
	for _, v := range config.Volumes {
		m := engine.Mount{Target: v.Target, ReadOnly: v.ReadOnly}
		switch v.Type {
		case types.VolumeTypeBind:
			m.Kind, m.Source = engine.MountBind, absolute(w.spec.Project.WorkingDir, v.Source)
		case types.VolumeTypeTmpfs:
			m.Kind = engine.MountTmpfs
			if v.Tmpfs != nil {
				m.SizeBytes, m.Mode = int64(v.Tmpfs.Size), v.Tmpfs.Mode
			}
		case types.VolumeTypeVolume, "":
			m.Kind = engine.MountVolume
			if v.Source == "" {
				break // an anonymous volume goes with its container
			}
			i := slices.IndexFunc(w.desired.Volumes, func(volume Volume) bool { return volume.Key == v.Source })
			if i < 0 {
				return nil, fmt.Errorf("volume %q is not in the project", v.Source)
			}
			m.Source = w.desired.Volumes[i].Name
			w.use(engine.KindVolume, m.Source)
		default:
			return nil, fmt.Errorf("mount at %s: a volume of type %q is not supported", v.Target, v.Type)
		}
		mounts = append(mounts, m)
	}
	for _, line := range config.Tmpfs {
		m, err := tmpfs(line)
		if err != nil {
			return nil, err
		}
		mounts = append(mounts, m)
	}
	return mounts, nil
}

// tmpfs reads the short form TARGET[:OPTION,...] of which size, mode and ro mean something to ddsctl.
func tmpfs(line string) (engine.Mount, error) {
	target, options, _ := strings.Cut(line, ":")
	m := engine.Mount{Kind: engine.MountTmpfs, Target: target}
	for option := range strings.SplitSeq(options, ",") {
		key, value, _ := strings.Cut(option, "=")
		switch key {
		case "ro":
			m.ReadOnly = true
		case "size":
			var size types.UnitBytes
			if err := size.DecodeMapstructure(value); err != nil {
				return m, fmt.Errorf("tmpfs %q: %w", line, err)
			}
			m.SizeBytes = int64(size)
		case "mode":
			mode, err := strconv.ParseUint(value, 8, 12)
			if err != nil {
				return m, fmt.Errorf("tmpfs %q: the mode is an octal number such as 1777", line)
			}
			m.Mode = uint32(mode)
		}
	}
	return m, nil
}

func absolute(folder, name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(folder, name)
}

// files are the service's configs and secrets, with the targets and modes that the Compose specification gives them where
// the project does not.
func (w *wanter) files(config types.ServiceConfig) ([]engine.File, error) {
	var files []engine.File
	for _, ref := range config.Configs {
		content, err := w.content("config", ConfigKey(ref.Source), types.FileObjectConfig(w.spec.Project.Configs[ref.Source]), ref.Source)
		if err != nil {
			return nil, err
		}
		target := cmp.Or(ref.Target, "/"+ref.Source)
		file, err := newFile(types.FileReferenceConfig(ref), path.Join("/", target), content)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	for _, ref := range config.Secrets {
		content, err := w.content("secret", SecretKey(ref.Source), types.FileObjectConfig(w.spec.Project.Secrets[ref.Source]), ref.Source)
		if err != nil {
			return nil, err
		}
		target := cmp.Or(ref.Target, ref.Source)
		if !path.IsAbs(target) {
			target = path.Join("/run/secrets", target)
		}
		file, err := newFile(types.FileReferenceConfig(ref), target, content)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return files, nil
}

func newFile(ref types.FileReferenceConfig, target string, content []byte) (engine.File, error) {
	file := engine.File{Path: target, Content: content, Mode: 0o444}
	if ref.Mode != nil {
		file.Mode = uint32(*ref.Mode) & 0o7777
	}
	for _, id := range []struct {
		word string
		to   *int
	}{{ref.UID, &file.UID}, {ref.GID, &file.GID}} {
		if id.word == "" {
			continue
		}
		number, err := strconv.Atoi(id.word)
		if err != nil || number < 0 {
			return file, fmt.Errorf("file %s: %q is not a user or group number", target, id.word)
		}
		*id.to = number
	}
	return file, nil
}

func (w *wanter) content(kind, key string, object types.FileObjectConfig, name string) ([]byte, error) {
	if content, ok := w.spec.Contents[key]; ok {
		return content, nil
	}
	switch {
	case object.Content != "":
		return []byte(object.Content), nil
	case object.Environment != "":
		if value, ok := w.spec.Project.Environment[object.Environment]; ok {
			return []byte(value), nil
		}
		return nil, fmt.Errorf("%s %q comes from the environment variable %s, which is not set", kind, name, object.Environment)
	case object.File != "":
		return nil, fmt.Errorf("%s %q: %s was not read", kind, name, object.File)
	}
	return nil, fmt.Errorf("%s %q is not in the project, or has no content", kind, name)
}

// labelGrace says how a container wants to be stopped. Its absence means that all it has goes with it, so that nothing
// is lost when it is stopped with ShortGrace.
const labelGrace = "ddsctl.grace"

const (
	graceFull    = "full"    // it asked for a period of its own, or writes to what outlives the lab
	graceVolumes = "volumes" // it writes to the lab's volumes
)

// ShortGrace is how long a container that has nothing to save is given to stop.
const ShortGrace = time.Second

func graceLabel(config types.ServiceConfig, mounts []engine.Mount, external map[string]bool) string {
	if config.StopGracePeriod != nil {
		return graceFull
	}
	label := ""
	for _, m := range mounts {
		switch {
		case m.ReadOnly || m.Kind == engine.MountTmpfs || m.Source == "":
		case m.Kind == engine.MountBind || external[m.Source]:
			return graceFull
		default:
			label = graceVolumes
		}
	}
	return label
}

// grace is how long c is given to stop: nil is the container's own period.
func grace(c engine.Container, volumesGo bool) *time.Duration {
	switch label := c.Labels[labelGrace]; {
	case label == graceFull, label == graceVolumes && !volumesGo:
		return nil
	}
	short := ShortGrace
	return &short
}
