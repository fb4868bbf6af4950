// Package consumer reads a topic as one member of a group: each partition is read by one member, and where the group is in a partition is kept by the brokers. What it
// has read it tells a counter, which is its work.
//
//	c, err := consumer.New(consumer.Options{Group: "billing", Topics: []string{"orders"}, Brokers: brokers, Deliver: consumer.HTTP("http://counter:8080")})
//	err = c.Serve(ctx, listener)
package consumer

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ddsctl/ddsctl/images/node/kafka"
)

// Options say what is read, and how.
type Options struct {
	// Name tells members of a group apart, for people.
	Name    string
	Brokers []string
	Group   string
	Topics  []string
	// Commit is when the place is kept: CommitAfter the work or CommitBefore it.
	Commit string
	// Batch is how many records it takes at a time at most; 0 is 100.
	Batch int
	// Every is how often the place is kept at most, with CommitAfter; 0 is after each batch.
	Every time.Duration
	// Work is how long the work on one record takes.
	Work time.Duration
	// Session is how long the group waits for a sign of life of a member before it gives its partitions to others; 0 is 6 s.
	Session time.Duration
	// Balance is how partitions are divided anew: BalanceSticky or BalanceRange.
	Balance string
	// Deliver does the work on records.
	Deliver func(ctx context.Context, records []kafka.Record) error
	Log     *slog.Logger // nil discards
}

// The words for Options.Commit and Options.Balance.
const (
	CommitAfter  = "after"  // whoever dies in between lets others do some work again
	CommitBefore = "before" // whoever dies in between takes some work with it
	// BalanceSticky lets members keep what they have, and go on with it meanwhile.
	BalanceSticky = "sticky"
	// BalanceRange gives neighbouring partitions to one member; all of them stop meanwhile.
	BalanceRange = "range"
)

// Figures are what a member has done.
type Figures struct {
	Name       string `json:"name"`
	Partitions int    `json:"partitions"` // that are its own now
	Records    int64  `json:"records"`
	// Foreign are records that no producer of ours has made.
	Foreign int64 `json:"foreign"`
	// Lag is how many records of its partitions it has not read, as far as it knows.
	Lag int64 `json:"lag"`
	// Rebalances is how often its partitions changed.
	Rebalances int64 `json:"rebalances"`
	Failed     int64 `json:"failed"` // attempts to keep the place
}

// Consumer reads. Serve it once.
type Consumer struct {
	options Options
	client  *kgo.Client

	mu      sync.Mutex
	figures Figures
	lag     map[partition]int64

	// Between two batches only: one is not worked on while partitions change.
	done map[partition]*kgo.Record // the last that was worked on, where the place behind it is not kept
	kept time.Time
}

type partition struct {
	topic  string
	number int32
}

// Bounds of single steps.
const (
	commitMost = 3 * time.Second
	again      = 200 * time.Millisecond
)

// New returns a member; it joins when it serves.
func New(o Options) (*Consumer, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Batch <= 0 {
		o.Batch = 100
	}
	if o.Session <= 0 {
		o.Session = 6 * time.Second
	}
	if o.Commit == "" {
		o.Commit = CommitAfter
	}
	if o.Commit != CommitAfter && o.Commit != CommitBefore {
		return nil, fmt.Errorf("commit %q: %s or %s", o.Commit, CommitAfter, CommitBefore)
	}
	balancer := kgo.CooperativeStickyBalancer()
	switch o.Balance {
	case "", BalanceSticky:
	case BalanceRange:
		balancer = kgo.RangeBalancer()
	default:
		return nil, fmt.Errorf("balance %q: %s or %s", o.Balance, BalanceSticky, BalanceRange)
	}
	c := &Consumer{options: o, figures: Figures{Name: o.Name}, lag: map[partition]int64{}, done: map[partition]*kgo.Record{}}
	client, err := kafka.Client(o.Brokers, append(kafka.MemberOptions(o.Name, o.Group, o.Topics, o.Session),
		kgo.Balancers(balancer), kgo.RebalanceTimeout(10*time.Second), kgo.FetchMaxWait(500*time.Millisecond), kgo.FetchMaxPartitionBytes(256<<10),
		// Partitions go to others between two batches, when the place is kept.
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, which map[string][]int32) { c.changed(1, which) }),
		kgo.OnPartitionsRevoked(func(ctx context.Context, _ *kgo.Client, which map[string][]int32) {
			c.keep(ctx)
			c.changed(-1, which)
		}),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, which map[string][]int32) { c.changed(-1, which) }))...)
	if err != nil {
		return nil, err
	}
	c.client = client
	return c, nil
}

func (c *Consumer) changed(sign int, which map[string][]int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for topic, list := range which {
		n += len(list)
		for _, p := range list {
			delete(c.lag, partition{topic, p})
			delete(c.done, partition{topic, p})
		}
	}
	if n == 0 {
		return
	}
	c.figures.Partitions += sign * n
	c.figures.Rebalances++
	c.options.Log.Info("partitions changed", "by", sign*n, "now", c.figures.Partitions)
}

// Figures are what it has done until now.
func (c *Consumer) Figures() Figures {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.figures
	for _, lag := range c.lag {
		f.Lag += lag
	}
	return f
}

// Serve reads, and answers on listener, until ctx ends; then it leaves the group.
func (c *Consumer) Serve(ctx context.Context, listener net.Listener) error {
	defer c.client.CloseAllowingRebalance()
	return kafka.Serve(ctx, listener, c.Handler(), func(ctx context.Context) error { c.read(ctx); return nil })
}

func (c *Consumer) read(ctx context.Context) {
	for ctx.Err() == nil {
		c.batch(ctx)
		c.client.AllowRebalance()
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitMost)
	defer cancel()
	c.keep(last) // it leaves, and the next one is to go on where it was
}

// batch takes what is next, works on it and keeps the place, in the order that is asked for.
func (c *Consumer) batch(ctx context.Context) {
	fetches := kafka.Poll(ctx, c.client.PollRecords, c.options.Batch, c.options.Log)
	records := fetches.Records()
	if c.options.Commit == CommitBefore {
		c.note(fetches)
		if !c.keep(ctx) {
			return // and what was taken is never worked on: it is not done twice, at any price
		}
	}
	if !c.work(ctx, records) {
		return
	}
	if c.options.Commit == CommitAfter {
		c.note(fetches)
		if time.Since(c.lastKept()) >= c.options.Every {
			c.keep(ctx)
		}
	}
}

// keep keeps the place behind what is done, and says whether that worked. What is not kept is so the next time: unless the partition is somebody else's by then, who goes on
// at the place that was kept last.
func (c *Consumer) keep(ctx context.Context) bool {
	c.mu.Lock()
	var records []*kgo.Record
	for _, r := range c.done {
		records = append(records, r)
	}
	c.mu.Unlock()
	if len(records) == 0 {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, commitMost)
	defer cancel()
	err := c.client.CommitRecords(ctx, records...)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept = time.Now()
	if err != nil {
		c.figures.Failed++
		c.options.Log.Warn("place not kept", "error", err)
		return false
	}
	clear(c.done)
	return true
}

func (c *Consumer) lastKept() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.kept
}

// work does the work on the records, until it is done or ctx ends.
func (c *Consumer) work(ctx context.Context, records []*kgo.Record) bool {
	var list []kafka.Record
	for _, r := range records {
		if record, ok := kafka.Read(r.Value); ok {
			list = append(list, record)
		}
	}
	if c.options.Work > 0 && !kafka.Wait(ctx, c.options.Work*time.Duration(len(list))) {
		return false
	}
	for len(list) > 0 {
		err := c.options.Deliver(ctx, list)
		if err == nil {
			break
		}
		c.options.Log.Warn("not delivered", "error", err)
		if !kafka.Wait(ctx, again) {
			return false
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.figures.Records += int64(len(list))
	c.figures.Foreign += int64(len(records) - len(list))
	return true
}

// note writes down what is done, and how far behind it is.
func (c *Consumer) note(fetches kgo.Fetches) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		if n := len(p.Records); n > 0 {
			c.done[partition{p.Topic, p.Partition}] = p.Records[n-1]
			c.lag[partition{p.Topic, p.Partition}] = max(0, p.HighWatermark-p.Records[n-1].Offset-1)
		}
	})
}
