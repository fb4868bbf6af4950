package component

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// kafka asks one broker for the cluster's metadata: who is there, who is the controller, which partitions this broker
// leads and which lack replicas.
type kafka struct{}

func (kafka) DefaultPort() uint16 { return 9092 }

func (kafka) Read(ctx context.Context, dial Dialer, target Target) (Reading, error) {
	// Only this one broker is asked: whatever address it advertises, the connection goes to target.
	toTarget := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return dial.DialContext(ctx, network, target.Address)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(target.Address), kgo.Dialer(toTarget), kgo.RequestRetries(0),
		kgo.WithContext(ctx), kgo.RequestTimeoutOverhead(time.Second))
	if err != nil {
		return Reading{}, fmt.Errorf("kafka: %w", err)
	}
	defer client.Close()
	request := kmsg.NewPtrMetadataRequest() // all topics
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return Reading{}, fmt.Errorf("kafka: %w", err)
	}
	host, _, err := net.SplitHostPort(target.Address)
	if err != nil {
		return Reading{}, fmt.Errorf("kafka: %w", err)
	}
	return kafkaReading(response, host), nil
}

// kafkaReading reads the metadata as seen by the broker that advertises host; the part about this broker is left out when none does.
func kafkaReading(m *kmsg.MetadataResponse, host string) Reading {
	r := Reading{Gauges: map[string]float64{"brokers": float64(len(m.Brokers))}}
	self := int32(-1)
	for _, b := range m.Brokers {
		if b.Host == host {
			self = b.NodeID
		}
	}
	var partitions, leaderless, underReplicated, leads float64
	for _, t := range m.Topics {
		for _, p := range t.Partitions {
			partitions++
			if p.Leader < 0 {
				leaderless++
			}
			if len(p.ISR) < len(p.Replicas) {
				underReplicated++
			}
			if self >= 0 && p.Leader == self {
				leads++
			}
		}
	}
	r.Gauges["topics"] = float64(len(m.Topics))
	r.Gauges["partitions"] = partitions
	r.Gauges["partitions_leaderless"] = leaderless
	r.Gauges["partitions_under_replicated"] = underReplicated
	if self >= 0 {
		r.Gauges["partitions_led"] = leads
		r.Role = "broker"
		if m.ControllerID == self {
			r.Role = "controller"
		}
	}
	return r
}
