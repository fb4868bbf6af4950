package queue

import (
	"context"
	"math/rand/v2"
	"time"
)

// The pauses between tries, which grow. A class that comes back all at once is spread by chance.
const (
	firstPause = 500 * time.Millisecond
	mostPause  = 30 * time.Second
)

// SendPatiently sends what waits, and tries again for as long as patience says when the server is not there. With no patience it tries once.
func (q Queue) SendPatiently(ctx context.Context, send Sender, later func(error) bool, patience time.Duration) ([]Sent, error) {
	var all []Sent
	end := time.Now().Add(patience)
	for pause := firstPause; ; pause = min(2*pause, mostPause) {
		sent, err := q.Send(ctx, send, later)
		all = append(all, sent...)
		if err == nil || !later(err) || ctx.Err() != nil {
			return all, err
		}
		wait := pause/2 + rand.N(pause)
		if time.Now().Add(wait).After(end) {
			return all, err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return all, ctx.Err()
		}
	}
}
