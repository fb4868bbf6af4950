package script

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Kind is what a step does: fault, heal, traffic, scale or run.
func (s Step) Kind() string {
	switch {
	case s.Inject != nil:
		return "fault"
	case s.Heal != "":
		return "heal"
	case s.Traffic != nil:
		return "traffic"
	case s.Scale != nil:
		return "scale"
	default:
		return "run"
	}
}

// Words say what a step does.
func (s Step) Words() string {
	switch {
	case s.Inject != nil:
		return strings.Join(s.Inject, " ")
	case s.Heal != "":
		return "heal " + s.Heal
	case s.Traffic != nil:
		return s.Traffic.words()
	case s.Scale != nil:
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(s.Scale)) {
			parts = append(parts, fmt.Sprintf("%s=%d", name, s.Scale[name]))
		}
		return "scale " + strings.Join(parts, " ")
	case s.Run != nil:
		return "run in " + s.Run.Node + ": " + strings.Join(s.Run.Run, " ")
	}
	return ""
}

func (t Traffic) words() string {
	text := "traffic"
	if t.Workload != "" {
		text += " " + t.Workload
	}
	var parts []string
	if t.Rate != nil {
		parts = append(parts, fmt.Sprintf("to %g/s", *t.Rate))
	}
	if t.Arrival != nil {
		parts = append(parts, "arrivals "+string(t.Arrival.Process))
	}
	if t.Pause != nil {
		parts = append(parts, map[bool]string{true: "paused", false: "goes on"}[*t.Pause])
	}
	if t.Keys != nil {
		parts = append(parts, "keys "+string(t.Keys.Distribution))
	}
	if t.Mix != nil {
		parts = append(parts, "another mix")
	}
	return text + " " + strings.Join(parts, ", ")
}
