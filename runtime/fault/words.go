package fault

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ddsctl/ddsctl/runtime/hint"
)

// Parse reads a fault from the words behind `ddsctl fault inject`: KIND TARGET... [--for 10s] [--link a->b] [--random] [--seed N] and the
// kind's own parameters, --NAME VALUE or --NAME=VALUE. Files that name faults use the same words.
func Parse(words []string) (Spec, error) {
	if len(words) == 0 {
		return Spec{}, hint.Wrap(fmt.Errorf("a fault has a kind"), "such as kill redis-2, or delay 'a->b' --delay 100ms")
	}
	spec := Spec{Kind: words[0]}
	for i := 1; i < len(words); i++ {
		word, isFlag := strings.CutPrefix(words[i], "--")
		if !isFlag {
			spec.Targets = append(spec.Targets, words[i])
			continue
		}
		name, value, given := strings.Cut(word, "=")
		if name == "random" && !given {
			spec.Random = true
			continue
		}
		if !given {
			if i++; i == len(words) {
				return Spec{}, fmt.Errorf("%s: --%s needs a value", spec.Kind, name)
			}
			value = words[i]
		}
		if err := spec.set(name, value); err != nil {
			return Spec{}, err
		}
	}
	return spec, spec.Validate()
}

func (s *Spec) set(name, value string) (err error) {
	switch name {
	case "for":
		if s.For, err = time.ParseDuration(value); err != nil || s.For <= 0 {
			return fmt.Errorf("%s: --for %q is not a duration such as 10s", s.Kind, value)
		}
	case "link":
		s.Targets = append(s.Targets, value)
	case "random":
		if s.Random, err = strconv.ParseBool(value); err != nil {
			return fmt.Errorf("%s: --random %q is neither true nor false", s.Kind, value)
		}
	case "seed":
		if s.Seed, err = strconv.ParseUint(value, 10, 64); err != nil {
			return fmt.Errorf("%s: --seed %q is not a whole number", s.Kind, value)
		}
	default:
		if s.Params == nil {
			s.Params = Params{}
		}
		s.Params[name] = value
	}
	return nil
}
