package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// Serve answers on listener until ctx ends.
func (l *Ledger) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{Handler: l.Handler(), ReadHeaderTimeout: 5 * time.Second}
	running, stop := context.WithCancel(ctx)
	var wait sync.WaitGroup
	defer wait.Wait()
	defer stop()
	wait.Go(func() { l.notify(running) })
	wait.Go(func() {
		<-running.Done()
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if err := server.Shutdown(last); err != nil {
			_ = server.Close()
		}
	})
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// notify tells of new records, one after another.
func (l *Ledger) notify(ctx context.Context) {
	client := &http.Client{Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	for {
		select {
		case r := <-l.notices:
			l.tell(ctx, client, r)
		case <-ctx.Done():
			return
		}
	}
}

func (l *Ledger) tell(ctx context.Context, client *http.Client, r Record) {
	text, err := json.Marshal(r.Data)
	if err != nil {
		return // it came as JSON
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, l.options.Notify, bytes.NewReader(text))
	if err != nil {
		return
	}
	request.Header.Set("Content-Type", "application/json")
	if answer, err := client.Do(request); err == nil {
		_ = answer.Body.Close()
	}
}
