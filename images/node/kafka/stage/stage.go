// Package stage is one step of an event pipeline over Kafka: it reads topics as one of a group, and sends each record on to where a Route says. The patterns of event processing
// are Routes: Copier, Filter, Splitter, Sharder, Merger.
//
//	s, err := stage.New(stage.Options{Brokers: brokers, Group: "copier", Inputs: []string{"events"}, Route: stage.Copier("archive", "work")})
//	err = s.Serve(ctx, listener)
//
// What is sent and how far the input was read become true together, in a transaction of Kafka: a stage that dies leaves neither half. Whoever reads its outputs has to read what is committed
// only.
package stage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ddsctl/ddsctl/images/node/kafka"
)

// Options say what a stage does.
type Options struct {
	// Name tells stages apart; the name of its transactions begins with it. Two that run at a time have two.
	Name    string
	Brokers []string
	// Group is whom it shares its inputs with.
	Group  string
	Inputs []string
	Route  Route
	// Batch is how many records go into a transaction at most; 0 is 200.
	Batch int
	// Every is how long after the begin of a batch the next one begins at the earliest: each costs the brokers some work.
	Every time.Duration
	// Work is how long the work on one record takes.
	Work time.Duration
	// Plain does without transactions: what was sent is there at once, and what was sent since the place was kept last is sent again after a death.
	Plain bool
	// Session is how long the group waits for a sign of life; 0 is 6 s.
	Session time.Duration
	Log     *slog.Logger // nil discards
}

// Figures are what a stage has done, as far as it became true.
type Figures struct {
	Name       string `json:"name"`
	In         int64  `json:"in"`
	Out        int64  `json:"out"`
	Dropped    int64  `json:"dropped"`    // read, and sent nowhere
	Batches    int64  `json:"batches"`    // that became true
	Undone     int64  `json:"undone"`     // that did not, and are begun again
	Partitions int    `json:"partitions"` // of its inputs
}

// Stage is one such step. Serve it once.
type Stage struct {
	options Options
	session *kgo.GroupTransactSession
	plain   *kgo.Client

	mu      sync.Mutex
	figures Figures
}

// Bounds of single steps.
const (
	endMost         = 10 * time.Second
	again           = 200 * time.Millisecond
	transactionMost = 20 * time.Second // after it, the brokers undo what a dead stage has left
)

// New returns a stage; it begins when it serves.
func New(o Options) (*Stage, error) {
	if o.Route == nil || len(o.Inputs) == 0 || o.Group == "" {
		return nil, errors.New("a stage has inputs, a group and a route")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Batch <= 0 {
		o.Batch = 200
	}
	if o.Session <= 0 {
		o.Session = 6 * time.Second
	}
	s := &Stage{options: o, figures: Figures{Name: o.Name}}
	moved := func(sign int) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, which map[string][]int32) {
			s.count(func(f *Figures) {
				for _, list := range which {
					f.Partitions += sign * len(list)
				}
			})
		}
	}
	options := append(kafka.ClientOptions(o.Brokers, kafka.MemberOptions(o.Name, o.Group, o.Inputs, o.Session)...),
		kgo.FetchMaxWait(300*time.Millisecond), kgo.RebalanceTimeout(15*time.Second), kgo.ProducerLinger(0), kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.OnPartitionsAssigned(moved(1)), kgo.OnPartitionsRevoked(moved(-1)), kgo.OnPartitionsLost(moved(-1)))
	var err error
	if o.Plain {
		s.plain, err = kgo.NewClient(options...)
	} else {
		s.session, err = kgo.NewGroupTransactSession(append(options, kgo.TransactionalID(o.Name), kgo.TransactionTimeout(transactionMost))...)
	}
	if err != nil {
		return nil, fmt.Errorf("kafka client: %w", err)
	}
	return s, nil
}

func (s *Stage) count(f func(*Figures)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.figures)
}

// Figures are what it has done until now.
func (s *Stage) Figures() Figures {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.figures
}

// Serve works, and answers on listener, until ctx ends; then it leaves the group.
func (s *Stage) Serve(ctx context.Context, listener net.Listener) error {
	run := s.transactions
	if s.options.Plain {
		defer s.plain.CloseAllowingRebalance()
		run = s.plainly
	} else {
		defer s.session.CloseAllowingRebalance()
	}
	return kafka.Serve(ctx, listener, s.Handler(), run)
}

// onward are the records to be sent for those that were read.
func (s *Stage) onward(records []*kgo.Record) (out []*kgo.Record, dropped int64) {
	for _, r := range records {
		to := s.options.Route(r.Key)
		if len(to) == 0 {
			dropped++
		}
		for _, topic := range to {
			out = append(out, &kgo.Record{Topic: topic, Key: r.Key, Value: r.Value, Headers: r.Headers})
		}
	}
	return out, dropped
}

// note counts a batch that became true.
func (s *Stage) note(in, out int, dropped int64) {
	s.count(func(f *Figures) {
		f.In += int64(in)
		f.Out += int64(out)
		f.Dropped += dropped
		f.Batches++
	})
}

// taken are the records that come next. None is no error.
func (s *Stage) taken(ctx context.Context, poll func(context.Context, int) kgo.Fetches) []*kgo.Record {
	return kafka.Poll(ctx, poll, s.options.Batch, s.options.Log).Records()
}

// transactions works until ctx ends: each batch becomes true whole, or not at all.
func (s *Stage) transactions(ctx context.Context) error {
	for ctx.Err() == nil {
		begin := time.Now()
		records := s.taken(ctx, s.session.PollRecords)
		if len(records) > 0 {
			if err := s.transaction(ctx, records); err != nil {
				return err
			}
		}
		s.session.AllowRebalance()
		kafka.Wait(ctx, s.options.Every-time.Since(begin))
	}
	return nil
}

func (s *Stage) transaction(ctx context.Context, records []*kgo.Record) error {
	if err := s.session.Begin(); err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	out, dropped := s.onward(records)
	whole := s.options.Work == 0 || kafka.Wait(ctx, s.options.Work*time.Duration(len(records)))
	if whole {
		if err := s.session.ProduceSync(ctx, out...).FirstErr(); err != nil {
			s.options.Log.Warn("not sent", "error", err)
			whole = false
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), endMost)
	defer cancel()
	committed, err := s.session.End(last, kgo.TransactionEndTry(whole))
	switch {
	case err != nil && ctx.Err() == nil:
		return fmt.Errorf("end a transaction: %w", err) // it is begun anew, under the same name, which undoes what is left of this one
	case committed:
		s.note(len(records), len(out), dropped)
	default:
		s.count(func(f *Figures) { f.Undone++ })
	}
	return nil
}

// plainly works until ctx ends: what is sent is true at once, and the place is kept after it.
func (s *Stage) plainly(ctx context.Context) error {
	for ctx.Err() == nil {
		begin := time.Now()
		records := s.taken(ctx, s.plain.PollRecords)
		if len(records) > 0 && s.batch(ctx, records) {
			bound, cancel := context.WithTimeout(ctx, endMost)
			if err := s.plain.CommitRecords(bound, records...); err != nil {
				s.options.Log.Warn("place not kept", "error", err)
			}
			cancel()
		}
		s.plain.AllowRebalance()
		kafka.Wait(ctx, s.options.Every-time.Since(begin))
	}
	return nil
}

// batch sends record by record, each when its work is done, until all are sent or ctx ends.
func (s *Stage) batch(ctx context.Context, records []*kgo.Record) bool {
	for i := range records {
		if s.options.Work > 0 && !kafka.Wait(ctx, s.options.Work) {
			return false
		}
		out, dropped := s.onward(records[i : i+1])
		for s.plain.ProduceSync(ctx, out...).FirstErr() != nil {
			if !kafka.Wait(ctx, again) {
				return false
			}
		}
		s.note(1, len(out), dropped)
	}
	return true
}
