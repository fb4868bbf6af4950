package functions

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// Config says which functions there are: functions.yaml.
type Config struct {
	Functions map[string]Function `yaml:"functions"`
}

// Function says how one is run, and when.
type Function struct {
	// Run is its command.
	Run []string `yaml:"run"`
	// Environment is added to the host's own.
	Environment map[string]string `yaml:"environment"`
	// Route is a path whose requests it answers, with all below it; it can be called at /call/NAME as well.
	Route string `yaml:"route"`
	// On are the types of events that it gets.
	On []string `yaml:"on"`
	// Concurrency is how many processes there are at most. Default: 10.
	Concurrency int `yaml:"concurrency"`
	// Waiting is how many requests wait for one at most. Default: 100.
	Waiting *int `yaml:"waiting"`
	// Keep is how many processes there are at least. Default: none.
	Keep int `yaml:"keep"`
	// Idle is how long a process that nobody needs is kept. Default: 10s.
	Idle time.Duration `yaml:"idle"`
	// Timeout bounds the work on a request; a process that takes longer is ended. Default: 5s.
	Timeout time.Duration `yaml:"timeout"`
	// Start bounds the start of a process. Default: 10s.
	Start time.Duration `yaml:"start"`
	// Retry says what becomes of events that fail.
	Retry Retry `yaml:"retry"`
}

// Retry is how often an event is tried, and how long it waits in between: First, and twice as long each time, up to Most, all of it give or take half.
type Retry struct {
	Attempts int           `yaml:"attempts"` // default: 5
	First    time.Duration `yaml:"first"`    // default: 200ms
	Most     time.Duration `yaml:"most"`     // default: 10s
}

var (
	names  = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,40}$`)
	routes = regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)+$`)
)

// ParseConfig reads functions.yaml. A key that is not known is an error, with its line.
func ParseConfig(text []byte) (Config, error) {
	var c Config
	if err := yaml.UnmarshalWithOptions(text, &c, yaml.Strict()); err != nil {
		return Config{}, fmt.Errorf("functions: %w", err)
	}
	if len(c.Functions) == 0 {
		return Config{}, errors.New("functions: there are none")
	}
	taken := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(c.Functions)) {
		f := c.Functions[name].withDefaults()
		if err := f.check(name); err != nil {
			return Config{}, fmt.Errorf("function %s: %w", name, err)
		}
		if other := taken[f.Route]; other != "" && f.Route != "" {
			return Config{}, fmt.Errorf("function %s: the route %s is that of %s", name, f.Route, other)
		}
		taken[f.Route] = name
		c.Functions[name] = f
	}
	return c, nil
}

func (f Function) withDefaults() Function {
	number := func(n *int, value int) {
		if *n == 0 {
			*n = value
		}
	}
	span := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	number(&f.Concurrency, 10)
	number(&f.Retry.Attempts, 5)
	span(&f.Idle, 10*time.Second)
	span(&f.Timeout, 5*time.Second)
	span(&f.Start, 10*time.Second)
	span(&f.Retry.First, 200*time.Millisecond)
	span(&f.Retry.Most, max(10*time.Second, f.Retry.First))
	if f.Waiting == nil {
		waiting := 100
		f.Waiting = &waiting
	}
	return f
}

func (f Function) check(name string) error {
	switch {
	case !names.MatchString(name):
		return errors.New("a name is of small letters, digits, - and _")
	case len(f.Run) == 0:
		return errors.New("run: what is to be run?")
	case f.Route != "" && (!routes.MatchString(f.Route) || slices.Contains(reserved, strings.Split(f.Route, "/")[1])):
		return fmt.Errorf("route %q: a path such as /orders, and none of the host's own", f.Route)
	case f.Concurrency < 1 || f.Concurrency > 1000:
		return fmt.Errorf("concurrency %d: from 1 to 1000", f.Concurrency)
	case *f.Waiting < 0:
		return fmt.Errorf("waiting %d: from 0", *f.Waiting)
	case f.Keep < 0 || f.Keep > f.Concurrency:
		return fmt.Errorf("keep %d: from 0 to %d, which is concurrency", f.Keep, f.Concurrency)
	case f.Idle < 0 || f.Timeout < 0 || f.Start < 0 || f.Retry.First < 0 || f.Retry.Most < f.Retry.First || f.Retry.Attempts < 1:
		return errors.New("times are not negative, most is not below first, and there is an attempt at least")
	}
	return nil
}

// backoff is how long an event waits after an attempt, from 1; draw is in [0, 1).
func (r Retry) backoff(attempt int, draw float64) time.Duration {
	wait := r.First
	for range attempt - 1 {
		if wait >= r.Most/2 {
			wait = r.Most
			break
		}
		wait *= 2
	}
	return time.Duration((0.5 + draw) * float64(wait))
}
