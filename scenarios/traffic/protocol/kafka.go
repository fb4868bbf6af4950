package protocol

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ddsctl/ddsctl/labs/workload"
)

// kafka speaks with a Kafka cluster of which the target is the first broker asked. A Conn here is a client with its connections to
// the brokers that it is sent to. As every Kafka client does, it looks for a partition's new leader by itself: a lost broker shows as
// latency, and as errors only where the timeout ends first.
type kafka struct {
	config Config
	topic  string
}

func newKafka(config Config) (Protocol, error) {
	topic, _, _ := strings.Cut(strings.Trim(config.Target.Path, "/"), "?")
	return &kafka{config: config, topic: topic}, nil
}

type kafkaOp struct {
	consume bool
	topic   string
	acks    string
}

// Compile prepares an operation.
func (p *kafka) Compile(op workload.Operation) (any, error) {
	topic := op.Topic
	if topic == "" {
		topic = p.topic
	}
	if topic == "" {
		return nil, errors.New("a topic is missing: kafka://host:9092/topic")
	}
	switch op.Operation {
	case workload.Produce:
		return &kafkaOp{topic: topic, acks: op.Acks}, nil
	case workload.Consume:
		return &kafkaOp{topic: topic, consume: true}, nil
	}
	return nil, unknownOperation(workload.Kafka, op)
}

// Open asks the first broker for the cluster, so that one that is not there shows at once.
func (p *kafka) Open(ctx context.Context) (Conn, error) {
	c := &kafkaConn{config: p.config, producers: map[string]*kgo.Client{}, consumers: map[string]*kgo.Client{}}
	client, err := c.client()
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, p.config.Timeout)
	defer cancel()
	if err := client.Ping(ctx); err != nil {
		return nil, c.failure(ctx, err)
	}
	return c, nil
}

type kafkaConn struct {
	config    Config
	producers map[string]*kgo.Client // by acks
	consumers map[string]*kgo.Client // by topic; each keeps the records of a fetch that nobody has asked for yet

	mu     sync.Mutex
	broken error // of the last attempt to reach a broker; nil after one that succeeded
	all    []*kgo.Client
	closed bool
}

// client makes a client of the cluster.
func (c *kafkaConn) client(options ...kgo.Opt) (*kgo.Client, error) {
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(c.config.Target.Address()),
		kgo.ClientID("ddsctl"),
		kgo.Dialer(func(ctx context.Context, _, address string) (net.Conn, error) {
			dial := c.config.Dial
			if dial == nil {
				dial = (&net.Dialer{Timeout: c.config.Timeout}).DialContext
			}
			conn, err := dial(ctx, "tcp", address)
			c.reached(err)
			return conn, err
		}),
		kgo.RetryTimeout(c.config.Timeout),
		kgo.RequestTimeoutOverhead(min(max(c.config.Timeout, 100*time.Millisecond), 15*time.Minute)),
		// A new leader is found as soon as there is one; the defaults are made for programs that run for weeks.
		kgo.MetadataMinAge(100 * time.Millisecond),
		kgo.RetryBackoffFn(func(failures int) time.Duration {
			return min(20*time.Millisecond<<min(failures, 4), 250*time.Millisecond)
		}),
		kgo.DisableClientMetrics(),
	}, options...)...)
	if err != nil {
		return nil, fmt.Errorf("kafka client: %w", err)
	}
	return client, nil
}

func (c *kafkaConn) reached(err error) {
	if errors.Is(err, context.Canceled) {
		return // a client that is closed
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken = err
}

// keep remembers a client, so that Close ends it.
func (c *kafkaConn) keep(client *kgo.Client) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		client.Close()
		return net.ErrClosed
	}
	c.all = append(c.all, client)
	return nil
}

// Do appends a record and waits for its acknowledgement, or takes records that are next.
func (c *kafkaConn) Do(ctx context.Context, r *Request, answer *Answer) error {
	op := r.Op.(*kafkaOp)
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	if op.consume {
		return c.consume(ctx, op, answer)
	}
	return c.produce(ctx, op, r)
}

func (c *kafkaConn) produce(ctx context.Context, op *kafkaOp, r *Request) error {
	client, err := c.producer(op.acks)
	if err != nil {
		return err
	}
	// The client may hold on to a record after the wait for it is given up.
	record := &kgo.Record{Topic: op.topic, Key: append([]byte(nil), r.Key...), Value: append([]byte(nil), r.Value...)}
	done := make(chan error, 1)
	client.Produce(ctx, record, func(_ *kgo.Record, err error) { done <- err })
	select {
	case err := <-done:
		return c.failure(ctx, err)
	case <-ctx.Done(): // the client looks at its contexts only now and then
		return c.failure(ctx, ctx.Err())
	}
}

func (c *kafkaConn) producer(acks string) (*kgo.Client, error) {
	if client := c.producers[acks]; client != nil {
		return client, nil
	}
	required := kgo.AllISRAcks()
	switch acks {
	case "leader":
		required = kgo.LeaderAck()
	case "none":
		required = kgo.NoAck()
	}
	client, err := c.client(kgo.RequiredAcks(required), kgo.DisableIdempotentWrite(), kgo.ProducerLinger(0),
		kgo.AllowAutoTopicCreation(), kgo.RecordDeliveryTimeout(max(c.config.Timeout, time.Second)),
		kgo.ProduceRequestTimeout(max(c.config.Timeout, 100*time.Millisecond)))
	if err != nil {
		return nil, err
	}
	if err := c.keep(client); err != nil {
		return nil, err
	}
	c.producers[acks] = client
	return client, nil
}

const (
	// consumeWait is how long a consumer waits for records that are not there yet; then it has missed.
	consumeWait = 250 * time.Millisecond
	// consumeBatch is how many records one request takes at most.
	consumeBatch = 100
)

func (c *kafkaConn) consume(ctx context.Context, op *kafkaOp, answer *Answer) error {
	consumer, err := c.consumer(op.topic)
	if err != nil {
		return err
	}
	patient, cancel := context.WithTimeout(ctx, min(consumeWait, c.config.Timeout))
	defer cancel()
	fetches := consumer.PollRecords(patient, consumeBatch)
	if fetches.NumRecords() > 0 {
		answer.Found = FoundHit
		return nil
	}
	if err := fetches.Err0(); err != nil && patient.Err() == nil {
		return c.failure(ctx, err)
	}
	for _, e := range fetches.Errors() {
		if !errors.Is(e.Err, context.DeadlineExceeded) && !errors.Is(e.Err, context.Canceled) {
			return c.failure(ctx, e.Err)
		}
	}
	if err := c.unreachable(); err != nil {
		return err
	}
	answer.Found = FoundMiss
	return ctx.Err()
}

func (c *kafkaConn) consumer(topic string) (*kgo.Client, error) {
	if consumer := c.consumers[topic]; consumer != nil {
		return consumer, nil
	}
	client, err := c.client(kgo.ConsumeTopics(topic), kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchMaxWait(consumeWait), kgo.FetchMaxBytes(1<<20), kgo.FetchMaxPartitionBytes(256<<10))
	if err != nil {
		return nil, err
	}
	if err := c.keep(client); err != nil {
		return nil, err
	}
	c.consumers[topic] = client
	return client, nil
}

// unreachable is why the broker that was wanted last could not be reached, nil when it was.
func (c *kafkaConn) unreachable() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.broken
}

// failure says what an error of the client means.
func (c *kafkaConn) failure(ctx context.Context, err error) error {
	var answered *kerr.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &answered):
		return &Failure{Kind: KindServer, Text: answered.Error()}
	case errors.Is(err, kgo.ErrClientClosed):
		return &outcome{err: net.ErrClosed, broken: true}
	}
	// A client that has been trying all the time reports that time ran out; why is what the last attempt met.
	if cause := c.unreachable(); cause != nil && !errors.Is(ctx.Err(), context.Canceled) {
		return &outcome{err: fmt.Errorf("%w (%v)", cause, err)} //nolint:errorlint // the kind is the cause's
	}
	if errors.Is(err, kgo.ErrRecordTimeout) || errors.Is(err, kgo.ErrRecordRetries) {
		err = fmt.Errorf("%w: %w", context.DeadlineExceeded, err)
	}
	if KindOf(err) == KindOther { // what the client found wrong with an answer has no type
		return &Failure{Kind: KindProtocol, Text: err.Error()}
	}
	return &outcome{err: err}
}

// Close ends the client and its connections.
func (c *kafkaConn) Close() error {
	c.mu.Lock()
	all := c.all
	c.all, c.closed = nil, true
	c.mu.Unlock()
	for _, client := range all {
		client.Close()
	}
	return nil
}
