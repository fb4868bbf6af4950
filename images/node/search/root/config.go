package root

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"time"

	"github.com/goccy/go-yaml"
)

// Distribution says which part of the index each leaf holds, and so which leaves a question needs.
type Distribution string

// The distributions.
const (
	// Copies: each leaf holds everything. Each word of a question is looked up at another leaf, and the root intersects the lists.
	Copies Distribution = "copies"
	// Documents: each leaf holds some of the documents, with all their words. Every leaf is asked the whole question.
	Documents Distribution = "documents"
	// Words: each leaf holds some of the words, with all documents that have them. Only the leaves of the question's words are asked, and the
	// root intersects the lists.
	Words Distribution = "words"
)

// The ways to go on without a leaf, and to ask where each leaf holds everything.
const (
	PartialServe  = "serve"    // answer with what there is, and say so
	PartialRefuse = "refuse"   // no answer is better than half of one
	AskWords      = "words"    // each word at a leaf of its own
	AskQuestion   = "question" // the whole question at one leaf
)

// Config says where the leaves are, and how they are asked.
type Config struct {
	// Leaves are the leaves' addresses, HOST:PORT. One that stands alone stands for all addresses of its name: leaves come and go, and
	// the corpus is divided anew. Several are one leaf each, which stays part of the division when it is away.
	Leaves       []string     `yaml:"leaves"`
	Distribution Distribution `yaml:"distribution"`
	// Copies is at how many leaves each part is held. Default: 1.
	Copies int `yaml:"copies"`
	// Divisions are numbers of leaves that a question may ask for, besides all of them: ?leaves=5.
	Divisions []int `yaml:"divisions"`
	// Ask is words or question: how a question is asked where each leaf holds everything. Default: words.
	Ask string `yaml:"ask"`
	// Deadline is how long the leaves have. Default: 1s.
	Deadline time.Duration `yaml:"deadline"`
	// Partial is serve or refuse: what becomes of a question to which not every leaf has answered in time. Default: serve.
	Partial string `yaml:"partial"`
	Hedge   Hedge  `yaml:"hedge"`
	// SuspendAfter is how many times in a row a leaf fails before it is left alone, until it is seen to be well again. 0: never.
	SuspendAfter int `yaml:"suspend_after"`
}

// Hedge asks another leaf that has a copy, where the first takes long; the first answer wins, and the other is called off.
type Hedge struct {
	// After is how long the first has. 0: no hedging.
	After time.Duration `yaml:"after"`
	// Budget bounds the requests more that this makes, as a share of those without it. Default: 0.1.
	Budget float64 `yaml:"budget"`
}

const (
	mostTime   = time.Minute
	mostLeaves = 1000
)

// ReadConfig reads a Config from a YAML file. A key that is not known is an error.
func ReadConfig(file string) (Config, error) {
	var c Config
	data, err := os.ReadFile(file)
	if err != nil {
		return c, fmt.Errorf("read the root's configuration: %w", err)
	}
	if err := yaml.NewDecoder(bytes.NewReader(data), yaml.Strict()).Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		return c, fmt.Errorf("read the root's configuration %s: %w", file, err)
	}
	c, err = c.withDefaults()
	if err != nil {
		return c, fmt.Errorf("the root's configuration %s: %w", file, err)
	}
	return c, nil
}

func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (c Config) withDefaults() (Config, error) {
	fill(&c.Distribution, Documents)
	fill(&c.Copies, 1)
	fill(&c.Ask, AskWords)
	fill(&c.Deadline, time.Second)
	fill(&c.Partial, PartialServe)
	fill(&c.Hedge.Budget, 0.1)
	if len(c.Leaves) == 0 || len(c.Leaves) > mostLeaves {
		return c, fmt.Errorf("leaves: from 1 to %d addresses, HOST:PORT", mostLeaves)
	}
	for _, address := range c.Leaves {
		if host, port, err := net.SplitHostPort(address); err != nil || host == "" || port == "" {
			return c, fmt.Errorf("leaves: %q is not HOST:PORT", address)
		}
	}
	for _, word := range []struct {
		key, value string
		known      []string
	}{
		{"distribution", string(c.Distribution), []string{string(Copies), string(Documents), string(Words)}},
		{"partial", c.Partial, []string{PartialServe, PartialRefuse}},
		{"ask", c.Ask, []string{AskWords, AskQuestion}},
	} {
		if !slices.Contains(word.known, word.value) {
			return c, fmt.Errorf("%s: is one of %v, not %q", word.key, word.known, word.value)
		}
	}
	for key, d := range map[string]time.Duration{"deadline": c.Deadline, "hedge.after": c.Hedge.After} {
		if d < 0 || d > mostTime {
			return c, fmt.Errorf("%s: is from 0s to %s, not %s", key, mostTime, d)
		}
	}
	if c.Copies < 1 || c.SuspendAfter < 0 || c.Hedge.Budget < 0 || c.Hedge.Budget > 1 {
		return c, errors.New("copies is at least 1, suspend_after at least 0, hedge.budget from 0 to 1")
	}
	for _, n := range c.Divisions {
		if n < 1 || n > mostLeaves {
			return c, fmt.Errorf("divisions: from 1 to %d leaves, not %d", mostLeaves, n)
		}
	}
	if len(c.Divisions) > 0 && c.Distribution != Documents {
		return c, errors.New("divisions: only documents are divided in several ways at a time")
	}
	return c, nil
}
