// Package vault is a resource that only one may use at a time, and that sees whether that is so: it knows who used it, when, and with which
// fencing token. Told to, it refuses whoever comes with an older token than it has seen.
//
//	v := vault.New(vault.Options{Fencing: true})
//	err := v.Serve(ctx, listener)
//
// README.md is its API.
package vault

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Options say how a Vault behaves.
type Options struct {
	// Fencing refuses a token that is older than the newest one seen.
	Fencing bool
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Owner is one who held the lock, and the time in which the vault obeyed him.
type Owner struct {
	Name  string    `json:"name"`
	Token int64     `json:"token"`
	First time.Time `json:"first"` // use that was accepted
	Last  time.Time `json:"last"`
	Uses  int       `json:"uses"`
	Stale int       `json:"stale"` // of them, those after a newer token had been seen
	// Gap is how long nobody used the vault before this owner's first use, in milliseconds.
	Gap float64 `json:"gap_ms"`
}

// Summary is what the vault has seen.
type Summary struct {
	Fencing bool `json:"fencing"`
	// Newest is the largest token seen.
	Newest  int64 `json:"newest_token"`
	Uses    int   `json:"uses"`
	Stale   int   `json:"stale"`   // accepted, although a newer owner had been there
	Refused int   `json:"refused"` // for the same reason
	// Gap is how long nobody used the vault at the last change of owners, in milliseconds.
	Gap float64 `json:"gap_ms"`
	// Owners are the last ones, the oldest first.
	Owners []Owner `json:"owners"`
}

// keptOwners bounds how many owners are remembered.
const keptOwners = 500

// Vault is the resource.
type Vault struct {
	options  Options
	start    time.Time
	registry *prometheus.Registry

	mu      sync.Mutex
	summary Summary
}

// New returns a Vault that nobody has used.
func New(options Options) *Vault {
	if options.Now == nil {
		options.Now = time.Now
	}
	v := &Vault{options: options, start: options.Now(), registry: prometheus.NewRegistry(), summary: Summary{Fencing: options.Fencing}}
	v.registry.MustRegister((*collector)(v))
	return v
}

// StaleError says that somebody came with a token that is older than one seen before.
type StaleError struct{ Token, Newest int64 }

func (e *StaleError) Error() string {
	return fmt.Sprintf("token %d is old: %d has been here", e.Token, e.Newest)
}

// Use is one use of the vault by an owner. It returns a *StaleError where the vault refuses.
func (v *Vault) Use(name string, token int64) error {
	now := v.options.Now()
	v.mu.Lock()
	defer v.mu.Unlock()
	s := &v.summary
	stale := token < s.Newest
	if stale && v.options.Fencing {
		s.Refused++
		return &StaleError{Token: token, Newest: s.Newest}
	}
	s.Uses++
	at := slices.IndexFunc(s.Owners, func(o Owner) bool { return o.Name == name && o.Token == token })
	if at < 0 {
		o := Owner{Name: name, Token: token, First: now, Last: now}
		if last := v.lastUse(); !last.IsZero() {
			o.Gap = float64(now.Sub(last).Microseconds()) / 1000
			s.Gap = o.Gap
		}
		s.Owners = append(s.Owners, o)
		if len(s.Owners) > keptOwners {
			s.Owners = slices.Delete(s.Owners, 0, 1)
		}
		at = len(s.Owners) - 1
	}
	o := &s.Owners[at]
	o.Last = now
	o.Uses++
	if stale {
		o.Stale++
		s.Stale++
	}
	s.Newest = max(s.Newest, token)
	return nil
}

func (v *Vault) lastUse() (last time.Time) {
	for _, o := range v.summary.Owners {
		if o.Last.After(last) {
			last = o.Last
		}
	}
	return last
}

// Summary is what the vault has seen until now.
func (v *Vault) Summary() Summary {
	s, _ := v.seen()
	return s
}

// seen is what was seen, and since when.
func (v *Vault) seen() (Summary, time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.summary
	s.Owners = append([]Owner{}, s.Owners...)
	return s, v.start
}

// Reset forgets what was seen, but for the newest token: an old owner is old still.
func (v *Vault) Reset() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.start = v.options.Now()
	v.summary = Summary{Fencing: v.options.Fencing, Newest: v.summary.Newest}
}

// event is a line of a history as ddsctl checks it.
type event struct {
	Type     string        `json:"type"`
	Client   int           `json:"client"`
	Function string        `json:"f"`
	Key      string        `json:"key"`
	Token    int64         `json:"token,omitempty"`
	Time     time.Duration `json:"time_ns"`
	Node     string        `json:"node,omitempty"`
}

// WriteHistory writes whom the vault obeyed as the history of a lock, an event a line: an owner acquires it with his first use, and releases it
// with his last. Owners whose times overlap were obeyed at the same time.
func (v *Vault) WriteHistory(w io.Writer) error {
	s, start := v.seen()
	var events []event
	clients := map[string]int{}
	for _, o := range s.Owners {
		client, known := clients[o.Name]
		if !known {
			client = len(clients)
			clients[o.Name] = client
		}
		add := func(function string, at time.Time, token int64) {
			for _, kind := range []string{"invoke", "ok"} {
				events = append(events, event{Type: kind, Client: client, Function: function, Key: "vault", Token: token, Time: at.Sub(start), Node: o.Name})
			}
		}
		add("acquire", o.First, o.Token)
		add("release", o.Last, 0)
	}
	slices.SortStableFunc(events, func(a, b event) int { return int(a.Time - b.Time) })
	to := json.NewEncoder(w)
	for _, e := range events {
		if err := to.Encode(e); err != nil {
			return err
		}
	}
	return nil
}

// collector gives the figures to Prometheus.
type collector Vault

var (
	uses    = prometheus.NewDesc("vault_uses_total", "Uses that were accepted.", nil, nil)
	stale   = prometheus.NewDesc("vault_stale", "Uses that were accepted although a newer owner had been there.", nil, nil)
	refused = prometheus.NewDesc("vault_refused", "Uses that were refused, since a newer owner had been there.", nil, nil)
	newest  = prometheus.NewDesc("vault_token", "The newest token seen.", nil, nil)
	gap     = prometheus.NewDesc("vault_gap_ms", "How long nobody used the vault at the last change of owners.", nil, nil)
)

// Describe implements prometheus.Collector.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{uses, stale, refused, newest, gap} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	s := (*Vault)(c).Summary()
	to <- prometheus.MustNewConstMetric(uses, prometheus.CounterValue, float64(s.Uses))
	for d, value := range map[*prometheus.Desc]float64{stale: float64(s.Stale), refused: float64(s.Refused), newest: float64(s.Newest), gap: s.Gap} {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value)
	}
}
