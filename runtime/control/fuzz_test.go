package control

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
)

// script is a stream whose other side says what it says, whatever it is told.
type script struct{ io.Reader }

func (script) Write(p []byte) (int, error) { return len(p), nil }
func (script) Close() error                { return nil }

var seeds = []string{
	"",
	"{}\n",
	"{\"hello\":\"ddsctl-control\",\"version\":1}\n",
	"{\"hello\":\"ddsctl-control\",\"version\":1}\n{\"id\":1,\"call\":\"add\",\"args\":{\"A\":1,\"B\":2}}\n",
	"{\"hello\":\"ddsctl-control\",\"version\":1}\n{\"id\":1,\"call\":\"count\",\"stream\":true,\"args\":9}\n{\"id\":1,\"credit\":-5}\n{\"id\":1,\"cancel\":true}\n",
	"{\"hello\":\"ddsctl-control\",\"version\":1}\n{\"id\":1,\"reply\":3}\n{\"id\":1,\"reply\":3}\n",
	"{\"hello\":\"ddsctl-control\",\"version\":1}\n\n\n[1]\n",
	strings.Repeat("{\"hello\":", 5000),
}

// FuzzServe holds that no bytes from a client crash or hang a helper.
func FuzzServe(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	served := handlers()
	f.Fuzz(func(t *testing.T, said []byte) {
		_ = ServeStream(t.Context(), script{bytes.NewReader(said)}, served)
	})
}

// FuzzDial holds that no bytes from a helper crash or hang a client.
func FuzzDial(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, said []byte) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		client := Dial(ctx, script{bytes.NewReader(said)})
		defer client.Close()
		var sum int
		_ = client.Call(ctx, "add", nil, &sum)
		for _, err := range client.Stream(ctx, "count", nil) {
			if err != nil {
				break
			}
		}
	})
}
