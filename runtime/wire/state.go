package wire

import (
	"encoding/json"
	"time"
)

// Verdict says whether a measurement after the injection showed that a fault bites.
type Verdict string

// The verdicts. Without traffic on the link nothing can be measured: that is Unknown, never Yes.
const (
	Yes     Verdict = "yes"
	No      Verdict = "no"
	Unknown Verdict = "unknown"
)

// State is one fault on links that stands.
type State struct {
	Fault
	Start   time.Time  `json:"start"`             // by the helper's clock, as Expires
	Expires *time.Time `json:"expires,omitempty"` // nil: until healed
	// Verified and Figure are what was measured since the injection, behind the place where the fault acts.
	Verified Verdict  `json:"verified"`
	Figure   string   `json:"figure"`          // "1204 packets dropped, none passed", "100.3 ms over 512 packets"
	Nodes    []string `json:"nodes,omitempty"` // that the fault touches, sorted
}

// Record is one fault in the lab's journal: on links or on nodes. It is written before the fault is applied, and stays until
// the fault is undone.
type Record struct {
	// ID is given by the journal where it is empty.
	ID     string   `json:"id"`
	Kind   string   `json:"kind"`
	Target string   `json:"target"`
	Nodes  []string `json:"nodes,omitempty"`
	Detail string   `json:"detail,omitempty"`
	// Start and Expires are by the helper's clock. Put sets Start where it is zero, and Expires from For.
	Start   time.Time     `json:"start"`
	Expires *time.Time    `json:"expires,omitempty"`
	For     time.Duration `json:"for_ns,omitempty"`
	// Undo is what whoever undoes a fault on nodes needs to know. The helper keeps it and does not look inside.
	Undo json.RawMessage `json:"undo,omitempty"`
	// Link is set on faults on links, which the helper itself applies, expires and heals.
	Link *Fault `json:"link,omitempty"`
	// Overdue is set by List where the fault should have ended by the helper's clock.
	Overdue bool `json:"overdue,omitempty"`
}
