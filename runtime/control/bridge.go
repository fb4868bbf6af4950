package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/ddsctl/ddsctl/runtime/hint"
)

// bridgePatience is how long Bridge waits for the helper's socket: a helper that was started a moment ago opens it first.
const bridgePatience = 5 * time.Second

// Bridge joins stdin and stdout to the helper's socket at path until either side ends or ctx does: what `ddsctl node dial` runs
// inside the helper. A read of stdin that cannot be interrupted may outlive the call; the program ends right after it.
func Bridge(ctx context.Context, path string, stdin io.Reader, stdout io.Writer) error {
	conn, err := connect(ctx, path)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()

	go func() {
		_, _ = io.Copy(conn, stdin)
		_ = conn.CloseWrite() // the helper then ends the session, which ends the copy below
	}()
	if _, err := io.Copy(stdout, conn); err != nil && ctx.Err() == nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("carry the control stream: %w", err)
	}
	return nil
}

func connect(ctx context.Context, path string) (*net.UnixConn, error) {
	patient, cancel := context.WithTimeout(ctx, bridgePatience)
	defer cancel()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, "unix", path)
		if err == nil {
			return conn.(*net.UnixConn), nil
		}
		// Not there yet, or left behind by a killed helper: a new one may be on its way.
		if !errors.Is(err, syscall.ENOENT) && !errors.Is(err, syscall.ECONNREFUSED) {
			return nil, fmt.Errorf("connect to the helper's control socket: %w", err)
		}
		select {
		case <-patient.Done():
			err = fmt.Errorf("no helper listens at %s: %w", path, err)
			return nil, hint.Wrap(err, "look at the helper's log: docker logs on the container with the label ddsctl.helper")
		case <-again.C:
		}
	}
}
