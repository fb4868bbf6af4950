package scaler

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/goccy/go-yaml"
)

// The rules by which the number of slots is found.
const (
	// ByRate has as many as the arrivals need, and so many more as it takes to work off what waits: (λ/target + waiting/drain) · S.
	ByRate = "rate"
	// ByWaiting has one for each item that waits.
	ByWaiting = "waiting"
)

// Config says how a scaler decides.
type Config struct {
	// Queue is the base of the manager's API, and Workers those of the workers', which share the slots among them.
	Queue   string   `yaml:"queue"`
	Workers []string `yaml:"workers"`
	// Every is how often it looks. Default: 1s.
	Every time.Duration `yaml:"every"`
	// Rule is rate or waiting. Default: rate.
	Rule string `yaml:"rule"`
	// Target is the utilisation that is aimed at. Default: 0.8.
	Target float64 `yaml:"target"`
	// Drain is the time in which what waits is to be worked off. Default: 10s.
	Drain time.Duration `yaml:"drain"`
	// Cool is how long fewer must have been enough before there are fewer. Default: 0s.
	Cool time.Duration `yaml:"cool"`
	// Least and Most bound the number of slots. Default: 1 and 10.
	Least int `yaml:"least"`
	Most  int `yaml:"most"`
}

// ParseConfig reads scaler.yaml. A key that is not known is an error, with its line.
func ParseConfig(text []byte) (Config, error) {
	c := Config{Every: time.Second, Rule: ByRate, Target: 0.8, Drain: 10 * time.Second, Least: 1, Most: 10}
	if err := yaml.UnmarshalWithOptions(text, &c, yaml.Strict()); err != nil {
		return Config{}, fmt.Errorf("scaler: %w", err)
	}
	switch {
	case c.Queue == "" || len(c.Workers) == 0:
		return Config{}, errors.New("scaler: queue and workers say where they are")
	case c.Rule != ByRate && c.Rule != ByWaiting:
		return Config{}, fmt.Errorf("scaler: rule is %s or %s, not %q", ByRate, ByWaiting, c.Rule)
	case !(c.Target > 0 && c.Target <= 1):
		return Config{}, errors.New("scaler: target is above 0, and 1 at most")
	case c.Every <= 0 || c.Drain <= 0 || c.Cool < 0:
		return Config{}, errors.New("scaler: every and drain are above 0s, and cool is not below")
	case c.Least < 0 || c.Most < max(c.Least, 1):
		return Config{}, errors.New("scaler: least is not below 0, and most not below 1 and least")
	}
	return c, nil
}

// Seen is what a queue says of itself: rates and means of its last while.
type Seen struct {
	Waiting     int     `json:"waiting"`
	ArrivalRate float64 `json:"arrivals_per_second"`
	Processing  float64 `json:"processing_seconds"`
}

// Decider decides how many slots there should be.
type Decider struct {
	config Config
	slots  int
	// needs are those of the last while, of which the largest counts before there are fewer.
	needs []need
	began time.Time
	last  int // the last change's direction
	turns int
}

type need struct {
	at    time.Time
	slots int
}

// NewDecider returns a Decider where there are so many slots now.
func NewDecider(c Config, slots int, now time.Time) *Decider {
	return &Decider{config: c, slots: slots, began: now}
}

// Need is how many slots the rule asks for.
func (d *Decider) Need(s Seen) int {
	slots := float64(s.Waiting)
	if d.config.Rule == ByRate {
		slots = (s.ArrivalRate/d.config.Target + float64(s.Waiting)/d.config.Drain.Seconds()) * s.Processing
		if s.Processing == 0 && s.Waiting > 0 {
			slots = float64(max(d.slots, 1)) // nobody knows yet how long the work takes
		}
	}
	// What is a hair above a whole number is that number.
	return min(max(int(math.Ceil(slots-0.05)), d.config.Least), d.config.Most)
}

// Decide says how many slots there should be: more at once, and fewer only when fewer have been enough all the while.
func (d *Decider) Decide(now time.Time, s Seen) int {
	n := d.Need(s)
	d.needs = append(d.needs, need{now, n})
	for len(d.needs) > 1 && now.Sub(d.needs[0].at) > d.config.Cool {
		d.needs = d.needs[1:]
	}
	most := n
	for _, before := range d.needs {
		most = max(most, before.slots)
	}
	want := d.slots
	switch {
	case n > d.slots:
		want = n
	case most < d.slots && now.Sub(d.began) >= d.config.Cool:
		want = most
	}
	if direction := compare(want, d.slots); direction != 0 {
		if d.last == -direction {
			d.turns++
		}
		d.last = direction
	}
	d.slots = want
	return want
}

// Turns is how often it has changed its mind: fewer after more, or more after fewer.
func (d *Decider) Turns() int { return d.turns }

func compare(a, b int) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
