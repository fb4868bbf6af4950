package fake

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

// picture is one image.
type picture struct {
	engine.Image
	files map[string]engine.File
}

// tagged is a reference with its tag.
func tagged(ref string) string {
	ref = strings.TrimPrefix(strings.TrimPrefix(ref, "docker.io/"), "library/")
	if !strings.Contains(ref[strings.LastIndexByte(ref, '/')+1:], ":") {
		ref += ":latest"
	}
	return ref
}

// picture is the image of a name or ID; where every image is there, it is made up at its first use. The lock is held.
func (e *Engine) picture(ref string) *picture {
	if p := e.images[ref]; p != nil {
		return p
	}
	for _, p := range e.images {
		if slices.Contains(p.Tags, tagged(ref)) {
			return p
		}
	}
	if e.options.Images == nil && !strings.HasPrefix(ref, "sha256:") && !strings.HasSuffix(ref, "/none") {
		return e.addImage(ref, nil, nil)
	}
	return nil
}

// addImage gives a name to a new image; who had it loses it. The lock is held.
func (e *Engine) addImage(ref string, labels map[string]string, files map[string]engine.File) *picture {
	for _, p := range e.images {
		p.Tags = slices.DeleteFunc(p.Tags, func(t string) bool { return t == tagged(ref) })
	}
	p := &picture{engine.Image{ID: "sha256:" + e.id(), Tags: []string{tagged(ref)}, Created: e.options.Now(), Labels: labels}, files}
	for _, f := range files {
		p.Size += int64(len(f.Content))
	}
	e.images[p.ID] = p
	return p
}

func (p *picture) view() engine.Image {
	i := p.Image
	i.Tags, i.Labels = slices.Clone(i.Tags), maps.Clone(i.Labels)
	return i
}

// Image reads one image. Unlike a container's creation it makes none up, so that what was never built is not there.
func (e *Engine) Image(ctx context.Context, ref string) (engine.Image, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	p := e.known(ref)
	if p == nil {
		return engine.Image{}, fmt.Errorf("find image %s: %w", ref, engine.ErrNotFound)
	}
	return p.view(), ctx.Err()
}

// known is the image of a name or ID. The lock is held.
func (e *Engine) known(ref string) *picture {
	if p := e.images[ref]; p != nil {
		return p
	}
	for _, p := range e.images {
		if slices.Contains(p.Tags, tagged(ref)) {
			return p
		}
	}
	return nil
}

// Images lists the images that carry a label, given as NAME or NAME=VALUE.
func (e *Engine) Images(ctx context.Context, label string) ([]engine.Image, error) {
	name, value, exact := strings.Cut(label, "=")
	e.mu.Lock()
	defer e.mu.Unlock()
	var list []engine.Image
	for _, id := range slices.Sorted(maps.Keys(e.images)) {
		p := e.images[id]
		if got, ok := p.Labels[name]; ok && (!exact || got == value) {
			list = append(list, p.view())
		}
	}
	return list, ctx.Err()
}

// PullImage pulls an image from the engine's registry.
func (e *Engine) PullImage(ctx context.Context, ref string, progress func(engine.ImageProgress)) error {
	return e.change(ctx, "pull image "+ref, func() error {
		if !slices.ContainsFunc(e.options.Registry, func(has string) bool { return tagged(has) == tagged(ref) }) {
			return fmt.Errorf("manifest unknown: %w", engine.ErrNotFound)
		}
		if progress != nil {
			progress(engine.ImageProgress{Image: ref, Stage: engine.StagePull, Text: "Pulling"})
		}
		e.addImage(ref, nil, nil)
		return nil
	})
}

// BuildImage builds an image from a folder: FROM, COPY, LABEL, and `RUN exit N`, which fails; other instructions do nothing.
func (e *Engine) BuildImage(ctx context.Context, spec engine.BuildSpec, progress func(engine.ImageProgress)) (id string, err error) {
	name := spec.Dockerfile
	if name == "" {
		name = "Dockerfile"
	}
	text, err := fs.ReadFile(spec.Context, name)
	if err != nil {
		return "", fmt.Errorf("build image %s: %w", spec.Tag, err)
	}
	err = e.change(ctx, "build image "+spec.Tag, func() error {
		labels, files := map[string]string{}, map[string]engine.File{}
		scanner := bufio.NewScanner(bytes.NewReader(text))
		for scanner.Scan() {
			words := strings.Fields(scanner.Text())
			if len(words) < 2 {
				continue
			}
			if progress != nil {
				progress(engine.ImageProgress{Image: spec.Tag, Stage: engine.StageBuild, Text: "Step: " + scanner.Text()})
			}
			if err := e.step(words, spec.Context, labels, files); err != nil {
				return err
			}
		}
		maps.Copy(labels, spec.Labels)
		id = e.addImage(spec.Tag, labels, files).ID
		return nil
	})
	return id, err
}

// step carries out one instruction of a build. The lock is held.
func (e *Engine) step(words []string, folder fs.FS, labels map[string]string, files map[string]engine.File) error {
	switch strings.ToUpper(words[0]) {
	case "FROM":
		base := e.picture(words[1])
		if base == nil && words[1] != "scratch" {
			return fmt.Errorf("no such image: %s: %w", words[1], engine.ErrNotFound)
		}
		if base != nil {
			maps.Copy(labels, base.Labels)
			maps.Copy(files, base.files)
		}
	case "LABEL":
		name, value, _ := strings.Cut(words[1], "=")
		labels[name] = value
	case "COPY":
		content, err := fs.ReadFile(folder, words[1])
		if err != nil {
			return err
		}
		target := words[len(words)-1]
		files[path.Clean(target)] = engine.File{Path: target, Content: content, Mode: 0o644}
	case "RUN":
		if words[1] == "exit" && len(words) > 2 && words[2] != "0" {
			return fmt.Errorf("the command returned a non-zero code: %s", words[2])
		}
	}
	return nil
}

// ImportImage makes an image of one layer from a tar of its files. Of the changes, LABEL counts.
func (e *Engine) ImportImage(ctx context.Context, ref string, layer io.Reader, changes []string) (id string, err error) {
	files := map[string]engine.File{}
	archive := tar.NewReader(layer)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", fmt.Errorf("import image %s: %w", ref, err)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			return "", fmt.Errorf("import image %s: %w", ref, err)
		}
		if header.Typeflag == tar.TypeReg {
			name := path.Clean("/" + header.Name)
			files[name] = engine.File{Path: name, Content: content, Mode: uint32(header.Mode), UID: header.Uid, GID: header.Gid}
		}
	}
	labels := map[string]string{}
	for _, change := range changes {
		if pair, ok := strings.CutPrefix(change, "LABEL "); ok {
			name, value, _ := strings.Cut(pair, "=")
			labels[name] = value
		}
	}
	err = e.change(ctx, "import image "+ref, func() error {
		id = e.addImage(ref, labels, files).ID
		return nil
	})
	return id, err
}

// TagImage gives an image a further name.
func (e *Engine) TagImage(ctx context.Context, source, target string) error {
	return e.change(ctx, "tag image "+source, func() error {
		p := e.known(source)
		if p == nil {
			return engine.ErrNotFound
		}
		for _, other := range e.images {
			other.Tags = slices.DeleteFunc(other.Tags, func(t string) bool { return t == tagged(target) })
		}
		p.Tags = append(p.Tags, tagged(target))
		return nil
	})
}

// RemoveImage takes a name away from an image, and the image with its last name; that it is gone is no error.
func (e *Engine) RemoveImage(ctx context.Context, ref string) error {
	return e.change(ctx, "remove image "+ref, func() error {
		p := e.known(ref)
		if p == nil {
			return nil
		}
		if ref != p.ID && len(p.Tags) > 1 {
			p.Tags = slices.DeleteFunc(p.Tags, func(t string) bool { return t == tagged(ref) })
			return nil
		}
		for _, b := range e.containers {
			if b.ImageID == p.ID {
				return fmt.Errorf("%s uses it: %w", b.Name, engine.ErrConflict)
			}
		}
		delete(e.images, p.ID)
		return nil
	})
}
