package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"time"

	"github.com/ddsctl/ddsctl/images/node/serving"
)

// Serve answers on listener until ctx ends.
func (l *Ledger) Serve(ctx context.Context, listener net.Listener) error {
	return serving.HTTP(ctx, listener, l.Handler(), serving.Options{}, l.notify)
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
