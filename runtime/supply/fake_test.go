package supply_test

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/supply"
)

// shelf is the images of an engine in memory. What a registry has stands in remote; a host in silent never answers.
type shelf struct {
	mu     sync.Mutex
	images map[string]engine.Image // by tag
	loose  map[string]engine.Image // without a tag, by ID
	inUse  map[string]bool         // IDs
	remote map[string]bool
	silent []string
	arch   string
	calls  []string
	next   int
	build  func(ctx context.Context, spec engine.BuildSpec) error // before an image is built
	layers map[string][]*tar.Header                               // imported, by reference
	making chan struct{}                                          // where not nil, each build takes one
	atOnce int
	peak   int
}

func newShelf(present ...string) *shelf {
	s := &shelf{images: map[string]engine.Image{}, loose: map[string]engine.Image{}, inUse: map[string]bool{}, remote: map[string]bool{}, arch: "x86_64",
		layers: map[string][]*tar.Header{}}
	for _, ref := range present {
		s.put(ref, nil)
	}
	return s
}

func latest(ref string) string {
	ref = strings.TrimPrefix(strings.TrimPrefix(ref, "docker.io/"), "library/")
	if !strings.Contains(ref[strings.LastIndex(ref, "/")+1:], ":") {
		ref += ":latest"
	}
	return ref
}

// put gives the tag to a new image; who had it before loses it.
func (s *shelf) put(ref string, labels map[string]string) string {
	s.untag(ref)
	s.next++
	image := engine.Image{ID: fmt.Sprintf("sha256:%d", s.next), Tags: []string{latest(ref)}, Created: time.Unix(int64(s.next), 0), Labels: maps.Clone(labels)}
	s.images[latest(ref)] = image
	return image.ID
}

func (s *shelf) note(format string, args ...any) {
	s.calls = append(s.calls, fmt.Sprintf(format, args...))
}

func (s *shelf) made() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

func (s *shelf) Info(context.Context) (engine.Info, error) { return engine.Info{Arch: s.arch}, nil }

func (s *shelf) Image(ctx context.Context, ref string) (engine.Image, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if image, ok := s.images[latest(ref)]; ok {
		return image, ctx.Err()
	}
	return engine.Image{}, fmt.Errorf("find image %s: %w", ref, engine.ErrNotFound)
}

func (s *shelf) Images(_ context.Context, label string) ([]engine.Image, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name, value, exact := strings.Cut(label, "=")
	var list []engine.Image
	for _, all := range []map[string]engine.Image{s.images, s.loose} {
		for _, image := range all {
			if got, ok := image.Labels[name]; ok && (!exact || got == value) {
				list = append(list, image)
			}
		}
	}
	return list, nil
}

func (s *shelf) RemoveImage(ctx context.Context, ref string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := ref
	if image, ok := s.images[latest(ref)]; ok {
		id = image.ID
	}
	if s.inUse[id] {
		return engine.ErrConflict
	}
	s.note("remove %s", ref)
	delete(s.loose, ref)
	delete(s.images, latest(ref))
	return ctx.Err()
}

func (s *shelf) TagImage(ctx context.Context, source, target string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	image, ok := s.images[latest(source)]
	if !ok {
		return engine.ErrNotFound
	}
	s.untag(target)
	image.Tags = append(image.Tags, latest(target))
	for _, tag := range image.Tags {
		s.images[tag] = image
	}
	return ctx.Err()
}

// untag takes a name away from who has it.
func (s *shelf) untag(ref string) {
	old, ok := s.images[latest(ref)]
	if !ok {
		return
	}
	delete(s.images, latest(ref))
	old.Tags = slices.DeleteFunc(slices.Clone(old.Tags), func(tag string) bool { return tag == latest(ref) })
	for _, tag := range old.Tags {
		s.images[tag] = old
	}
	if len(old.Tags) == 0 {
		s.loose[old.ID] = old
	}
}

func (s *shelf) PullImage(ctx context.Context, ref string, progress func(engine.ImageProgress)) error {
	s.mu.Lock()
	s.note("pull %s", ref)
	has := s.remote[latest(ref)]
	s.mu.Unlock()
	for _, host := range s.silent {
		if strings.HasPrefix(ref, host) {
			<-ctx.Done()
			return ctx.Err()
		}
	}
	if !has {
		return fmt.Errorf("pull image %s: %w: manifest unknown", ref, engine.ErrNotFound)
	}
	progress(engine.ImageProgress{Image: ref, Stage: engine.StagePull, Text: "Pulling"})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(ref, nil)
	return nil
}

func (s *shelf) BuildImage(ctx context.Context, spec engine.BuildSpec, progress func(engine.ImageProgress)) (string, error) {
	progress(engine.ImageProgress{Image: spec.Tag, Stage: engine.StageBuild, Text: "Step 1"})
	s.mu.Lock()
	s.note("build %s", spec.Tag)
	s.atOnce++
	s.peak = max(s.peak, s.atOnce)
	s.mu.Unlock()
	defer func() { s.mu.Lock(); s.atOnce--; s.mu.Unlock() }()
	if s.making != nil {
		select {
		case <-s.making:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	if s.build != nil {
		if err := s.build(ctx, spec); err != nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			// What a build that fails leaves behind: a layer without a name.
			s.next++
			id := fmt.Sprintf("sha256:%d", s.next)
			s.loose[id] = engine.Image{ID: id, Labels: maps.Clone(spec.Labels)}
			return "", err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.put(spec.Tag, spec.Labels), nil
}

func (s *shelf) ImportImage(_ context.Context, ref string, layer io.Reader, changes []string) (string, error) {
	archive := tar.NewReader(layer)
	var headers []*tar.Header
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", err
		}
		headers = append(headers, h)
	}
	labels := map[string]string{}
	for _, change := range changes {
		if pair, ok := strings.CutPrefix(change, "LABEL "); ok {
			name, value, _ := strings.Cut(pair, "=")
			labels[name] = value
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.note("import %s", ref)
	s.layers[ref] = headers
	return s.put(ref, labels), nil
}

// bench is a Supply with its surroundings.
type bench struct {
	*shelf
	options supply.Options
	said    []engine.ImageProgress
}

func newBench(t *testing.T, present ...string) *bench {
	b := &bench{shelf: newShelf(present...)}
	b.options = supply.Options{
		Folders: fstest.MapFS{
			"redis/Dockerfile":  {Data: []byte("FROM debian:trixie-slim\n")},
			"redis/README.md":   {Data: []byte("# redis\n")},
			"proxy/Dockerfile":  {Data: []byte("FROM debian:trixie-slim\nCOPY files/p.yml /p.yml\n")},
			"proxy/files/p.yml": {Data: []byte("a: b\n")},
		},
		Bootstrap: func(_ context.Context, layer io.Writer, say func(string)) error {
			say("I: installing")
			w := tar.NewWriter(layer)
			if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "etc/"}); err != nil {
				return err
			}
			return w.Close()
		},
		LockDir:     t.TempDir(),
		Environment: func(string) string { return "" },
	}
	return b
}

func (b *bench) ensure(ctx context.Context, requests ...supply.Request) (map[string]string, error) {
	b.said = nil
	return supply.New(b.shelf, b.options).Ensure(ctx, requests, func(p engine.ImageProgress) { b.said = append(b.said, p) })
}

// ready is how each image came to be there.
func (b *bench) ready() []string {
	var list []string
	for _, p := range b.said {
		if p.Stage == engine.StageReady {
			list = append(list, p.Image+" "+p.Text)
		}
	}
	slices.Sort(list)
	return list
}

func (b *bench) change(path, content string) {
	b.options.Folders.(fstest.MapFS)[path] = &fstest.MapFile{Data: []byte(content), Mode: fs.FileMode(0o644)}
}

func refs(list ...string) []supply.Request {
	var requests []supply.Request
	for _, ref := range list {
		requests = append(requests, supply.Request{Ref: ref})
	}
	return requests
}

func TestTheFakeIsAnEngine(t *testing.T) {
	var e supply.Engine = newShelf()
	_, err := e.Image(t.Context(), "nothing")
	require.ErrorIs(t, err, engine.ErrNotFound)
}
