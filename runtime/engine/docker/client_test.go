package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
)

func at(t *testing.T, host string) *Client {
	c, err := New(t.Context(), Options{Host: host, Environment: variables(nil), Home: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestAnEngineThatIsNotThereIsUnreachable(t *testing.T) {
	c := at(t, "unix://"+filepath.Join(t.TempDir(), "none.sock"))
	for name, ask := range map[string]func() error{
		"ping":  func() error { return c.Ping(t.Context()) },
		"state": func() error { _, err := c.State(t.Context(), "p"); return err },
		"image": func() error { _, err := c.Image(t.Context(), "i"); return err },
		"events": func() error {
			events, errs := c.Events(t.Context(), "p")
			for range events {
			}
			return <-errs
		},
	} {
		err := ask()
		require.ErrorIs(t, err, engine.ErrUnreachable, name)
		require.ErrorContains(t, err, "none.sock", name)
		require.Contains(t, hint.Of(err), "ddsctl doctor", name)
	}
	_, err := New(t.Context(), Options{Host: "nonsense", Environment: variables(nil)})
	require.ErrorContains(t, err, "nonsense")
	require.Contains(t, hint.Of(err), "unix:///")
}

func TestAnEngineThatMayNotBeUsedSaysSo(t *testing.T) {
	if os.Getuid() == 0 {
		err := (&Client{endpoint: endpoint{host: "unix:///s"}}).wrap(&net.OpError{Op: "dial", Err: os.ErrPermission}, "ping")
		require.ErrorIs(t, err, engine.ErrPermission, "root may use every socket, so the error alone is tried")
		require.Contains(t, hint.Of(err), "docker")
		return
	}
	path := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", path)
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	require.NoError(t, os.Chmod(path, 0))
	err = at(t, "unix://"+path).Ping(t.Context())
	require.ErrorIs(t, err, engine.ErrPermission)
}

// An engine that takes connections and says nothing must not hold anybody longer than his context.
func TestASilentEngineIsWaitedForAsLongAsTheContextAllows(t *testing.T) {
	listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(io.Discard, conn) }()
		}
	}()
	c := at(t, "unix://"+listener.Addr().String())
	for name, ask := range map[string]func(ctx context.Context) error{
		"ping":  c.Ping,
		"state": func(ctx context.Context) error { _, err := c.State(ctx, "p"); return err },
		"start": func(ctx context.Context) error { return c.StartContainer(ctx, "c") },
		"wait":  func(ctx context.Context) error { _, err := c.WaitContainer(ctx, "c"); return err },
		"exec": func(ctx context.Context) error {
			_, err := c.Exec(ctx, "c", engine.ExecSpec{Command: []string{"true"}})
			return err
		},
		"stream": func(ctx context.Context) error { _, err := c.OpenExec(ctx, "c", []string{"true"}); return err },
		"logs":   func(ctx context.Context) error { return c.Logs(ctx, "c", engine.LogSpec{}, io.Discard, io.Discard) },
		"pull":   func(ctx context.Context) error { return c.PullImage(ctx, "i", nil) },
		"import": func(ctx context.Context) error {
			_, err := c.ImportImage(ctx, "i", strings.NewReader(""), nil)
			return err
		},
		"build": func(ctx context.Context) error {
			_, err := c.BuildImage(ctx, engine.BuildSpec{Context: os.DirFS(t.TempDir())}, nil)
			return err
		},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		require.ErrorIs(t, ask(ctx), context.DeadlineExceeded, name)
		cancel()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	events, errs := c.Events(ctx, "p")
	for range events {
	}
	require.NoError(t, <-errs)
}

func TestATakenPortIsFoundInTheEnginesWords(t *testing.T) {
	for message, want := range map[string]string{
		"driver failed programming external connectivity on endpoint web (abc): Bind for 127.0.0.1:22121 failed: port is already allocated":                    "22121",
		"driver failed programming external connectivity on endpoint web: Error starting userland proxy: listen tcp4 0.0.0.0:80: bind: address already in use": "80",
		"failed to set up container networking: failed to bind host port 127.0.0.1:8080/tcp: address already in use":                                           "8080",
		"rootlessport listen tcp 0.0.0.0:8443: bind: address already in use":                                                                                   "8443",
		"cannot listen on the TCP port: listen tcp4 :53: bind: address already in use":                                                                         "53",
		"failed to bind port: address already in use":                                                                                                          "unknown port",
		"failed to bind host port for 0.0.0.0:81:172.18.0.2:80/tcp: address already in use":                                                                    "81",
		"no such container": "",
	} {
		require.Equal(t, want, takenPort(message), message)
	}
	err := (&Client{}).wrap(errors.New("Bind for 127.0.0.1:22121 failed: port is already allocated"), "start container %s", "c")
	require.ErrorIs(t, err, engine.ErrPortTaken)
	require.ErrorContains(t, err, "22121")
	require.Contains(t, hint.Of(err), "sport = :22121")
}

func TestPodmansWordsAreUnderstood(t *testing.T) {
	for _, words := range []string{"the container name \"a\" is already in use by b: that name is already in use",
		"can only kill running containers. a is in state created: container state improper"} {
		err := (&Client{}).wrap(errdefs.ErrInternal.WithMessage(words), "kill container a")
		require.ErrorIs(t, err, engine.ErrConflict, words)
	}
	require.NotErrorIs(t, (&Client{}).wrap(errdefs.ErrInternal.WithMessage("disk on fire"), "x"), engine.ErrConflict)
	require.Equal(t, []string{"ddsctl/redis:latest", "debian:trixie-slim", "localhost/a:b"},
		tags([]string{"docker.io/ddsctl/redis:latest", "<none>:<none>", "docker.io/library/debian:trixie-slim", "localhost/a:b"}))
}

func TestAStreamOfProgressIsFollowedToItsEnd(t *testing.T) {
	var said []engine.ImageProgress
	id, err := follow(strings.NewReader(`{"status":"Pulling","id":"layer","progressDetail":{"current":5,"total":10}}
{"stream":"Step 1/2 : FROM x\n"}
{"stream":"\n"}
{"aux":{"ID":"sha256:abc"}}
`), "i", engine.StageBuild, func(p engine.ImageProgress) { said = append(said, p) })
	require.NoError(t, err)
	require.Equal(t, "sha256:abc", id)
	require.Equal(t, []engine.ImageProgress{{Image: "i", Stage: engine.StageBuild, Text: "Pulling", Current: 5, Total: 10}, {Image: "i", Stage: engine.StageBuild, Text: "Step 1/2 : FROM x"}}, said)

	var b strings.Builder
	for n := range 30 {
		fmt.Fprintf(&b, `{"stream":"line %d\n"}`+"\n", n)
	}
	b.WriteString(`{"errorDetail":{"message":"it returned a non-zero code: 7"},"error":"older words"}` + "\n")
	_, err = follow(strings.NewReader(b.String()), "i", engine.StageBuild, nil)
	require.ErrorContains(t, err, "it returned a non-zero code: 7\n  line 18\n")
	require.ErrorContains(t, err, "line 29")
	require.NotContains(t, err.Error(), "line 17")

	id, err = follow(strings.NewReader(`{"status":"sha256:def"}`), "i", engine.StageImport, nil)
	require.NoError(t, err)
	require.Equal(t, "sha256:def", id)
	_, err = follow(strings.NewReader(`{"status":`), "i", engine.StagePull, nil)
	require.Error(t, err, "a stream that breaks off is no success")
}

func FuzzFollow(f *testing.F) {
	f.Add(`{"stream":"a\n"}{"error":"b"}`)
	f.Add(`{"status":"sha256:x","progressDetail":{"current":-1}}`)
	f.Fuzz(func(_ *testing.T, stream string) { _, _ = follow(strings.NewReader(stream), "i", "s", nil) })
}
