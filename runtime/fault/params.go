package fault

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-units"

	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/wire"
)

// Params are a kind's parameters by name, as a person writes them: delay 100ms, probability 10%, rate 10mbit, memory 64m.
type Params map[string]string

// check refuses parameters that the kind does not have, and misses those that it needs.
func (p Params) check(help Help) error {
	known := make([]string, len(help.Params))
	for i, param := range help.Params {
		known[i] = param.Name
		if param.Required && p[param.Name] == "" {
			return hint.Wrap(fmt.Errorf("%s: %s is missing", help.Name, param.Name), "ddsctl fault inject %s", help.Example)
		}
	}
	for name := range p {
		if !slices.Contains(known, name) {
			words := "none"
			if len(known) > 0 {
				words = strings.Join(known, ", ")
			}
			return hint.Wrap(fmt.Errorf("%s has no parameter %q", help.Name, name), "its parameters: %s", words)
		}
	}
	return nil
}

func (p Params) wrong(name, want string) error {
	return fmt.Errorf("%s %q is not %s", name, p[name], want)
}

func (p Params) duration(name string, otherwise time.Duration) (time.Duration, error) {
	if p[name] == "" {
		return otherwise, nil
	}
	d, err := time.ParseDuration(p[name])
	if err != nil || d < 0 {
		return 0, p.wrong(name, "a duration such as 100ms")
	}
	return d, nil
}

// probability reads 0.1 or 10%.
func (p Params) probability(name string, otherwise float64) (float64, error) {
	text, percent := strings.CutSuffix(strings.ReplaceAll(p[name], " ", ""), "%")
	if text == "" && !percent {
		return otherwise, nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if percent {
		v /= 100
	}
	if err != nil || !(v > 0 && v <= 1) {
		return 0, p.wrong(name, "a probability above 0 and at most 1, such as 10% or 0.1")
	}
	return v, nil
}

// bitUnits are multiples of a bit a second.
var bitUnits = []struct {
	unit string
	bits float64
}{{"gbit", 1e9}, {"mbit", 1e6}, {"kbit", 1e3}, {"bit", 1}}

// bits reads 10mbit, 10Mbit/s or 500 kbit as bits a second.
func (p Params) bits(name string) (int64, error) {
	text := strings.ToLower(strings.ReplaceAll(p[name], " ", ""))
	text = strings.TrimSuffix(strings.TrimSuffix(text, "/s"), "ps")
	for _, u := range bitUnits {
		number, ok := strings.CutSuffix(text, u.unit)
		if !ok {
			continue
		}
		if v, err := strconv.ParseFloat(number, 64); err == nil && v*u.bits >= wire.MinRate && v*u.bits <= wire.MaxRate {
			return int64(v * u.bits), nil
		}
		break
	}
	return 0, p.wrong(name, fmt.Sprintf("a rate between %s and %s, such as 10mbit", wire.FormatRate(wire.MinRate), wire.FormatRate(wire.MaxRate)))
}

func (p Params) bytes(name string, otherwise int64) (int64, error) {
	if p[name] == "" {
		return otherwise, nil
	}
	v, err := units.RAMInBytes(p[name])
	if err != nil || v <= 0 {
		return 0, p.wrong(name, "a size such as 64m")
	}
	return v, nil
}

func (p Params) cores(name string) (float64, error) {
	v, err := strconv.ParseFloat(p[name], 64)
	if err != nil || !(v >= 0.01) || v > 1024 {
		return 0, p.wrong(name, "a number of cores, at least 0.01, such as 0.1")
	}
	return v, nil
}
