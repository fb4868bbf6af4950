package synth

import "fmt"

// ShardedRedis is twemproxy in front of three shards.
func ShardedRedis() Shape {
	return Shape{Lab: "sharded-redis",
		Services: []Service{
			{Name: "client", Kind: "client", Role: "client", Replicas: 1},
			{Name: "twemproxy", Kind: "twemproxy", Role: "ambassador", Replicas: 1, Stats: map[string]float64{"client_connections": 16, "server_ejects": 0, "ops_per_second": 1}},
			{Name: "redis", Kind: "redis", Role: "shard", Replicas: 3, Stats: map[string]float64{"keys": 3400, "hit_rate": 0.92, "ops_per_second": 1,
				"connected_clients": 2, "evictions_per_second": 0, "used_memory_bytes": 1.9e6}},
		},
		Calls: []Call{{From: "client", To: "twemproxy", Port: 22121, Bytes: 260}, {From: "twemproxy", To: "redis", Port: 6379, Bytes: 260}},
		Workloads: []Workload{{Name: "kv", Client: "client", Entry: "twemproxy", Target: "redis://twemproxy:22121", Protocol: "redis",
			Rate: 500, Latency: 0.0009}},
	}
}

// ThreeTier is a balancer, web servers, a cache and a database, with a link that is never used.
func ThreeTier() Shape {
	return Shape{Lab: "three-tier",
		Services: []Service{
			{Name: "client", Kind: "client", Role: "client", Replicas: 1},
			{Name: "lb", Kind: "haproxy", Role: "balancer", Replicas: 1, Stats: map[string]float64{"sessions": 24}},
			{Name: "web", Kind: "nginx", Role: "replica", Replicas: 3, Stats: map[string]float64{"active_connections": 12, "ops_per_second": 1}},
			{Name: "cache", Kind: "memcached", Role: "cache", Replicas: 1, Stats: map[string]float64{"hit_rate": 0.81, "keys": 12000, "evictions_per_second": 3}},
			{Name: "db", Kind: "mysql", Role: "database", Replicas: 1, Stats: map[string]float64{"queries_per_second": 120, "threads_connected": 9}},
			{Name: "backup", Kind: "", Replicas: 1},
		},
		Calls: []Call{{From: "client", To: "lb", Port: 80, Bytes: 2400}, {From: "lb", To: "web", Port: 8080, Bytes: 2300},
			{From: "web", To: "cache", Port: 11211, Bytes: 900}, {From: "web", To: "db", Port: 3306, Bytes: 700}, {From: "backup", To: "db", Port: 3306, Silent: true}},
		Workloads: []Workload{
			{Name: "browse", Client: "client", Entry: "lb", Target: "http://lb/", Protocol: "http", Rate: 900, Latency: 0.006},
			{Name: "checkout", Client: "client", Entry: "lb", Target: "http://lb/pay", Protocol: "http", Rate: 60, Latency: 0.031}},
	}
}

// Kafka is a cluster of brokers that copy from each other, with producers and consumers.
func Kafka() Shape {
	return Shape{Lab: "kafka-pubsub",
		Services: []Service{
			{Name: "client", Kind: "client", Role: "client", Replicas: 1},
			{Name: "broker", Kind: "kafka", Replicas: 3, Leader: true, Stats: map[string]float64{"under_replicated_partitions": 0, "messages_in_per_second": 700}},
			{Name: "consumer", Kind: "node", Role: "consumer", Replicas: 2, Stats: map[string]float64{"lag": 14}},
		},
		Calls: []Call{{From: "client", To: "broker", Port: 9092, Bytes: 900}, {From: "broker", To: "broker", Port: 9093, Bytes: 900},
			{From: "consumer", To: "broker", Port: 9092, Bytes: 1200}},
		Workloads: []Workload{{Name: "produce", Client: "client", Entry: "broker", Target: "kafka://broker-1:9092/orders", Protocol: "kafka", Rate: 700, Latency: 0.004}},
	}
}

// Thirty is thirty nodes in four layers.
func Thirty() Shape {
	return Shape{Lab: "thirty",
		Services: []Service{
			{Name: "client", Kind: "client", Role: "client", Replicas: 1},
			{Name: "edge", Kind: "nginx", Role: "balancer", Replicas: 2},
			{Name: "api", Kind: "node", Role: "replica", Replicas: 9},
			{Name: "cache", Kind: "memcached", Role: "shard", Replicas: 6, Stats: map[string]float64{"hit_rate": 0.7, "keys": 800}},
			{Name: "db", Kind: "redis", Role: "shard", Replicas: 12, Stats: map[string]float64{"keys": 90000, "ops_per_second": 1}},
		},
		Calls: []Call{{From: "client", To: "edge", Port: 80}, {From: "edge", To: "api", Port: 8080},
			{From: "api", To: "cache", Port: 11211}, {From: "api", To: "db", Port: 6379, Ring: true, Fan: 4}},
		Workloads: []Workload{{Name: "api", Client: "client", Entry: "edge", Target: "http://edge/", Protocol: "http", Rate: 2000, Latency: 0.003}},
	}
}

// Hundred is a hundred nodes with four hundred links.
func Hundred() Shape {
	s := Shape{Lab: "hundred", Services: []Service{{Name: "client", Kind: "client", Role: "client", Replicas: 1}}}
	before := "client"
	for tier, replicas := range []int{9, 18, 24, 24, 24} {
		name := fmt.Sprintf("tier%d", tier+1)
		s.Services = append(s.Services, Service{Name: name, Kind: "node", Role: "replica", Replicas: replicas})
		fan := 5
		if tier == 0 {
			fan = replicas
		}
		if tier == 3 || tier == 4 {
			fan = 6
		}
		s.Calls = append(s.Calls, Call{From: before, To: name, Port: 8080, Ring: true, Fan: fan})
		before = name
	}
	s.Workloads = []Workload{{Name: "all", Client: "client", Entry: "tier1", Target: "http://tier1/", Protocol: "http", Rate: 3000, Latency: 0.02}}
	return s
}
