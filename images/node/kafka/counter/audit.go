package counter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/ddsctl/ddsctl/images/node/kafka"
	"github.com/ddsctl/ddsctl/images/node/kafka/numbers"
)

// AuditOptions say what is held against what.
type AuditOptions struct {
	// Producer and Counter are their addresses.
	Producer, Counter string
	// Within is how long what was sent may take to be acknowledged, and then how long what was acknowledged may take to be read.
	Within time.Duration
	// Resume lets the producer go on afterwards in any case.
	Resume bool
	// Client asks; nil is http.DefaultClient.
	Client *http.Client
}

// Result is what became of a producer's records.
type Result struct {
	Topic   string `json:"topic"`
	Sent    int64  `json:"sent"`
	Acked   int64  `json:"acked"`
	Waiting int64  `json:"waiting"` // nobody knows of them: they were not acknowledged in time
	GivenUp int64  `json:"given_up"`
	Read    int64  `json:"read"`
	// Lost were acknowledged, and not read in time.
	Lost     int64 `json:"lost"`
	Repeated int64 `json:"repeated"` // reads of what had been read
	// Surplus were read, though nobody was told that they were written.
	Surplus int64 `json:"surplus"`
}

// LostPercent is the part of what was acknowledged that is lost.
func (r Result) LostPercent() float64 {
	if r.Acked == 0 {
		return 0
	}
	return 100 * float64(r.Lost) / float64(r.Acked)
}

// String is the result in a line.
func (r Result) String() string {
	return fmt.Sprintf("%s: %d acknowledged, %d lost (%.1f %%), %d read more than once, %d read without an acknowledgement; %d without an answer",
		r.Topic, r.Acked, r.Lost, r.LostPercent(), r.Repeated, r.Surplus, r.Waiting+r.GivenUp)
}

// look is the pause between two looks.
const look = 200 * time.Millisecond

// Audit pauses the producer, waits for what is on its way, and holds what was read against what was acknowledged. The producer goes on afterwards, if it did before.
func Audit(ctx context.Context, o AuditOptions) (result Result, err error) {
	if o.Client == nil {
		o.Client = http.DefaultClient
	}
	var before, status struct {
		Source        string
		Paused        bool
		Sent, Waiting int64
		GivenUp       int64 `json:"given_up"`
		Acked         int64
		Topic         string
		Numbers       []numbers.Range
	}
	if err := o.ask(ctx, http.MethodGet, o.Producer+"/status", &before); err != nil {
		return Result{}, err
	}
	if !before.Paused || o.Resume {
		defer func() {
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			err = errors.Join(err, o.ask(last, http.MethodPost, o.Producer+"/resume", nil))
		}()
	}
	if err := o.ask(ctx, http.MethodPost, o.Producer+"/pause", nil); err != nil {
		return Result{}, err
	}
	for begin := time.Now(); ; {
		status.Numbers = nil
		if err := o.ask(ctx, http.MethodGet, o.Producer+"/acked", &status); err != nil {
			return Result{}, err
		}
		if status.Waiting == 0 || time.Since(begin) > o.Within || !kafka.Wait(ctx, look) {
			break
		}
	}
	acked := numbers.Of(status.Numbers...)
	result = Result{Topic: status.Topic, Sent: status.Sent, Acked: acked.Len(), Waiting: status.Waiting, GivenUp: status.GivenUp}
	for begin := time.Now(); ; {
		var seen Seen
		if err := o.ask(ctx, http.MethodGet, o.Counter+"/seen?source="+url.QueryEscape(status.Source), &seen); err != nil {
			return Result{}, err
		}
		read := numbers.Of(seen.Numbers...)
		result.Read, result.Repeated = read.Len(), seen.Repeated
		result.Lost, result.Surplus = acked.Minus(read), read.Minus(acked)
		if result.Lost == 0 || time.Since(begin) > o.Within || !kafka.Wait(ctx, look) {
			return result, ctx.Err()
		}
	}
}

func (o AuditOptions) ask(ctx context.Context, method, address string, into any) error {
	request, err := http.NewRequestWithContext(ctx, method, address, http.NoBody)
	if err != nil {
		return err
	}
	answer, err := o.Client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s", method, address, answer.Status)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(answer.Body).Decode(into)
}
