package wire

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ddsctl/ddsctl/runtime/hint"
)

// Kind is what a fault does to a packet.
type Kind string

// The kinds of faults on links.
const (
	Cut       Kind = "cut"       // drops every packet
	Delay     Kind = "delay"     // holds each packet back, in order
	Loss      Kind = "loss"      // drops each packet with Probability
	Rate      Kind = "rate"      // lets Rate bits a second through; what waits longer than the queue holds is dropped
	Reorder   Kind = "reorder"   // holds some packets back by Delay, so that later ones overtake them
	Duplicate Kind = "duplicate" // sends some packets twice
)

// Kinds are all of them, in the order in which help lists them.
func Kinds() []Kind { return []Kind{Cut, Delay, Loss, Rate, Reorder, Duplicate} }

// Distribution is how jitter is drawn. Packets that follow each other within ten jitters share a draw, so that they stay in order
// and the mean stays what it is.
type Distribution string

// The distributions of jitter.
const (
	Normal  Distribution = "normal"  // Jitter is the standard deviation; cut at ±3 of them, and at no delay
	Uniform Distribution = "uniform" // anything from Delay-Jitter to Delay+Jitter
)

// DefaultReorderDelay is how far a reordered packet is held back when the fault does not say.
const DefaultReorderDelay = 10 * time.Millisecond

// Bounds of a fault's parameters.
const (
	MaxDelay = time.Minute
	MinRate  = 1_000           // bits a second
	MaxRate  = 100_000_000_000 // bits a second
)

// Fault asks for one fault on links. It has either From and To, or Sets.
type Fault struct {
	// ID is given by the helper where it is empty.
	ID   string `json:"id,omitempty"`
	Kind Kind   `json:"kind"`
	// From and To are nodes, groups, Host, Outside or Any. Packets from any of From to any of To are meant; with Both, also
	// those from To to From.
	From []string `json:"from,omitempty"`
	To   []string `json:"to,omitempty"`
	Both bool     `json:"both,omitempty"`
	// Sets are meant against each other, both ways: a partition. What is in no set reaches everybody.
	Sets [][]string `json:"sets,omitempty"`

	// Delay is added to each packet's way (delay), or to a chosen packet's (reorder).
	Delay        time.Duration `json:"delay_ns,omitempty"`
	Jitter       time.Duration `json:"jitter_ns,omitempty"`
	Distribution Distribution  `json:"distribution,omitempty"` // Normal where empty
	// Probability is above 0 and at most 1: of loss, reordering and duplication, for each packet by itself.
	Probability float64 `json:"probability,omitempty"`
	Rate        int64   `json:"rate,omitempty"` // bits a second of IP packets, each link and direction for itself
	// For is how long the fault stands, by the helper's clock; 0 until it is healed.
	For time.Duration `json:"for_ns,omitempty"`
}

// Validate says what is wrong with the fault, apart from names that only a topology can tell.
func (f Fault) Validate() error {
	if err := f.validateTarget(); err != nil {
		return err
	}
	if f.For < 0 {
		return fmt.Errorf("%s: it cannot last %v", f.Kind, f.For)
	}
	for name, d := range map[string]time.Duration{"delay": f.Delay, "jitter": f.Jitter} {
		if d < 0 || d > MaxDelay {
			return fmt.Errorf("%s: %s %v is not between 0 and %v", f.Kind, name, d, MaxDelay)
		}
	}
	switch f.Distribution {
	case "", Normal, Uniform:
	default:
		return fmt.Errorf("%s: distribution %q is neither normal nor uniform", f.Kind, f.Distribution)
	}
	return f.validateKind()
}

func (f Fault) validateTarget() error {
	if len(f.Sets) > 0 {
		if len(f.From)+len(f.To) > 0 {
			return fmt.Errorf("%s: both sets and from/to", f.Kind)
		}
		if len(f.Sets) < 2 {
			return fmt.Errorf("%s: a partition needs two sets", f.Kind)
		}
		for _, set := range f.Sets {
			if len(set) == 0 {
				return fmt.Errorf("%s: a set of the partition is empty", f.Kind)
			}
		}
		return nil
	}
	if len(f.From) == 0 || len(f.To) == 0 {
		return hint.Wrap(fmt.Errorf("%s: no target", f.Kind), "name a node, a link a->b or a partition a,b|c,d")
	}
	return nil
}

func (f Fault) validateKind() error {
	switch f.Kind {
	case Cut:
	case Delay:
		if f.Delay == 0 && f.Jitter == 0 {
			return fmt.Errorf("delay: of how long?")
		}
	case Rate:
		if f.Rate < MinRate || f.Rate > MaxRate {
			return fmt.Errorf("rate: %d bit/s is not between %d and %d", f.Rate, int64(MinRate), int64(MaxRate))
		}
	case Loss, Reorder, Duplicate:
		if !(f.Probability > 0 && f.Probability <= 1) {
			return fmt.Errorf("%s: probability %v is not above 0 and at most 1", f.Kind, f.Probability)
		}
	default:
		return hint.Wrap(fmt.Errorf("no fault on links is called %q", f.Kind), "there are %v", Kinds())
	}
	return nil
}

// Target is the fault's target as ParseTarget reads it.
func (f Fault) Target() string {
	if len(f.Sets) > 0 {
		sets := make([]string, len(f.Sets))
		for i, set := range f.Sets {
			sets[i] = strings.Join(set, ",")
		}
		return strings.Join(sets, "|")
	}
	from, to := strings.Join(f.From, ","), strings.Join(f.To, ",")
	switch {
	case f.Both && to == Any:
		return from
	case f.Both:
		return from + "<->" + to
	default:
		return from + "->" + to
	}
}

// ParseTarget reads what a fault is put on: "a->b" one way, "a<->b" both ways, "a,b|c,d" sets against each other, "a"
// all links of a node. Each name may be a list with commas, and may be a service, host, outside or *.
func ParseTarget(text string) (Fault, error) {
	bad := func(why string) (Fault, error) {
		return Fault{}, hint.Wrap(fmt.Errorf("target %q: %s", text, why), "write a->b, a<->b, a,b|c,d or a")
	}
	if strings.Contains(text, "|") {
		var f Fault
		for part := range strings.SplitSeq(text, "|") {
			set, ok := parseNames(part)
			if !ok {
				return bad("an empty name")
			}
			f.Sets = append(f.Sets, set)
		}
		return f, nil
	}
	arrow, both := "->", false
	if strings.Contains(text, "<->") {
		arrow, both = "<->", true
	}
	left, right, isLink := strings.Cut(text, arrow)
	if !isLink {
		right, both = Any, true
	}
	from, ok := parseNames(left)
	to, also := parseNames(right)
	if !ok || !also {
		return bad("an empty name")
	}
	return Fault{From: from, To: to, Both: both}, nil
}

func parseNames(text string) (names []string, ok bool) {
	for name := range strings.SplitSeq(text, ",") {
		name = strings.TrimSpace(name)
		if name == "" || strings.ContainsAny(name, "<>|") {
			return nil, false
		}
		names = append(names, name)
	}
	return names, true
}

// Partition gives the fault that cuts sets of nodes off from each other.
func Partition(sets ...[]string) Fault { return Fault{Kind: Cut, Sets: sets} }

// Isolate gives the fault that cuts all links of nodes.
func Isolate(nodes ...string) Fault {
	return Fault{Kind: Cut, From: nodes, To: []string{Any}, Both: true}
}

// Detail is the fault's strength in a few words, such as "100ms ±10ms" or "10 %"; "" for a cut.
func (f Fault) Detail() string {
	switch f.Kind {
	case Delay:
		text := f.Delay.String()
		if f.Jitter > 0 {
			text += " ±" + f.Jitter.String()
			if f.Distribution == Uniform {
				text += " uniform"
			}
		}
		return text
	case Loss, Duplicate:
		return percent(f.Probability)
	case Reorder:
		return percent(f.Probability) + " by " + f.reorderDelay().String()
	case Rate:
		return FormatRate(f.Rate)
	default:
		return ""
	}
}

func (f Fault) reorderDelay() time.Duration {
	if f.Delay > 0 {
		return f.Delay
	}
	return DefaultReorderDelay
}

func percent(p float64) string { return strconv.FormatFloat(p*100, 'g', 4, 64) + " %" }

// FormatRate writes bits a second with a unit: 10 Mbit/s.
func FormatRate(bits int64) string {
	value, unit := float64(bits), "bit/s"
	for _, next := range []string{"kbit/s", "Mbit/s", "Gbit/s"} {
		if value < 1000 {
			break
		}
		value, unit = value/1000, next
	}
	return strconv.FormatFloat(value, 'g', 4, 64) + " " + unit
}
