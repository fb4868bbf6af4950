// Package act words what a person can do to a lab from the dashboard. Every act is a command line of ddsctl, so that the
// dashboard does what the command line does, and can say how to do it there.
package act

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ddsctl/ddsctl/runtime/fault"
	"github.com/ddsctl/ddsctl/runtime/telemetry"
)

// Act is one command line.
type Act struct {
	// Title is what it does, in words.
	Title string
	// Args are the words behind ddsctl.
	Args []string
	// Undo are the words that take it back; nil where only healing the fault that it made does.
	Undo []string
	// Faults says that it puts a fault on the lab.
	Faults bool
	// Terminal says that it needs a terminal of its own.
	Terminal bool
	// Incomplete says that the words want to be completed before they are run.
	Incomplete bool
}

// Command is the act as it is typed in a shell.
func (a Act) Command() string { return Command(a.Args) }

// Command writes words as they are typed in a shell.
func Command(args []string) string {
	words := []string{"ddsctl"}
	for _, word := range args {
		words = append(words, quote(word))
	}
	return strings.Join(words, " ")
}

func quote(word string) string {
	if word != "" && !strings.ContainsAny(word, " \t\n'\"\\$`<>|&;()*?[]{}!#~") {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// Split takes a typed command line apart: words, with quotes and backslashes as in a shell. A leading "ddsctl" is left out.
func Split(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	in, started, escaped := rune(0), false, false
	for _, c := range line {
		switch {
		case escaped:
			word.WriteRune(c)
			escaped = false
		case c == '\\' && in != '\'':
			escaped, started = true, true
		case in != 0 && c == in:
			in = 0
		case in != 0:
			word.WriteRune(c)
		case c == '\'' || c == '"':
			in, started = c, true
		case c == ' ' || c == '\t':
			if started {
				words = append(words, word.String())
				word.Reset()
				started = false
			}
		default:
			word.WriteRune(c)
			started = true
		}
	}
	if in != 0 {
		return nil, fmt.Errorf("the quote %c is not closed", in)
	}
	if started {
		words = append(words, word.String())
	}
	if len(words) > 0 && words[0] == "ddsctl" {
		words = words[1:]
	}
	return words, nil
}

// Lab words acts for one lab. Name is set where the lab must be named because several run.
type Lab struct{ Name string }

// placed puts the lab's name where commands expect it: behind the command's own words, before all others.
func (l Lab) placed(command []string, rest ...string) []string {
	out := slices.Clone(command)
	if l.Name != "" {
		out = append(out, l.Name)
	}
	return append(out, rest...)
}

// Fault puts a fault on targets.
func (l Lab) Fault(kind string, targets []string, params ...string) Act {
	args := l.placed([]string{"fault", "inject", kind}, targets...)
	return Act{Title: kind + " " + strings.Join(targets, " "), Args: append(args, params...), Faults: true}
}

// Heal ends a fault.
func (l Lab) Heal(id string) Act {
	return Act{Title: "heal " + id, Args: l.placed([]string{"fault", "heal"}, id)}
}

// HealAll ends every fault.
func (l Lab) HealAll() Act {
	return Act{Title: "heal everything", Args: l.placed([]string{"fault", "heal"}, "--all")}
}

// Rate changes a workload's rate from one to another.
func (l Lab) Rate(workload string, from, to float64) Act {
	words := func(rate float64) []string {
		return l.placed([]string{"traffic", "set"}, workload, "--rate", strconv.FormatFloat(rate, 'g', 6, 64))
	}
	return Act{Title: fmt.Sprintf("%s at %g/s", workload, to), Args: words(to), Undo: words(from)}
}

// Scale changes how many replicas a service has.
func (l Lab) Scale(service string, from, to int) Act {
	words := func(n int) []string { return l.placed([]string{"lab", "scale"}, fmt.Sprintf("%s=%d", service, n)) }
	return Act{Title: fmt.Sprintf("%s ×%d", service, to), Args: words(to), Undo: words(from)}
}

// Shell opens a shell in a node.
func (l Lab) Shell(node string) Act {
	return Act{Title: "shell in " + node, Args: l.placed([]string{"lab", "shell"}, node), Terminal: true}
}

// Check checks an exercise.
func (l Lab) Check(exercise string) Act {
	return Act{Title: "check " + exercise, Args: l.flagged("exercise", "check", exercise)}
}

// Answer answers a question; the answer itself is to be typed.
func (l Lab) Answer(exercise string) Act {
	return Act{Title: "answer " + exercise, Args: l.flagged("exercise", "answer", exercise), Incomplete: true}
}

// flagged names the lab for commands that take it as a flag.
func (l Lab) flagged(args ...string) []string {
	if l.Name != "" {
		return append(slices.Clone(args[:len(args)-1]), "--lab", l.Name, args[len(args)-1])
	}
	return args
}

// Scenario runs a scenario on a running project; "" is the lab's own name.
func (l Lab) Scenario(name, project string) Act {
	args := []string{"scenario", "run", name}
	if project != "" {
		args = append(args, "--name", project)
	}
	return Act{Title: "run " + name, Args: args}
}

// Up starts a lab of the catalogue.
func Up(slug string) Act { return Act{Title: "start " + slug, Args: []string{"lab", "up", slug}} }

// Down ends the lab.
func (l Lab) Down() Act {
	return Act{Title: "take the lab down", Args: l.placed([]string{"lab", "down"})}
}

// presets are strengths to begin with, for kinds of faults that need one.
var presets = map[string][][]string{
	"cpu": {{"--cores", "0.1"}, {"--cores", "0.5"}}, "memory": {{"--limit", "32m"}},
	"delay":     {{"--delay", "100ms"}, {"--delay", "100ms", "--jitter", "30ms"}, {"--delay", "1s"}},
	"loss":      {{"--probability", "10%"}, {"--probability", "50%"}},
	"rate":      {{"--rate", "1mbit"}, {"--rate", "100kbit"}},
	"reorder":   {{"--probability", "25%"}},
	"duplicate": {{"--probability", "10%"}},
}

// Faults are the faults that can be put on a node, and on its links.
func (l Lab) Faults(node string, links []telemetry.Link) []Act {
	var out []Act
	for _, kind := range fault.Kinds() {
		help := kind.Help()
		if help.On == fault.OnNodes {
			out = append(out, l.kind(help, node)...)
		}
	}
	for _, kind := range fault.Kinds() {
		help := kind.Help()
		switch {
		case help.On != fault.OnLinks || help.Name == "partition":
		case help.Name == "isolate":
			out = append(out, l.kind(help, node)...)
		default:
			for _, target := range targets(node, links) {
				out = append(out, l.kind(help, target)...)
			}
		}
	}
	return out
}

// targets are a node's links, each way by itself.
func targets(node string, links []telemetry.Link) []string {
	var out []string
	for _, l := range links {
		if l.From != node && l.To != node {
			continue
		}
		for _, target := range []string{l.From + "->" + l.To, l.To + "->" + l.From} {
			if !slices.Contains(out, target) {
				out = append(out, target)
			}
		}
	}
	return out
}

func (l Lab) kind(help fault.Help, target string) []Act {
	variants, known := presets[help.Name]
	if !known {
		a := l.Fault(help.Name, []string{target})
		a.Incomplete = slices.ContainsFunc(help.Params, func(p fault.Param) bool { return p.Required })
		return []Act{a}
	}
	var out []Act
	for _, params := range variants {
		a := l.Fault(help.Name, []string{target}, params...)
		a.Title = help.Name + " " + target + " " + params[1]
		if len(params) > 3 {
			a.Title += " ±" + params[3]
		}
		out = append(out, a)
	}
	return out
}

// Step is a rate one notch up (1) or down (-1): by a quarter, in round figures.
func Step(rate float64, up int) float64 {
	const most = 1e9
	if !(rate >= 0 && rate <= most) { // no rate that anything has
		return 1
	}
	to := rate * 1.25
	if up < 0 {
		to = rate / 1.25
	}
	unit := 1.0
	for unit*100 <= to {
		unit *= 10
	}
	rounded := float64(int(to/unit*2+0.5)) / 2 * unit
	switch {
	case to < 1:
		rounded = 1
	case up > 0 && rounded <= rate:
		rounded = rate + unit
	case up < 0 && rounded >= rate:
		rounded = max(rate-unit, 1)
	}
	return rounded
}
