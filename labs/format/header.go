package format

import (
	"strings"

	"github.com/goccy/go-yaml"
)

// Header is what a list of labs shows of each.
type Header struct {
	Title   string `yaml:"title"`
	Chapter int    `yaml:"chapter"`
	Pattern string `yaml:"pattern"`
	Summary string `yaml:"summary"`
}

// ReadHeader reads the header only, which is much faster than Decode and checks nothing else.
func ReadHeader(data []byte) (Header, error) {
	var head strings.Builder
	keep := false
	for line := range strings.Lines(string(data)) {
		if key, _, found := strings.Cut(line, ":"); found && line[0] != ' ' && line[0] != '#' && line[0] != '-' {
			switch key {
			case "title", "chapter", "pattern", "summary":
				keep = true
			default:
				keep = false
			}
		}
		if keep {
			head.WriteString(line)
		}
	}
	var header Header
	err := yaml.Unmarshal([]byte(head.String()), &header)
	return header, err
}
