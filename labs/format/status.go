package format

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/invopop/jsonschema"
)

// StatusRange is an HTTP status or a range of them. It reads and writes as 200 or 200-299.
type StatusRange [2]int

// UnmarshalText reads a status or a range of them.
func (r *StatusRange) UnmarshalText(text []byte) error {
	low, high, ranged := strings.Cut(string(text), "-")
	if !ranged {
		high = low
	}
	var parsed StatusRange
	for i, word := range []string{low, high} {
		code, err := strconv.Atoi(strings.TrimSpace(word))
		if err != nil || code < 100 || code > 599 {
			return fmt.Errorf("%q is not an HTTP status such as 200, or a range of them such as 200-299", text)
		}
		parsed[i] = code
	}
	if parsed[0] > parsed[1] {
		return fmt.Errorf("%q is a range without a status in it", text)
	}
	*r = parsed
	return nil
}

// MarshalText writes the range.
func (r StatusRange) MarshalText() ([]byte, error) {
	switch {
	case r == StatusRange{}:
		return nil, nil
	case r[0] == r[1]:
		return fmt.Appendf(nil, "%d", r[0]), nil
	}
	return fmt.Appendf(nil, "%d-%d", r[0], r[1]), nil
}

// JSONSchema describes the range to editors.
func (StatusRange) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{
		Description: "an HTTP status, or a range of them such as 200-299",
		OneOf: []*jsonschema.Schema{
			{Type: "integer", Minimum: "100", Maximum: "599"},
			{Type: "string", Pattern: "^[1-5][0-9][0-9](-[1-5][0-9][0-9])?$"},
		},
	}
}
