package workload

import (
	"fmt"
	"time"

	"github.com/invopop/jsonschema"
)

// Duration is a length of time that reads and writes as "10s", "1m30s", "250ms".
type Duration time.Duration

// ParseDuration reads a Duration.
func ParseDuration(text string) (Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is not a length of time such as 10s, 250ms or 1m30s", text)
	}
	return Duration(d), nil
}

// Std returns the Duration as the standard library's.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// Seconds returns the Duration in seconds.
func (d Duration) Seconds() float64 { return time.Duration(d).Seconds() }

// String writes the Duration.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText writes the Duration for JSON and YAML.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads the Duration from JSON and YAML.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := ParseDuration(string(text))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}

// JSONSchema describes the Duration to editors.
func (Duration) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{
		Type:        "string",
		Pattern:     `^([0-9]+(\.[0-9]*)?(ns|us|µs|ms|s|m|h))+$`,
		Description: "a length of time, such as 250ms, 10s or 1m30s",
		Examples:    []any{"10s"},
	}
}
