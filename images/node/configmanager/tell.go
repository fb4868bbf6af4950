package configmanager

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// telling bounds one call to an application.
const telling = 5 * time.Second

// Signal tells a process by a signal. The process must be in the same PID namespace, and of the same user.
func Signal(pid int, signal os.Signal) Teller {
	return func(context.Context) error {
		process, err := os.FindProcess(pid)
		if err == nil {
			err = process.Signal(signal)
		}
		if err != nil {
			return fmt.Errorf("signal process %d: %w", pid, err)
		}
		return nil
	}
}

// Call tells an application by a POST to the URL, which it must answer well.
func Call(url string) Teller {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, telling)
		defer cancel()
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, nil)
		if err != nil {
			return err
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 1<<20))
		_ = answer.Body.Close()
		if answer.StatusCode >= http.StatusMultipleChoices {
			return fmt.Errorf("%s answers %s", url, answer.Status)
		}
		return nil
	}
}
