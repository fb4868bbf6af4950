package main

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/images/node/kafka"
	"github.com/ddsctl/ddsctl/images/node/kafka/consumer"
	"github.com/ddsctl/ddsctl/images/node/kafka/counter"
	"github.com/ddsctl/ddsctl/images/node/kafka/producer"
	"github.com/ddsctl/ddsctl/images/node/kafka/topics"
)

func newNodeKafkaCommand(a *app) *cobra.Command {
	return group("kafka", "Programs around a Kafka cluster: topics, producers, consumers, and the counter of what was read",
		"Programs around a Kafka cluster: what makes topics, those who send and those who read, and what holds the ones against the others.",
		newNodeKafkaTopicsCommand(a), newNodeKafkaProducerCommand(a), newNodeKafkaConsumerCommand(a), newNodeKafkaCounterCommand(a), newNodeKafkaAuditCommand(a))
}

// brokersFlag is the flag that all of them have who speak with brokers.
func brokersFlag(cmd *cobra.Command, brokers *[]string) {
	cmd.Flags().StringSliceVar(brokers, "brokers", []string{"kafka-1:9092", "kafka-2:9092", "kafka-3:9092"}, "addresses of brokers to begin with")
}

func newNodeKafkaTopicsCommand(a *app) *cobra.Command {
	var brokers []string
	cmd := &cobra.Command{
		Use:   "topics NAME:PARTITIONS:COPIES[:INSYNC]...",
		Short: "Make topics, once there are brokers enough",
		Args:  positional(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			var list []topics.Topic
			for _, text := range args {
				t, err := topics.Parse(text)
				if err != nil {
					return usagef("%v", err)
				}
				list = append(list, t)
			}
			client, err := kafka.Client(brokers)
			if err != nil {
				return err
			}
			defer client.Close()
			if err := topics.Make(cmd.Context(), client, list); err != nil {
				return err
			}
			_, _ = fmt.Fprintln(a.stdout, "topics made:", args)
			return nil
		},
	}
	brokersFlag(cmd, &brokers)
	return cmd
}

func newNodeKafkaProducerCommand(a *app) *cobra.Command {
	var o producer.Options
	listen := ":8080"
	cmd := &cobra.Command{
		Use:   "producer",
		Short: "Send numbered records to a topic, and keep which of them were acknowledged",
		Args:  positional(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Name, o.Log = cmp.Or(o.Name, o.Topic), slog.New(slog.NewTextHandler(a.stderr, nil))
			p, err := producer.New(o)
			if err != nil {
				return usagef("%v", err)
			}
			listener, err := listenOn(cmd.Context(), listen)
			if err != nil {
				return err
			}
			return p.Serve(cmd.Context(), listener)
		},
	}
	brokersFlag(cmd, &o.Brokers)
	flags := cmd.Flags()
	flags.StringVar(&listen, "listen", listen, "address of its pages")
	flags.StringVar(&o.Name, "name", "", "what its sources are called (default: the topic)")
	flags.StringVar(&o.Topic, "topic", "orders", "where it sends to")
	flags.Float64Var(&o.Rate, "rate", 50, "records per second")
	flags.IntVar(&o.Keys, "keys", 100, "how many keys records have, by turns (0: none)")
	flags.StringSliceVar(&o.Classes, "classes", nil, "what keys begin with, by turns (default: key)")
	flags.StringVar(&o.Acks, "acks", producer.AcksAll, "who must have a record before it counts: all or leader")
	flags.DurationVar(&o.GiveUp, "give-up", 0, "how long a record is tried to be sent (0: for ever)")
	return cmd
}

func newNodeKafkaConsumerCommand(a *app) *cobra.Command {
	var o consumer.Options
	listen, address := ":8080", "http://counter:8080"
	cmd := &cobra.Command{
		Use:   "consumer",
		Short: "Read topics as one of a group, and tell a counter what was read",
		Args:  positional(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Name, o.Log = cmp.Or(o.Name, hostName("consumer")), slog.New(slog.NewTextHandler(a.stderr, nil))
			o.Deliver = consumer.HTTP(address)
			c, err := consumer.New(o)
			if err != nil {
				return usagef("%v", err)
			}
			listener, err := listenOn(cmd.Context(), listen)
			if err != nil {
				return err
			}
			return c.Serve(cmd.Context(), listener)
		},
	}
	brokersFlag(cmd, &o.Brokers)
	flags := cmd.Flags()
	flags.StringVar(&listen, "listen", listen, "address of its pages")
	flags.StringVar(&o.Name, "name", "", "its name (default: the host name)")
	flags.StringVar(&o.Group, "group", "readers", "the group that it is one of")
	flags.StringSliceVar(&o.Topics, "topic", []string{"orders"}, "what it reads")
	flags.StringVar(&address, "counter", address, "address of the counter")
	flags.StringVar(&o.Commit, "commit", consumer.CommitAfter, "when it keeps its place: after the work, or before")
	flags.IntVar(&o.Batch, "batch", 100, "records that it takes at a time at most")
	flags.DurationVar(&o.Every, "every", 0, "how often it keeps its place at most, after work (0: after each batch)")
	flags.DurationVar(&o.Work, "work", 0, "how long the work on a record takes")
	flags.DurationVar(&o.Session, "session", 6*time.Second, "how long the group waits for a sign of life")
	flags.StringVar(&o.Balance, "balance", consumer.BalanceSticky, "how partitions are divided anew: sticky or range")
	return cmd
}

func newNodeKafkaCounterCommand(_ *app) *cobra.Command {
	listen := ":8080"
	cmd := &cobra.Command{
		Use:   "counter",
		Short: "Keep how often each record was read",
		Args:  positional(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			listener, err := listenOn(cmd.Context(), listen)
			if err != nil {
				return err
			}
			return counter.New().Serve(cmd.Context(), listener)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", listen, "address to listen on")
	return cmd
}

func newNodeKafkaAuditCommand(a *app) *cobra.Command {
	var producers []string
	o := counter.AuditOptions{Counter: "http://counter:8080", Within: 20 * time.Second}
	exact := false
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Hold what was read against what was acknowledged",
		Args:  positional(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var lost int64
			for _, address := range producers {
				o.Producer = address
				r, err := counter.Audit(cmd.Context(), o)
				if err != nil {
					return err
				}
				_, _ = fmt.Fprintln(a.stdout, r)
				lost += r.Lost
			}
			if exact && lost > 0 {
				return errors.New("records were lost")
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&producers, "producer", []string{"http://orders:8080"}, "addresses of producers")
	flags.StringVar(&o.Counter, "counter", o.Counter, "address of the counter")
	flags.DurationVar(&o.Within, "within", o.Within, "how long records may be on their way")
	flags.BoolVar(&o.Resume, "resume", false, "let producers go on afterwards that were paused before")
	flags.BoolVar(&exact, "exact", false, "fail when a record was lost")
	return cmd
}
