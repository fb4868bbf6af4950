package workload

import "time"

// Default returns a whole workload against a Redis on this machine: a starting point to change.
func Default() Spec {
	return Spec{Target: Targets{"redis://127.0.0.1:6379"}}.WithDefaults()
}

// WithDefaults returns the Spec with everything filled in that it leaves out. It never changes what is said, and
// applying it twice changes nothing more. Slices and maps are not shared with s.
func (s Spec) WithDefaults() Spec {
	protocol := Protocol("")
	if len(s.Target) > 0 {
		s.Target = append(Targets(nil), s.Target...)
		if target, err := ParseTarget(s.Target[0]); err == nil {
			protocol = target.Protocol
		}
	}
	if s.Name == "" {
		s.Name = string(protocol)
	}
	if s.Loop == "" {
		s.Loop = LoopOpen
	}
	if s.Loop == LoopOpen {
		s.Arrival = s.Arrival.WithDefaults()
	}
	fill(&s.Connections, 16)
	fill(&s.Streams, 1)
	fill(&s.MaxInFlight, 10_000)
	fill(&s.Timeout, Duration(2*time.Second))
	fill(&s.Seed, 1)
	s.Keys = s.Keys.WithDefaults()
	s.Values = s.Values.WithDefaults()
	s.Mix = mixWithDefaults(s.Mix, protocol)
	s.Setup = append([]string(nil), s.Setup...)
	return s
}

// WithDefaults returns the Arrival with what it leaves out.
func (a Arrival) WithDefaults() Arrival {
	fill(&a.Process, ProcessConstant)
	switch a.Process {
	case ProcessConstant, ProcessPoisson:
		fill(&a.Rate, 100)
	case ProcessTrace:
		if len(a.Rates) > 0 {
			fill(&a.Interval, Duration(time.Second))
		}
	}
	a.Steps = append([]Step(nil), a.Steps...)
	a.At = append([]Duration(nil), a.At...)
	a.Rates = append([]float64(nil), a.Rates...)
	return a
}

// WithDefaults returns the Keys with what they leave out.
func (k Keys) WithDefaults() Keys {
	fill(&k.Distribution, KeysUniform)
	fill(&k.Count, 10_000)
	fill(&k.Prefix, "key:")
	switch k.Distribution {
	case KeysZipfian:
		fill(&k.S, 0.99)
	case KeysHotset:
		fill(&k.HotFraction, 0.1)
		fill(&k.HotShare, 0.9)
	}
	return k
}

// WithDefaults returns the Values with what they leave out.
func (v Values) WithDefaults() Values {
	fill(&v.Distribution, SizeConstant)
	fill(&v.Size, 100)
	if v.Distribution == SizeExponential {
		fill(&v.MaxSize, 10*v.Size)
	}
	fill(&v.MaxSize, v.Size)
	return v
}

func mixWithDefaults(mix []Operation, protocol Protocol) []Operation {
	if len(mix) == 0 {
		mix = defaultMix(protocol)
	}
	filled := append([]Operation(nil), mix...)
	for i := range filled {
		op := &filled[i]
		fill(&op.Weight, 1)
		switch op.Operation {
		case Request:
			method := "GET"
			if op.Body != "" {
				method = "POST"
			}
			fill(&op.Method, method)
		case Produce:
			fill(&op.Acks, "all")
		}
	}
	return filled
}

func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
