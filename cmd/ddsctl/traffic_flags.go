package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/labs/workload"
	"github.com/ddsctl/ddsctl/runtime/hint"
)

// changed tells which flags were given; *pflag.FlagSet does.
type changed interface{ Changed(name string) bool }

// workloadFlags are the flags that describe a workload.
type workloadFlags struct {
	file                                 string
	rate                                 float64
	arrival                              string
	rampTo                               float64
	rampOver                             time.Duration
	steps                                string
	duration, timeout                    time.Duration
	connections, streams, perConnection  int
	maxInFlight                          int
	closed                               bool
	seed                                 uint64
	keys, keyPrefix                      string
	keyCount                             int
	zipf, hotFraction, hotShare          float64
	preload                              bool
	valueSize                            int
	mix                                  string
	method, body                         string
	headers, statements, commands, setup []string
	answeredBy, caFile, serverName       string
	insecure                             bool
}

// add gives a command every flag of a workload.
func (f *workloadFlags) add(cmd *cobra.Command) {
	f.addChanges(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&f.file, "file", "f", "", "read the workload from a YAML or JSON file (- for standard input); other flags change it")
	flags.DurationVarP(&f.duration, "for", "d", 10*time.Second, "how long; 0 until Ctrl-C")
	flags.BoolVar(&f.closed, "closed", false, "closed loop: each connection sends its next request when it has its answer")
	flags.IntVarP(&f.connections, "connections", "c", 0, "connections to each target (default 16)")
	flags.IntVar(&f.streams, "streams", 0, "requests that share a connection, for HTTP/2 and etcd (default 1)")
	flags.IntVar(&f.perConnection, "requests-per-connection", 0, "close a connection after so many requests (default never)")
	flags.IntVar(&f.maxInFlight, "max-in-flight", 0, "drop what falls due beyond so many requests in flight (default 10000)")
	flags.DurationVar(&f.timeout, "timeout", 0, "how long a request may take, and may wait for a connection (default 2s)")
	flags.Uint64Var(&f.seed, "seed", 0, "seed of arrivals, keys, values and the mix's order (default 1)")
	flags.BoolVar(&f.preload, "preload", false, "write every key once before the first request")
	flags.StringArrayVar(&f.setup, "setup", nil, "SQL statement that runs once before the first request; may be repeated")
	flags.StringVar(&f.answeredBy, "answered-by", "", "response header that names the answering server, to split the results by it")
	flags.StringVar(&f.caFile, "ca-file", "", "certificates of authorities to trust besides the system's, in PEM")
	flags.StringVar(&f.serverName, "server-name", "", "name that the server's certificate must carry (default the target's host)")
	flags.BoolVar(&f.insecure, "insecure", false, "accept any certificate")
}

// addChanges gives a command the flags that also change a workload that runs.
func (f *workloadFlags) addChanges(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.Float64VarP(&f.rate, "rate", "r", 0, "requests per second that fall due (default 100)")
	flags.StringVar(&f.arrival, "arrival", "", "how requests fall due: constant or poisson (default constant)")
	flags.Float64Var(&f.rampTo, "ramp-to", 0, "let the rate go from --rate (0 without) to this one in the time --ramp-over")
	flags.DurationVar(&f.rampOver, "ramp-over", 10*time.Second, "how long the ramp takes")
	flags.StringVar(&f.steps, "steps", "", "rates one after another, such as 100:10s,500:10s")
	flags.StringVar(&f.keys, "keys", "", "which keys: uniform, zipfian, sequential or hotset (default uniform)")
	flags.IntVar(&f.keyCount, "key-count", 0, "number of keys (default 10000)")
	flags.StringVar(&f.keyPrefix, "key-prefix", "", `what stands before a key's number (default "key:")`)
	flags.Float64Var(&f.zipf, "zipf", 0, "exponent of zipfian keys (default 0.99)")
	flags.Float64Var(&f.hotFraction, "hot-fraction", 0, "part of the keys that is hot, 0 to 1, for hotset (default 0.1)")
	flags.Float64Var(&f.hotShare, "hot-share", 0, "part of the requests that goes to hot keys, 0 to 1 (default 0.9)")
	flags.IntVar(&f.valueSize, "value-size", 0, "bytes of a written value (default 100)")
	flags.StringVar(&f.mix, "mix", "", "operations by weight, such as read=9,write=1")
	flags.StringVarP(&f.method, "method", "X", "", "HTTP method (default GET, POST with a body)")
	flags.StringArrayVarP(&f.headers, "header", "H", nil, "HTTP header, such as 'Accept: text/html'; may be repeated")
	flags.StringVar(&f.body, "body", "", "HTTP body")
	flags.StringArrayVar(&f.commands, "command", nil, "Redis command, such as 'HGET {key} field'; may be repeated")
	flags.StringArrayVar(&f.statements, "statement", nil, "SQL statement; may be repeated")
	for name, words := range map[string][]string{
		"arrival": {"constant", "poisson"}, "keys": {"uniform", "zipfian", "sequential", "hotset"},
	} {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
	}
}

// given names one of the flags that was given, "" for none.
func (f *workloadFlags) given(flags changed) string {
	for _, name := range []string{"rate", "arrival", "ramp-to", "steps", "for", "closed", "connections", "streams", "timeout", "keys", "mix", "method", "header", "body",
		"command", "statement", "value-size", "preload", "name"} {
		if flags.Changed(name) {
			return name
		}
	}
	return ""
}

// spec is the workload that file, arguments and flags describe.
func (f *workloadFlags) spec(stdin io.Reader, flags changed, targets []string) (workload.Spec, error) {
	var spec workload.Spec
	if f.file != "" {
		if err := readWorkload(&spec, stdin, f.file); err != nil {
			return spec, err
		}
	}
	if len(targets) > 0 {
		spec.Target = nil
		for _, target := range targets {
			spec.Target = append(spec.Target, completeURL(target))
		}
	}
	if len(spec.Target) == 0 {
		return spec, usageError{hint.Wrap(fmt.Errorf("no address to ask"), "ddsctl traffic run http://127.0.0.1:8080 --rate 100")}
	}
	set := func(name string, to func()) {
		if flags.Changed(name) {
			to()
		}
	}
	if flags.Changed("for") || f.file == "" {
		spec.Duration = workload.Duration(f.duration)
	}
	set("connections", func() { spec.Connections = f.connections })
	set("streams", func() { spec.Streams = f.streams })
	set("requests-per-connection", func() { spec.RequestsPerConnection = f.perConnection })
	set("max-in-flight", func() { spec.MaxInFlight = f.maxInFlight })
	set("timeout", func() { spec.Timeout = workload.Duration(f.timeout) })
	set("seed", func() { spec.Seed = f.seed })
	f.about(&spec, flags)
	set("preload", func() { spec.Keys.Preload = f.preload })
	set("setup", func() { spec.Setup = f.setup })
	set("answered-by", func() { spec.AnsweredBy = f.answeredBy })
	set("ca-file", func() { spec.TLS.CAFile = f.caFile })
	set("server-name", func() { spec.TLS.ServerName = f.serverName })
	set("insecure", func() { spec.TLS.Insecure = f.insecure })
	if err := f.load(&spec, flags); err != nil {
		return spec, err
	}
	return spec, f.operations(&spec, flags)
}

// about sets what requests are about.
func (f *workloadFlags) about(spec *workload.Spec, flags changed) {
	set := func(name string, to func()) {
		if flags.Changed(name) {
			to()
		}
	}
	set("keys", func() {
		spec.Keys = workload.Keys{Distribution: workload.KeyDistribution(f.keys), Count: spec.Keys.Count, Prefix: spec.Keys.Prefix, Preload: spec.Keys.Preload}
	})
	set("key-count", func() { spec.Keys.Count = f.keyCount })
	set("key-prefix", func() { spec.Keys.Prefix = f.keyPrefix })
	set("zipf", func() { spec.Keys.S = f.zipf })
	if distribution := implied(flags); distribution != "" && !flags.Changed("keys") && spec.Keys.Distribution == "" {
		spec.Keys.Distribution = distribution
	}
	set("hot-fraction", func() { spec.Keys.HotFraction = f.hotFraction })
	set("hot-share", func() { spec.Keys.HotShare = f.hotShare })
	set("value-size", func() { spec.Values = workload.Values{Size: f.valueSize} })
}

// implied is the distribution of keys that other flags speak of.
func implied(flags changed) workload.KeyDistribution {
	switch {
	case flags.Changed("zipf"):
		return workload.KeysZipfian
	case flags.Changed("hot-fraction"), flags.Changed("hot-share"):
		return workload.KeysHotset
	}
	return ""
}

// completeURL lets 127.0.0.1:8080 stand for http://127.0.0.1:8080, as in curl.
func completeURL(text string) string {
	if strings.Contains(text, "://") {
		return text
	}
	return "http://" + text
}

func readWorkload(spec *workload.Spec, stdin io.Reader, name string) error {
	var data []byte
	var err error
	if name == "-" {
		data, err = io.ReadAll(stdin)
	} else {
		data, err = os.ReadFile(name)
	}
	if err != nil {
		return fmt.Errorf("read the workload: %w", err)
	}
	if err := yaml.UnmarshalWithOptions(data, spec, yaml.Strict()); err != nil {
		return fmt.Errorf("workload %s:\n%s", name, strings.TrimSpace(yaml.FormatError(err, false, true)))
	}
	return nil
}

// exclusive refuses flags that contradict each other.
func exclusive(flags changed, pairs ...[2]string) error {
	for _, pair := range pairs {
		if flags.Changed(pair[0]) && flags.Changed(pair[1]) {
			return usagef("--%s and --%s cannot stand together", pair[0], pair[1])
		}
	}
	return nil
}

// load sets the loop and the arrivals.
func (f *workloadFlags) load(spec *workload.Spec, flags changed) error {
	if err := exclusive(flags, [2]string{"closed", "rate"}, [2]string{"closed", "arrival"}, [2]string{"closed", "steps"}, [2]string{"closed", "ramp-to"},
		[2]string{"steps", "rate"}, [2]string{"steps", "ramp-to"}); err != nil {
		return err
	}
	switch {
	case f.closed:
		spec.Loop, spec.Arrival = workload.LoopClosed, workload.Arrival{}
	case flags.Changed("steps"):
		steps, err := parseSteps(f.steps)
		if err != nil {
			return err
		}
		spec.Loop, spec.Arrival = workload.LoopOpen, workload.Arrival{Process: workload.ProcessStep, Steps: steps, Random: f.arrival == "poisson"}
	case flags.Changed("ramp-to"):
		spec.Loop, spec.Arrival = workload.LoopOpen, workload.Arrival{Process: workload.ProcessRamp, Rate: f.rate, To: f.rampTo,
			Over: workload.Duration(f.rampOver), Random: f.arrival == "poisson"}
	case flags.Changed("rate") || flags.Changed("arrival"):
		arrival := workload.Arrival{Process: workload.Process(f.arrival), Rate: f.rate}
		if !flags.Changed("rate") {
			arrival.Rate = spec.Arrival.Rate
		} else if f.rate <= 0 {
			return usagef("--rate %v: a rate is above 0", f.rate)
		}
		if f.arrival == "" && (spec.Arrival.Process == workload.ProcessPoisson) {
			arrival.Process = workload.ProcessPoisson
		}
		if f.arrival != "" && f.arrival != "constant" && f.arrival != "poisson" {
			return usagef("--arrival %s: use constant or poisson; --ramp-to and --steps change the rate over time", f.arrival)
		}
		spec.Loop, spec.Arrival = workload.LoopOpen, arrival
	}
	return nil
}

func parseSteps(text string) ([]workload.Step, error) {
	var steps []workload.Step
	for part := range strings.SplitSeq(text, ",") {
		rate, lasting, ok := strings.Cut(strings.TrimSpace(part), ":")
		r, err := strconv.ParseFloat(rate, 64)
		if !ok || err != nil {
			return nil, usagef("--steps: %q is not RATE:TIME, such as 100:10s", part)
		}
		d, err := workload.ParseDuration(lasting)
		if err != nil {
			return nil, usagef("--steps: %q: %w", part, err)
		}
		steps = append(steps, workload.Step{Rate: r, For: d})
	}
	return steps, nil
}

// operations sets the mix.
func (f *workloadFlags) operations(spec *workload.Spec, flags changed) error {
	given := slices.DeleteFunc([]string{"mix", "command", "statement", "method", "header", "body"}, func(name string) bool { return !flags.Changed(name) })
	http := slices.ContainsFunc(given, func(name string) bool { return name == "method" || name == "header" || name == "body" })
	switch {
	case len(given) == 0:
		return nil
	case !http && len(given) > 1:
		return usagef("give one of --%s", strings.Join(given, " and --"))
	case given[0] == "mix":
		mix, err := parseMix(f.mix)
		spec.Mix = mix
		return err
	case given[0] == "command":
		spec.Mix = nil
		for _, command := range f.commands {
			spec.Mix = append(spec.Mix, workload.Operation{Operation: workload.Command, Command: strings.Fields(command)})
		}
	case given[0] == "statement":
		spec.Mix = nil
		for _, statement := range f.statements {
			spec.Mix = append(spec.Mix, workload.Operation{Operation: workload.Statement, Statement: statement})
		}
	default:
		op := workload.Operation{Operation: workload.Request, Method: f.method, Body: f.body}
		for _, header := range f.headers {
			name, value, ok := strings.Cut(header, ":")
			if !ok {
				return usagef("--header %q is not NAME: VALUE", header)
			}
			if op.Headers == nil {
				op.Headers = map[string]string{}
			}
			op.Headers[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
		spec.Mix = []workload.Operation{op}
	}
	return nil
}

func parseMix(text string) ([]workload.Operation, error) {
	var mix []workload.Operation
	for part := range strings.SplitSeq(text, ",") {
		name, weight, weighted := strings.Cut(strings.TrimSpace(part), "=")
		op := workload.Operation{Operation: workload.OperationKind(name)}
		if weighted {
			w, err := strconv.ParseFloat(strings.TrimSuffix(weight, "%"), 64)
			if err != nil {
				return nil, usagef("--mix: %q is not OPERATION=WEIGHT, such as read=9", part)
			}
			op.Weight = w
			if w == 0 {
				continue
			}
		}
		mix = append(mix, op)
	}
	return mix, nil
}
