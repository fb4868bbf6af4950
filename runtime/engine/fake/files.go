package fake

import (
	"errors"
	"io/fs"
	"path"
	"strings"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

// errReadOnly is what a write to a file system that can only be read fails with.
var errReadOnly = errors.New("read-only file system")

// mount is the volume that holds a path of the container, and the path in it. The lock is held.
func (e *Engine) mount(b *box, name string) (v *volume, inside string, readOnly bool) {
	for _, m := range b.spec.Mounts {
		if rest, ok := strings.CutPrefix(name, strings.TrimSuffix(m.Target, "/")+"/"); ok && m.Kind == engine.MountVolume && e.volumes[m.Source] != nil {
			return e.volumes[m.Source], rest, m.ReadOnly
		}
	}
	return nil, "", b.spec.Service.ReadOnly
}

// file reads a file of the container. The lock is held.
func (e *Engine) file(b *box, name string) (engine.File, bool) {
	name = path.Clean(name)
	if v, inside, _ := e.mount(b, name); v != nil {
		f, ok := v.files[inside]
		return f, ok
	}
	f, ok := b.files[name]
	return f, ok
}

// write is a process writing a file. The lock is held.
func (e *Engine) write(b *box, name string, content []byte) error {
	name = path.Clean(name)
	f := engine.File{Path: name, Content: content, Mode: 0o644}
	v, inside, readOnly := e.mount(b, name)
	switch {
	case readOnly:
		return &fs.PathError{Op: "write", Path: name, Err: errReadOnly}
	case v != nil:
		v.files[inside] = f
	default:
		b.files[name] = f
	}
	return nil
}
