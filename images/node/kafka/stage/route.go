package stage

import (
	"fmt"
	"hash/fnv"
	"regexp"
	"slices"
	"strings"
)

// Route says to which topics a record goes, by its key.
type Route func(key []byte) []string

// Copier sends each record to every output.
func Copier(outputs ...string) Route { return func([]byte) []string { return outputs } }

// Merger sends each record to the one output, from whichever input.
func Merger(output string) Route { return Copier(output) }

// Filter sends on what matches, and drops the rest.
func Filter(match *regexp.Regexp, output string) Route {
	to := []string{output}
	return func(key []byte) []string {
		if match.Match(key) {
			return to
		}
		return nil
	}
}

// Branch is one way out of a splitter.
type Branch struct {
	Output string
	Match  *regexp.Regexp
}

// ParseBranch reads OUTPUT=REGULAR-EXPRESSION.
func ParseBranch(text string) (Branch, error) {
	output, expression, ok := strings.Cut(text, "=")
	if !ok || output == "" {
		return Branch{}, fmt.Errorf("%q: want OUTPUT=EXPRESSION, such as eu=^eu-", text)
	}
	match, err := regexp.Compile(expression)
	if err != nil {
		return Branch{}, fmt.Errorf("output %s: %w", output, err)
	}
	return Branch{Output: output, Match: match}, nil
}

// Splitter sends each record to the first branch that it matches, and to rest where there is none; with an empty rest it is dropped.
func Splitter(branches []Branch, rest string) Route {
	branches = slices.Clone(branches)
	return func(key []byte) []string {
		for _, b := range branches {
			if b.Match.Match(key) {
				return []string{b.Output}
			}
		}
		if rest == "" {
			return nil
		}
		return []string{rest}
	}
}

// Sharder sends each record to one of the outputs, those of one key to the same (FNV-1a of the key, modulo the outputs).
func Sharder(outputs ...string) Route {
	return func(key []byte) []string {
		h := fnv.New64a()
		_, _ = h.Write(key)
		i := h.Sum64() % uint64(len(outputs))
		return outputs[i : i+1]
	}
}
