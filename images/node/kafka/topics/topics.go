// Package topics makes the topics of a lab once its brokers are there.
//
//	err := topics.Make(ctx, client, []topics.Topic{{Name: "orders", Partitions: 6, Copies: 3, InSync: 2}})
package topics

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ddsctl/ddsctl/images/node/kafka"
)

// Topic is one topic.
type Topic struct {
	Name       string
	Partitions int32
	Copies     int16 // of each partition
	// InSync is how many copies must have a record before whoever asked for all of them is told so.
	InSync int
}

// Parse reads NAME:PARTITIONS:COPIES[:INSYNC], where INSYNC is 1 by default.
func Parse(text string) (Topic, error) {
	words := strings.Split(text, ":")
	wrong := fmt.Errorf("topic %q: want NAME:PARTITIONS:COPIES[:INSYNC], such as orders:6:3:2", text)
	if len(words) < 3 || len(words) > 4 || words[0] == "" {
		return Topic{}, wrong
	}
	var numbers [3]int
	numbers[2] = 1
	for i, word := range words[1:] {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 || n > 1000 {
			return Topic{}, wrong
		}
		numbers[i] = n
	}
	t := Topic{Name: words[0], Partitions: int32(numbers[0]), Copies: int16(numbers[1]), InSync: numbers[2]} //nolint:gosec // 1000 at most
	if t.InSync > int(t.Copies) {
		return Topic{}, fmt.Errorf("topic %q: %d of %d copies cannot be in sync", text, t.InSync, t.Copies)
	}
	return t, nil
}

// again is the pause between two looks.
const again = 200 * time.Millisecond

// Make makes the topics that are not there, and returns when each partition has all its copies in sync and is led by the first of them: as it is in the beginning, and some time after a broker
// has come back. It waits for as many brokers as there are copies. It asks the
// groups' coordinator too, so that the topic of the groups' offsets is there for the first consumer.
func Make(ctx context.Context, client *kgo.Client, topics []Topic) error {
	brokers := 0
	for _, t := range topics {
		brokers = max(brokers, int(t.Copies))
	}
	err := until(ctx, func() error {
		answer, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, client)
		if err == nil && len(answer.Brokers) < brokers {
			err = fmt.Errorf("%d of %d brokers are there", len(answer.Brokers), brokers)
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, t := range topics {
		if err := until(ctx, func() error { return create(ctx, client, t) }); err != nil {
			return fmt.Errorf("topic %s: %w", t.Name, err)
		}
	}
	for _, t := range topics {
		if err := until(ctx, func() error { return whole(ctx, client, t) }); err != nil {
			return fmt.Errorf("topic %s: %w", t.Name, err)
		}
	}
	if err := until(ctx, func() error { return coordinated(ctx, client) }); err != nil {
		return fmt.Errorf("coordinator of groups: %w", err)
	}
	return nil
}

// until tries until there is no error, or one that stays, or ctx ends.
func until(ctx context.Context, try func() error) error {
	for {
		err := try()
		var final *finalError
		if err == nil || errors.As(err, &final) {
			return err
		}
		if !kafka.Wait(ctx, again) {
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
	}
}

// finalError is one that waiting does not mend.
type finalError struct{ error }

func create(ctx context.Context, client *kgo.Client, t Topic) error {
	request := kmsg.NewPtrCreateTopicsRequest()
	request.TimeoutMillis = 10_000
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = t.Name, t.Partitions, t.Copies
	config := kmsg.NewCreateTopicsRequestTopicConfig()
	config.Name, config.Value = "min.insync.replicas", kmsg.StringPtr(strconv.Itoa(t.InSync))
	topic.Configs = append(topic.Configs, config)
	request.Topics = append(request.Topics, topic)
	answer, err := request.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	for _, made := range answer.Topics {
		err := kerr.ErrorForCode(made.ErrorCode)
		if err == nil || errors.Is(err, kerr.TopicAlreadyExists) {
			continue
		}
		if !kerr.IsRetriable(err) && !errors.Is(err, kerr.InvalidReplicationFactor) { // which is what it says while brokers are missing
			return &finalError{err}
		}
		return err
	}
	return nil
}

func whole(ctx context.Context, client *kgo.Client, t Topic) error {
	request := kmsg.NewPtrMetadataRequest()
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = kmsg.StringPtr(t.Name)
	request.Topics = append(request.Topics, topic)
	answer, err := request.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	if len(answer.Topics) != 1 || kerr.ErrorForCode(answer.Topics[0].ErrorCode) != nil {
		return errors.New("it is not there yet")
	}
	for _, p := range answer.Topics[0].Partitions {
		if p.Leader < 0 || len(p.ISR) < int(t.Copies) {
			return fmt.Errorf("partition %d has %d of %d copies", p.Partition, len(p.ISR), t.Copies)
		}
		if len(p.Replicas) > 0 && p.Leader != p.Replicas[0] {
			return fmt.Errorf("partition %d is led by %d and not by its first copy", p.Partition, p.Leader)
		}
	}
	return nil
}

func coordinated(ctx context.Context, client *kgo.Client) error {
	request := kmsg.NewPtrFindCoordinatorRequest()
	request.CoordinatorKey, request.CoordinatorKeys = "any", []string{"any"}
	answer, err := request.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	code := answer.ErrorCode
	for _, c := range answer.Coordinators {
		code = c.ErrorCode
	}
	return kerr.ErrorForCode(code)
}
