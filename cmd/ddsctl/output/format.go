// Package output puts data and progress on a terminal: tables for people, JSON and YAML for programs, live progress
// where there is a terminal and plain lines where there is none.
package output

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/goccy/go-yaml"
)

// Format is how a command prints its data.
type Format string

// The formats. JSON is a contract; a table is for people and may change.
const (
	Table Format = "table"
	JSON  Format = "json"
	YAML  Format = "yaml"
)

var formats = []Format{Table, JSON, YAML}

// String and Set and Type make Format a flag.
func (f *Format) String() string { return string(*f) }

// Type names the flag's value in help texts.
func (f *Format) Type() string { return "format" }

// Set takes one of the formats.
func (f *Format) Set(s string) error {
	for _, known := range formats {
		if s == string(known) {
			*f = known
			return nil
		}
	}
	return fmt.Errorf("unknown format %q: use table, json or yaml", s)
}

// Print writes data to w: as JSON or YAML of data itself, or as a table.
func Print(w io.Writer, f Format, data any, table Rows) error {
	switch f {
	case JSON:
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(data)
	case YAML:
		// Through JSON, so that both formats have the same keys.
		raw, err := json.Marshal(data)
		if err != nil {
			return err
		}
		text, err := yaml.JSONToYAML(raw)
		if err != nil {
			return err
		}
		_, err = w.Write(text)
		return err
	default:
		return table.write(w)
	}
}
