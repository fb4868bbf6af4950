package leaf

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"

	"github.com/goccy/go-yaml"
)

// Config says how long a leaf takes. The zero value takes no longer than it must.
type Config struct {
	// Latency is how long each answer takes at least.
	Latency time.Duration `yaml:"latency"`
	// Lookup is added for each word that is looked up, one after another: what a disk, or a much larger index, would take.
	Lookup time.Duration `yaml:"lookup"`
	// Slow makes some answers slower.
	Slow Slow `yaml:"slow"`
	// Workers is how many questions are worked on at a time; the others wait. 0 is no bound.
	Workers int `yaml:"workers"`
}

// Slow says which answers are slow, and how slow. Answers are slow independently of each other, as those of a machine are that collects
// garbage or does its backups now and then.
type Slow struct {
	// Share of the answers, from 0 to 1.
	Share float64 `yaml:"share"`
	// Least is how much longer a slow answer takes at least.
	Least time.Duration `yaml:"least"`
	// Mean is added on average to that, by an exponential distribution.
	Mean time.Duration `yaml:"mean"`
}

// mostLatency bounds each time in a Config.
const mostLatency = time.Minute

// ReadConfig reads a Config from a YAML file. A key that is not known is an error.
func ReadConfig(file string) (Config, error) {
	var c Config
	data, err := os.ReadFile(file)
	if err != nil {
		return c, fmt.Errorf("read the leaf's configuration: %w", err)
	}
	if err := yaml.NewDecoder(bytes.NewReader(data), yaml.Strict()).Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		return c, fmt.Errorf("read the leaf's configuration %s: %w", file, err)
	}
	return c, c.check()
}

func (c Config) check() error {
	for name, d := range map[string]time.Duration{"latency": c.Latency, "lookup": c.Lookup, "slow.least": c.Slow.Least, "slow.mean": c.Slow.Mean} {
		if d < 0 || d > mostLatency {
			return fmt.Errorf("the leaf's configuration: %s is from 0s to %s, not %s", name, mostLatency, d)
		}
	}
	if c.Slow.Share < 0 || c.Slow.Share > 1 {
		return fmt.Errorf("the leaf's configuration: slow.share is from 0 to 1, not %v", c.Slow.Share)
	}
	if c.Workers < 0 {
		return fmt.Errorf("the leaf's configuration: workers is 0 or more, not %d", c.Workers)
	}
	return nil
}

// draw is how long one answer takes that looks so many words up.
func (c Config) draw(r *rand.Rand, words int) (took time.Duration, slow bool) {
	took = c.Latency + time.Duration(words)*c.Lookup
	if r.Float64() >= c.Slow.Share {
		return took, false
	}
	return took + c.Slow.Least + time.Duration(float64(c.Slow.Mean)*r.ExpFloat64()), true
}
