// Package workload holds the words for traffic: what is asked of a target, how often, over which keys, for how long.
// lab.yaml, the command line and scenarios use them; scenarios/traffic makes the traffic.
//
//	target: redis://twemproxy:22121
//	arrival: {process: poisson, rate: 500}
//	keys: {distribution: zipfian, s: 1.1, count: 10000}
//	mix: [{operation: read, weight: 9}, {operation: write, weight: 1}]
//
// A Spec may be sparse: WithDefaults fills in what is not said, by the target's protocol.
package workload

// Spec is one workload: one stream of requests to one target, or turn by turn to several.
type Spec struct {
	// Name tells workloads of one lab apart. Default: the first target's protocol.
	Name string `json:"name,omitempty" yaml:"name,omitempty"`
	// Target is the address asked, as a URL, or a list of them that is asked turn by turn. Schemes: redis, rediss,
	// memcache, http, https, h2c, h2, mysql, etcd, kafka, tcp.
	Target Targets `json:"target,omitempty" yaml:"target,omitempty" jsonschema:"required"`
	// Manual keeps the workload from starting with the lab; `ddsctl traffic start` or a scenario starts it.
	Manual bool `json:"manual,omitempty" yaml:"manual,omitempty"`
	// Loop is open (requests fall due by the arrival process, whether or not answers come back) or closed (each connection
	// sends its next request when it has its answer: the maximum throughput). Default: open.
	Loop Loop `json:"loop,omitempty" yaml:"loop,omitempty" jsonschema:"enum=open,enum=closed"`
	// Arrival says when requests fall due in an open loop.
	Arrival Arrival `json:"arrival,omitzero" yaml:"arrival,omitempty"`
	// Connections is how many connections are kept to each target. Default: 16.
	Connections int `json:"connections,omitempty" yaml:"connections,omitempty" jsonschema:"minimum=1,maximum=10000"`
	// Streams is how many requests share a connection at a time where the protocol allows it (HTTP/2, etcd). Default: 1.
	Streams int `json:"streams,omitempty" yaml:"streams,omitempty" jsonschema:"minimum=1,maximum=1000"`
	// RequestsPerConnection closes a connection after so many requests; 0 keeps it for good.
	RequestsPerConnection int `json:"requests_per_connection,omitempty" yaml:"requests_per_connection,omitempty" jsonschema:"minimum=0"`
	// MaxInFlight bounds the requests that fell due and are not over. What falls due beyond it is dropped and counted.
	// Default: 10000.
	MaxInFlight int `json:"max_in_flight,omitempty" yaml:"max_in_flight,omitempty" jsonschema:"minimum=1,maximum=1000000"`
	// Timeout is how long a request may take, and how long it may wait for a free connection. Default: 2s.
	Timeout Duration `json:"timeout,omitempty" yaml:"timeout,omitempty"`
	// Keys says which keys requests are about.
	Keys Keys `json:"keys,omitzero" yaml:"keys,omitempty"`
	// Values says how large the values are that requests write.
	Values Values `json:"values,omitzero" yaml:"values,omitempty"`
	// Mix is what is asked, by weight. Default: by protocol; a key-value store is read nine times for each write.
	Mix []Operation `json:"mix,omitempty" yaml:"mix,omitempty"`
	// Setup holds SQL statements that run once before the first request.
	Setup []string `json:"setup,omitempty" yaml:"setup,omitempty"`
	// AnsweredBy names the response header that tells which server answered, to split the results by it.
	AnsweredBy string `json:"answered_by,omitempty" yaml:"answered_by,omitempty"`
	// TLS says how a server's certificate is checked, for https, h2 and rediss.
	TLS TLS `json:"tls,omitzero" yaml:"tls,omitempty"`
	// Duration ends the workload; 0 lets it run until it is stopped.
	Duration Duration `json:"duration,omitempty" yaml:"duration,omitempty"`
	// Seed fixes arrivals, keys, values and the order of the mix. Default: 1.
	Seed uint64 `json:"seed,omitempty" yaml:"seed,omitempty"`
}

// Loop says what a request waits for before it is sent.
type Loop string

// The loops.
const (
	LoopOpen   Loop = "open"
	LoopClosed Loop = "closed"
)

// Process is an arrival process.
type Process string

// The arrival processes.
const (
	ProcessConstant Process = "constant" // evenly spaced at Rate
	ProcessPoisson  Process = "poisson"  // independent arrivals at Rate on average
	ProcessRamp     Process = "ramp"     // the rate goes from Rate to To in the time Over, and stays there
	ProcessStep     Process = "step"     // the rates of Steps one after another
	ProcessTrace    Process = "trace"    // a recorded traffic: the instants At, or the rates Rates
)

// Arrival is an arrival process: when requests fall due, in an open loop.
type Arrival struct {
	// Process is constant, poisson, ramp, step or trace. Default: constant.
	Process Process `json:"process,omitempty" yaml:"process,omitempty" jsonschema:"enum=constant,enum=poisson,enum=ramp,enum=step,enum=trace"`
	// Rate is in requests per second; for ramp, the rate at the start. Default: 100.
	Rate float64 `json:"rate,omitempty" yaml:"rate,omitempty" jsonschema:"minimum=0"`
	// To is the rate at the end of a ramp, in requests per second.
	To float64 `json:"to,omitempty" yaml:"to,omitempty" jsonschema:"minimum=0"`
	// Over is how long a ramp takes.
	Over Duration `json:"over,omitempty" yaml:"over,omitempty"`
	// Steps are the rates of a step process, in order; the last one stays, unless Repeat.
	Steps []Step `json:"steps,omitempty" yaml:"steps,omitempty"`
	// At holds a trace's arrivals as times since its start, ascending.
	At []Duration `json:"at,omitempty" yaml:"at,omitempty"`
	// Rates holds a trace's rates, in requests per second, one for each Interval.
	Rates []float64 `json:"rates,omitempty" yaml:"rates,omitempty"`
	// Interval is how long each of Rates lasts. Default: 1s.
	Interval Duration `json:"interval,omitempty" yaml:"interval,omitempty"`
	// Repeat starts a ramp, a step process or a trace again at its end.
	Repeat bool `json:"repeat,omitempty" yaml:"repeat,omitempty"`
	// Random makes arrivals of a ramp, a step process or a trace of rates independent (Poisson with the changing rate) instead of
	// evenly spaced.
	Random bool `json:"random,omitempty" yaml:"random,omitempty"`
}

// Step is one rate of a step process.
type Step struct {
	// Rate is in requests per second; 0 is a pause.
	Rate float64 `json:"rate" yaml:"rate" jsonschema:"minimum=0"`
	// For is how long the rate lasts.
	For Duration `json:"for" yaml:"for"`
}

// KeyDistribution says how often which key is asked for.
type KeyDistribution string

// The key distributions.
const (
	KeysUniform    KeyDistribution = "uniform"    // all keys alike
	KeysZipfian    KeyDistribution = "zipfian"    // key number n (from 1) with probability proportional to n^-s
	KeysSequential KeyDistribution = "sequential" // one after another, and again from the first
	KeysHotset     KeyDistribution = "hotset"     // a share of the requests goes to a fraction of the keys
)

// Keys says which keys requests are about. A key is Prefix and a number from 0 to Count-1.
type Keys struct {
	// Distribution is uniform, zipfian, sequential or hotset. Default: uniform.
	Distribution KeyDistribution `json:"distribution,omitempty" yaml:"distribution,omitempty" jsonschema:"enum=uniform,enum=zipfian,enum=sequential,enum=hotset"`
	// Count is the number of keys. Default: 10000.
	Count int `json:"count,omitempty" yaml:"count,omitempty" jsonschema:"minimum=1"`
	// Prefix stands before the key's number. Default: "key:".
	Prefix string `json:"prefix,omitempty" yaml:"prefix,omitempty"`
	// S is the exponent of the zipfian distribution, above 0: the larger, the hotter the first keys. Default: 0.99.
	S float64 `json:"s,omitempty" yaml:"s,omitempty"`
	// HotFraction is the part of the keys that is hot, 0 to 1. Default: 0.1.
	HotFraction float64 `json:"hot_fraction,omitempty" yaml:"hot_fraction,omitempty" jsonschema:"minimum=0,maximum=1"`
	// HotShare is the part of the requests that goes to hot keys, 0 to 1. Default: 0.9.
	HotShare float64 `json:"hot_share,omitempty" yaml:"hot_share,omitempty" jsonschema:"minimum=0,maximum=1"`
	// Preload writes every key once before the first request, for key-value stores.
	Preload bool `json:"preload,omitempty" yaml:"preload,omitempty"`
}

// SizeDistribution says how large values are.
type SizeDistribution string

// The size distributions.
const (
	SizeConstant    SizeDistribution = "constant"    // always Size
	SizeUniform     SizeDistribution = "uniform"     // from Size to MaxSize, all alike
	SizeExponential SizeDistribution = "exponential" // Size on average, at most MaxSize
)

// Values says how large written values are. Their bytes are printable and do not compress well.
type Values struct {
	// Size is in bytes. Default: 100.
	Size int `json:"size,omitempty" yaml:"size,omitempty" jsonschema:"minimum=0"`
	// Distribution is constant, uniform or exponential. Default: constant.
	Distribution SizeDistribution `json:"distribution,omitempty" yaml:"distribution,omitempty" jsonschema:"enum=constant,enum=uniform,enum=exponential"`
	// MaxSize is in bytes. Default: Size, and ten times Size for exponential.
	MaxSize int `json:"max_size,omitempty" yaml:"max_size,omitempty" jsonschema:"minimum=0"`
}

// TLS says how a server's certificate is checked.
type TLS struct {
	// CA holds certificates of authorities to trust, in PEM, besides the system's.
	CA string `json:"ca,omitempty" yaml:"ca,omitempty"`
	// CAFile is a file with the same, as the client sees it.
	CAFile string `json:"ca_file,omitempty" yaml:"ca_file,omitempty"`
	// ServerName is the name the certificate must carry. Default: the target's host.
	ServerName string `json:"server_name,omitempty" yaml:"server_name,omitempty"`
	// NoResumption makes every connection shake hands in full, instead of resuming the session of one before.
	NoResumption bool `json:"no_resumption,omitempty" yaml:"no_resumption,omitempty"`
	// Insecure accepts any certificate.
	Insecure bool `json:"insecure,omitempty" yaml:"insecure,omitempty"`
}

// Change is a change to a running workload. What is nil stays as it is.
type Change struct {
	// Rate, in requests per second, replaces the rate: constant and poisson go on with it, other processes become constant.
	Rate *float64 `json:"rate,omitempty" yaml:"rate,omitempty"`
	// Arrival replaces the whole arrival process; it starts anew.
	Arrival *Arrival `json:"arrival,omitempty" yaml:"arrival,omitempty"`
	// Pause stops requests from falling due, or lets them again.
	Pause *bool `json:"pause,omitempty" yaml:"pause,omitempty"`
	// Mix replaces the mix.
	Mix []Operation `json:"mix,omitempty" yaml:"mix,omitempty"`
	// Keys replaces the keys.
	Keys *Keys `json:"keys,omitempty" yaml:"keys,omitempty"`
	// Values replaces the values.
	Values *Values `json:"values,omitempty" yaml:"values,omitempty"`
}

// Empty says that nothing would change.
func (c Change) Empty() bool {
	return c.Rate == nil && c.Arrival == nil && c.Pause == nil && c.Mix == nil && c.Keys == nil && c.Values == nil
}
