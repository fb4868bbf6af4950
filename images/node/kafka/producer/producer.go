// Package producer sends numbered records to a topic, and keeps which of them were acknowledged: so that what readers have seen can be held against it, to the record.
//
//	p, err := producer.New(producer.Options{Name: "orders", Brokers: []string{"kafka-1:9092"}, Topic: "orders", Rate: 50, Keys: 100})
//	err = p.Serve(ctx, listener)
package producer

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ddsctl/ddsctl/images/node/kafka"
	"github.com/ddsctl/ddsctl/images/node/kafka/numbers"
)

// Options say what is sent.
type Options struct {
	// Name begins the source of each record.
	Name    string
	Brokers []string
	Topic   string
	// Rate is in records per second.
	Rate float64
	// Keys is how many keys the records have, by turns; a key decides on the partition. 0 is no key.
	Keys int
	// Classes are what keys begin with, by turns; none is "key".
	Classes []string
	// Acks is who must have a record before it counts as acknowledged: AcksAll or AcksLeader.
	Acks string
	// GiveUp is how long it is tried to send a record; 0 is for ever. Nobody knows of a record that was given up whether it was written.
	GiveUp time.Duration
	Log    *slog.Logger // nil discards
}

// The words for Options.Acks.
const (
	AcksAll    = "all"    // all copies that are in sync
	AcksLeader = "leader" // the first copy; the others may never get it
)

// MostRate bounds rates, in records per second, and mostWaiting the records that are on their way.
const (
	MostRate    = 5000
	mostWaiting = 20_000
)

// Status is what a producer says of itself. The numbers are those of its present source.
type Status struct {
	Topic  string  `json:"topic"`
	Source string  `json:"source"`
	Rate   float64 `json:"rate"`
	Paused bool    `json:"paused"`
	Sent   int64   `json:"sent"`
	Acked  int64   `json:"acked"`
	// Waiting are sent, and neither acknowledged nor given up.
	Waiting int64 `json:"waiting"`
	// GivenUp may have been written or not.
	GivenUp int64 `json:"given_up"`
	// WaitingSeconds is how long the oldest of those that wait has been waiting.
	WaitingSeconds float64 `json:"waiting_seconds"`
	// LongestSeconds is the longest time that one has waited until it was acknowledged or given up.
	LongestSeconds float64 `json:"longest_seconds"`
}

// Acked are the numbers of a source that were acknowledged.
type Acked struct {
	Status
	Numbers []numbers.Range `json:"numbers"`
}

// Producer sends. Serve it once.
type Producer struct {
	options Options
	client  *kgo.Client
	changed chan struct{} // holds one word at most: rate or pause are others

	mu      sync.Mutex
	status  Status
	acked   *numbers.Set
	waiting map[*kgo.Record]time.Time
	life    int // of sources
}

// New connects, without waiting for a broker.
func New(o Options) (*Producer, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Rate < 0 || o.Rate > MostRate {
		return nil, fmt.Errorf("rate %g: from 0 to %d a second", o.Rate, MostRate)
	}
	options := []kgo.Opt{kgo.DefaultProduceTopic(o.Topic), kgo.ProducerLinger(0), kgo.MaxBufferedRecords(mostWaiting), kgo.RecordDeliveryTimeout(o.GiveUp)}
	switch o.Acks {
	case "", AcksAll: // and each is written once, however often it has to be sent
	case AcksLeader:
		options = append(options, kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite())
	default:
		return nil, fmt.Errorf("acks %q: %s or %s", o.Acks, AcksAll, AcksLeader)
	}
	client, err := kafka.Client(o.Brokers, options...)
	if err != nil {
		return nil, err
	}
	p := &Producer{options: o, client: client, changed: make(chan struct{}, 1), status: Status{Topic: o.Topic, Rate: o.Rate}}
	p.Begin()
	return p, nil
}

// Begin begins a new source, whose numbers begin at 1; what is on its way for the old one no longer counts.
func (p *Producer) Begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.life++
	p.acked, p.waiting = &numbers.Set{}, map[*kgo.Record]time.Time{}
	p.status = Status{Topic: p.status.Topic, Rate: p.status.Rate, Paused: p.status.Paused,
		Source: fmt.Sprintf("%s-%d-%d", p.options.Name, time.Now().UnixMilli(), p.life)}
}

// SetRate changes the rate, in records per second.
func (p *Producer) SetRate(rate float64) error {
	if !(rate >= 0 && rate <= MostRate) {
		return fmt.Errorf("rate %g: from 0 to %d a second", rate, MostRate)
	}
	p.mu.Lock()
	p.status.Rate = rate
	p.mu.Unlock()
	p.tell()
	return nil
}

// Pause stops sending, or begins again. What is on its way goes on.
func (p *Producer) Pause(pause bool) {
	p.mu.Lock()
	p.status.Paused = pause
	p.mu.Unlock()
	p.tell()
}

func (p *Producer) tell() {
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// Status is how it stands.
func (p *Producer) Status() Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now()
}

// now is the status at this instant.
func (p *Producer) now() Status {
	s := p.status
	s.Acked, s.Waiting = p.acked.Len(), int64(len(p.waiting))
	now := time.Now()
	for _, since := range p.waiting {
		s.WaitingSeconds = max(s.WaitingSeconds, now.Sub(since).Seconds())
	}
	return s
}

// Acked is what was acknowledged of the present source.
func (p *Producer) Acked() Acked {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Acked{Status: p.now(), Numbers: p.acked.Ranges()}
}

// Serve sends, and answers on listener, until ctx ends.
func (p *Producer) Serve(ctx context.Context, listener net.Listener) error {
	defer p.client.Close()
	return kafka.Serve(ctx, listener, p.Handler(), func(ctx context.Context) error { p.send(ctx); return nil })
}

// send sends at the rate. When it falls behind, as after a pause of the whole process, it does not catch up with more than a second's worth.
func (p *Producer) send(ctx context.Context) {
	next := time.Now()
	for ctx.Err() == nil {
		s := p.Status()
		if s.Paused || s.Rate == 0 {
			select {
			case <-p.changed:
			case <-ctx.Done():
			}
			next = time.Now()
			continue
		}
		now := time.Now()
		if next.Before(now.Add(-time.Second)) {
			next = now
		}
		timer := time.NewTimer(next.Sub(now))
		select {
		case <-timer.C:
			p.one(ctx)
			next = next.Add(time.Duration(float64(time.Second) / s.Rate))
		case <-p.changed:
			timer.Stop()
			next = time.Now()
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// key is the key of a record: CLASS-N.
func (p *Producer) key(number int64) []byte {
	class := "key"
	if n := int64(len(p.options.Classes)); n > 0 {
		class = p.options.Classes[number%n]
	}
	return fmt.Appendf(nil, "%s-%d", class, number%int64(p.options.Keys))
}

// one sends one record; its acknowledgement comes later.
func (p *Producer) one(ctx context.Context) {
	p.mu.Lock()
	if p.status.Paused || len(p.waiting) >= mostWaiting {
		p.mu.Unlock()
		return // the brokers are not there, and more would only fill the memory
	}
	p.status.Sent++
	life, number, now := p.life, p.status.Sent, time.Now()
	value, err := json.Marshal(kafka.Record{Source: p.status.Source, Number: number, Sent: now})
	record := &kgo.Record{Value: value}
	if p.options.Keys > 0 {
		record.Key = p.key(number)
	}
	p.waiting[record] = now
	p.mu.Unlock()
	if err != nil {
		p.options.Log.Error("not sent", "number", number, "error", err) // it stays among those that wait, and shows
		return
	}
	p.client.Produce(ctx, record, func(_ *kgo.Record, err error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if life != p.life {
			return
		}
		delete(p.waiting, record)
		p.status.LongestSeconds = max(p.status.LongestSeconds, time.Since(now).Seconds())
		if err != nil {
			p.status.GivenUp++
			p.options.Log.Warn("given up", "number", number, "error", err)
			return
		}
		p.acked.Add(number)
	})
}
