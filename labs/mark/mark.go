// Package mark says what is wrong with a text file, and where: file, line and column, with the line itself and a mark under
// the place.
//
//	lab.yaml:12:5: unknown key "conections"; did you mean "connections"?
//	   12 |     conections: 4
//	      |     ^^^^^^^^^^
package mark

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Severity says whether a Problem keeps the file from being used.
type Severity string

// The severities.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Problem is one thing wrong with a file.
type Problem struct {
	File     string   `json:"file"`
	Line     int      `json:"line,omitempty"`   // from 1; 0 is the file as a whole
	Column   int      `json:"column,omitempty"` // from 1, in characters
	Severity Severity `json:"severity"`
	Field    string   `json:"field,omitempty"` // path of the key, such as workloads[0].mix[1].weight
	Text     string   `json:"text"`
	// Excerpt is the line with a mark under the place, for people; it has two lines.
	Excerpt string `json:"excerpt,omitempty"`
}

// Place is FILE:LINE:COLUMN, as far as it is known.
func (p Problem) Place() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// String is the Problem with its excerpt.
func (p Problem) String() string {
	text := p.Place() + ": " + p.Text
	if p.Severity == Warning {
		text = p.Place() + ": warning: " + p.Text
	}
	if p.Excerpt != "" {
		text += "\n" + p.Excerpt
	}
	return text
}

// Problems is everything wrong with one file or several. As an error it lists them all.
type Problems []Problem

// Error lists the problems.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

// Err is the problems as an error, sorted, or nil when none of them is an error.
func (p Problems) Err() error {
	if !slices.ContainsFunc(p, func(problem Problem) bool { return problem.Severity == Error }) {
		return nil
	}
	sorted := slices.Clone(p)
	sorted.Sort()
	return slices.Clip(sorted)
}

// Sort orders the problems by file and place.
func (p Problems) Sort() {
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// Source is a text file to mark problems in.
type Source struct {
	Name  string
	lines []string
}

// NewSource returns the Source of a file's contents.
func NewSource(name string, data []byte) *Source {
	return &Source{Name: name, lines: strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n")}
}

// maxExcerpt bounds how much of a long line an excerpt shows, in characters.
const maxExcerpt = 120

// Problem marks width characters from line and column on. A line of 0 is the file as a whole.
func (s *Source) Problem(line, column, width int, format string, args ...any) Problem {
	p := Problem{File: s.Name, Line: line, Column: column, Severity: Error, Text: fmt.Sprintf(format, args...)}
	if line < 1 || line > len(s.lines) {
		return p
	}
	text := printable(s.lines[line-1])
	length := utf8.RuneCountInString(text)
	if column < 1 || column > length+1 {
		return p
	}
	start, runes := 0, []rune(text)
	if length > maxExcerpt { // show the part around the place
		start = max(0, min(column-1-maxExcerpt/3, length-maxExcerpt))
		runes = runes[start : start+maxExcerpt]
	}
	width = max(1, min(width, len(runes)-(column-1-start)))
	number := fmt.Sprintf("%5d", line)
	p.Excerpt = fmt.Sprintf("%s | %s\n%s | %s%s", number, string(runes), strings.Repeat(" ", len(number)),
		strings.Repeat(" ", column-1-start), strings.Repeat("^", width))
	return p
}

// printable replaces what would move the cursor or change the terminal: a file may come from a stranger.
func printable(line string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) || r == utf8.RuneError:
			return '\uFFFD'
		}
		return r
	}, line)
}
