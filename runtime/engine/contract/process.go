package contract

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

func exec(t *testing.T, w *world) {
	ctx := t.Context()
	id := w.start("s", forever)
	code, out, errs := w.run(id, "sh", "-c", "echo to out; echo to err >&2; exit 7")
	require.Equal(t, 7, code)
	require.Equal(t, "to out\n", out)
	require.Equal(t, "to err\n", errs)

	var echoed bytes.Buffer
	code, err := w.Exec(ctx, id, engine.ExecSpec{Command: []string{"cat"}, Stdin: strings.NewReader("in\nand out\n"), Stdout: &echoed})
	require.NoError(t, err)
	require.Zero(t, code)
	require.Equal(t, "in\nand out\n", echoed.String())

	var terminal bytes.Buffer
	code, err = w.Exec(ctx, id, engine.ExecSpec{Command: []string{"sh", "-c", "echo one; echo two >&2"}, TTY: true, Stdout: &terminal})
	require.NoError(t, err)
	require.Zero(t, code)
	require.Equal(t, "one\r\ntwo\r\n", terminal.String(), "a terminal has one stream")

	var value bytes.Buffer
	code, err = w.Exec(ctx, id, engine.ExecSpec{Command: []string{"sh", "-c", "echo $GREETING $PWD"}, Env: []string{"GREETING=hello"}, WorkDir: "/tmp", Stdout: &value})
	require.NoError(t, err)
	require.Zero(t, code)
	require.Equal(t, "hello /tmp\n", value.String())

	code, err = w.Exec(ctx, id, engine.ExecSpec{Command: []string{"no-such-program"}})
	require.True(t, err != nil || code == 126 || code == 127, "a program that is not there is told: %d", code)

	// Many at once, each with its own streams.
	var wg sync.WaitGroup
	for n := range 10 {
		wg.Go(func() {
			var out bytes.Buffer
			code, err := w.Exec(ctx, id, engine.ExecSpec{Command: []string{"sh", "-c", "echo number " + itoa(n) + "; exit " + itoa(n)}, Stdout: &out})
			if err != nil || code != n || out.String() != "number "+itoa(n)+"\n" {
				t.Errorf("command %d: code %d, output %q, error %v", n, code, out.String(), err)
			}
		})
	}
	wg.Wait()
}

func openExec(t *testing.T, w *world) {
	ctx := t.Context()
	id := w.start("s", forever)
	stream, err := w.OpenExec(ctx, id, []string{"cat"})
	require.NoError(t, err)
	lines := bufio.NewReader(stream)
	for n := range 3 {
		_, err = fmt.Fprintf(stream, "line %d\n", n)
		require.NoError(t, err)
		line, err := lines.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("line %d\n", n), line)
	}
	require.NoError(t, stream.Close())
	_, err = stream.Read(make([]byte, 1))
	require.Error(t, err)

	stream, err = w.OpenExec(ctx, id, []string{"sh", "-c", "echo the reason >&2; exit 1"})
	require.NoError(t, err)
	_, err = io.ReadAll(stream)
	require.ErrorContains(t, err, "the reason", "what it said last is why it ended")
	require.NoError(t, stream.Close())
}

func contexts(t *testing.T, w *world) {
	id := w.start("s", "echo begun; exec sleep infinity")
	w.eventually("a line", func() bool { return w.logs(id, engine.LogSpec{Tail: -1}) != "" })
	for name, wait := range map[string]func(ctx context.Context) error{
		"exec": func(ctx context.Context) error {
			_, err := w.Exec(ctx, id, engine.ExecSpec{Command: []string{"sleep", "infinity"}})
			return err
		},
		"wait": func(ctx context.Context) error { _, err := w.WaitContainer(ctx, id); return err },
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		require.ErrorIs(t, wait(ctx), context.DeadlineExceeded, name)
		cancel()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.NoError(t, w.Logs(ctx, id, engine.LogSpec{Tail: -1, Follow: true}, io.Discard, io.Discard), "who follows has seen enough when he leaves")

	over, end := context.WithCancel(t.Context())
	end()
	_, err := w.State(over, w.project)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, w.StopContainer(over, id, &none), context.Canceled)
	_, err = w.CreateContainer(over, w.spec("never", forever))
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, engine.PhaseRunning, w.inspect(id).Phase)
}

func (w *world) logs(id string, spec engine.LogSpec) string {
	w.t.Helper()
	var out bytes.Buffer
	require.NoError(w.t, w.Logs(w.t.Context(), id, spec, &out, io.Discard))
	return out.String()
}

func logs(t *testing.T, w *world) {
	ctx := t.Context()
	both := w.start("b", "echo right; echo wrong >&2")
	var out, errs bytes.Buffer
	w.eventually("both streams", func() bool {
		out.Reset()
		errs.Reset()
		require.NoError(t, w.Logs(ctx, both, engine.LogSpec{Tail: -1}, &out, &errs))
		return out.Len() > 0 && errs.Len() > 0
	})
	require.Equal(t, "right\n", out.String())
	require.Equal(t, "wrong\n", errs.String())

	id := w.start("s", "echo one; echo two; echo three")
	w.eventually("the whole log", func() bool { return w.logs(id, engine.LogSpec{Tail: -1}) == "one\ntwo\nthree\n" })
	require.Equal(t, "three\n", w.logs(id, engine.LogSpec{Tail: 1}))
	require.Empty(t, w.logs(id, engine.LogSpec{Tail: 0}))

	stamped := w.logs(id, engine.LogSpec{Tail: 1, Timestamps: true})
	at, text, _ := strings.Cut(stamped, " ")
	require.Equal(t, "three\n", text)
	when, err := time.Parse(time.RFC3339Nano, at)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), when, time.Minute)
	require.Equal(t, "three\n", w.logs(id, engine.LogSpec{Tail: -1, Since: when}))
	require.Empty(t, w.logs(id, engine.LogSpec{Tail: -1, Since: when.Add(time.Millisecond)}))
}

func followLogs(t *testing.T, w *world) {
	ctx := t.Context()
	id := w.start("s", "echo first; cat /go; echo last", func(s *engine.ContainerSpec) { s.Service.StdinOpen = false })
	_, err := w.WaitContainer(ctx, id) // it ends: /go is not there yet
	require.NoError(t, err)
	require.NoError(t, w.RemoveContainer(ctx, id))

	id = w.create("s", "echo first; sleep 0.2; echo last")
	require.NoError(t, w.StartContainer(ctx, id))
	reader, writer := io.Pipe()
	followed := make(chan error, 1)
	go func() {
		err := w.Logs(ctx, id, engine.LogSpec{Follow: true, Tail: -1}, writer, io.Discard)
		followed <- errors.Join(err, writer.Close())
	}()
	all, err := io.ReadAll(reader)
	require.NoError(t, err)
	require.Equal(t, "first\nlast\n", string(all))
	require.NoError(t, <-followed, "it ends when the container does")
}

func files(t *testing.T, w *world) {
	ctx := t.Context()
	want := []engine.File{
		{Path: "/etc/app/deep/app.conf", Content: []byte("key: value\n"), Mode: 0o640, UID: 1000, GID: 1000},
		{Path: "/run/secrets/key", Content: []byte("secret"), Mode: 0o400},
	}
	id := w.start("s", "cat /etc/app/deep/app.conf /run/secrets/key; echo; exec sleep infinity", func(s *engine.ContainerSpec) { s.Files = want })
	w.eventually("the files' content", func() bool { return w.logs(id, engine.LogSpec{Tail: -1}) == "key: value\nsecret\n" })
	for _, f := range want {
		content, err := w.ReadFile(ctx, id, f.Path)
		require.NoError(t, err)
		require.Equal(t, f.Content, content)
	}
	code, out, _ := w.run(id, "stat", "-c", "%a %u %g", "/etc/app/deep/app.conf")
	require.Zero(t, code)
	require.Equal(t, "640 1000 1000\n", out)

	require.NoError(t, w.CopyTo(ctx, id, []engine.File{{Path: "/etc/app/late", Content: []byte("late"), Mode: 0o644}}))
	_, out, _ = w.run(id, "cat", "/etc/app/late")
	require.Equal(t, "late", out)
	_, err := w.ReadFile(ctx, id, "/etc/app/never")
	require.ErrorIs(t, err, engine.ErrNotFound)

	// Files are whose they are said to be, whoever the container runs as.
	id = w.start("u", forever, func(s *engine.ContainerSpec) {
		s.Service.User = "4242:4242"
		s.Files = []engine.File{{Path: "/etc/app/app.conf", Content: []byte("x"), Mode: 0o444, UID: 7, GID: 8}}
	})
	_, out, _ = w.run(id, "stat", "-c", "%a %u %g", "/etc/app/app.conf")
	require.Equal(t, "444 7 8\n", out)

	// A root that can only be read takes its files all the same.
	id = w.start("r", "cat /etc/app/app.conf; echo; echo x > /f; exec sleep infinity", func(s *engine.ContainerSpec) {
		s.Service.ReadOnly = true
		s.Files = []engine.File{{Path: "/etc/app/app.conf", Content: []byte("read only"), Mode: 0o444}}
	})
	w.eventually("the file's content", func() bool { return w.logs(id, engine.LogSpec{Tail: -1}) == "read only\n" })
	_, err = w.ReadFile(ctx, id, "/f")
	require.ErrorIs(t, err, engine.ErrNotFound)
}

func imageNames(t *testing.T, w *world) {
	ctx := t.Context()
	ref := w.project + "/a"
	t.Cleanup(func() { require.NoError(t, w.RemoveImage(context.Background(), ref)) })
	id, err := w.ImportImage(ctx, ref, layer(t, "hello", "one"), []string{"LABEL contract.test=" + w.project, `CMD ["/hello"]`})
	require.NoError(t, err)
	image, err := w.Image(ctx, ref)
	require.NoError(t, err)
	require.Equal(t, id, image.ID)
	require.Equal(t, []string{ref + ":latest"}, image.Tags)
	require.Equal(t, w.project, image.Labels["contract.test"])

	require.NoError(t, w.TagImage(ctx, ref, ref+":b"))
	image, err = w.Image(ctx, id)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{ref + ":latest", ref + ":b"}, image.Tags)
	require.NoError(t, w.RemoveImage(ctx, ref+":b"))

	// Who takes the name away leaves an image without one.
	second, err := w.ImportImage(ctx, ref, layer(t, "hello", "two"), []string{"LABEL contract.test=" + w.project})
	require.NoError(t, err)
	require.NotEqual(t, id, second)
	list, err := w.Engine.Images(ctx, "contract.test="+w.project)
	require.NoError(t, err)
	byID := map[string]engine.Image{}
	for _, i := range list {
		byID[i.ID] = i
	}
	require.Len(t, byID, 2)
	require.Empty(t, byID[id].Tags)
	require.Equal(t, []string{ref + ":latest"}, byID[second].Tags)
	require.NoError(t, w.RemoveImage(ctx, id))
	_, err = w.Image(ctx, id)
	require.ErrorIs(t, err, engine.ErrNotFound)
	nothing, err := w.Engine.Images(ctx, "contract.test=nobody")
	require.NoError(t, err)
	require.Empty(t, nothing)

	_, err = w.ImportImage(ctx, w.project+"/broken", io.MultiReader(bytes.NewReader(make([]byte, 100)), broken{}), nil)
	require.Error(t, err)
	_, err = w.Image(ctx, w.project+"/broken")
	require.ErrorIs(t, err, engine.ErrNotFound, "half an image is none")
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("it broke") }

func layer(t *testing.T, name, content string) io.Reader {
	var archive bytes.Buffer
	writer := tar.NewWriter(&archive)
	require.NoError(t, writer.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(content))}))
	_, err := writer.Write([]byte(content))
	require.NoError(t, err)
	require.NoError(t, writer.Close())
	return &archive
}

func buildImage(t *testing.T, w *world) {
	ctx := t.Context()
	ref := w.project + "/built"
	t.Cleanup(func() { require.NoError(t, w.RemoveImage(context.Background(), ref)) })
	spec := engine.BuildSpec{Tag: ref, Labels: map[string]string{"contract.hash": "h1"}, Context: fstest.MapFS{
		"Dockerfile":     {Data: []byte("FROM " + w.image + "\nLABEL contract.image=" + w.project + "\nCOPY sub/file /file\n")},
		"sub/file":       {Data: []byte("from the folder")},
		"other/app.file": {Data: []byte("FROM " + w.image + "\nRUN exit 9\n")},
	}}
	var said []engine.ImageProgress
	id, err := w.BuildImage(ctx, spec, func(p engine.ImageProgress) { said = append(said, p) })
	require.NoError(t, err)
	require.NotEmpty(t, said)
	require.Equal(t, engine.StageBuild, said[0].Stage)
	require.Equal(t, ref, said[0].Image)
	image, err := w.Image(ctx, ref)
	require.NoError(t, err)
	require.Equal(t, id, image.ID)
	require.Equal(t, "h1", image.Labels["contract.hash"])
	require.Equal(t, w.project, image.Labels["contract.image"])
	c := w.start("s", "cat /file", func(s *engine.ContainerSpec) { s.Service.Image = ref })
	_, err = w.WaitContainer(ctx, c)
	require.NoError(t, err)
	w.eventually("the file's content", func() bool { return w.logs(c, engine.LogSpec{Tail: -1}) == "from the folder" })
	require.NoError(t, w.RemoveContainer(ctx, c))

	spec.Dockerfile = "other/app.file"
	_, err = w.BuildImage(ctx, spec, func(engine.ImageProgress) {})
	require.ErrorContains(t, err, "9")
	after, err := w.Image(ctx, ref)
	require.NoError(t, err)
	require.Equal(t, image.ID, after.ID, "a build that fails takes no name")
}
