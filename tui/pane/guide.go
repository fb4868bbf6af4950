package pane

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"charm.land/glamour/v2"
	"charm.land/glamour/v2/ansi"

	"github.com/ddsctl/ddsctl/tui/cell"
)

// Guide is a text in Markdown, set for a width.
type Guide struct {
	text  string
	width int
	lines [][]span
}

type span struct {
	text  string
	style cell.Style
}

// NewGuide gives a text to draw.
func NewGuide(markdown string) *Guide { return &Guide{text: markdown} }

// Draw draws the guide, set anew when the width has changed.
func (g *Guide) Draw(r cell.Region, scroll *Scroll) {
	if g == nil || strings.TrimSpace(g.text) == "" {
		r.Text(1, 0, "this lab has no guide", cell.In(cell.Dim), r.W-2)
		return
	}
	if width := min(r.W-2, widestText); g.lines == nil || g.width != width {
		g.set(width)
	}
	first := scroll.fromStart(len(g.lines), r.H)
	for y := 0; y < r.H && first+y < len(g.lines); y++ {
		x := 1
		for _, s := range g.lines[first+y] {
			x += r.Text(x, y, s.text, s.style, r.W-x-1)
		}
	}
	bar(r, first, len(g.lines))
}

// widestText is how long a line may be and still be read with ease.
const widestText = 100

func (g *Guide) set(width int) {
	g.width = width
	renderer, err := glamour.NewTermRenderer(glamour.WithStyles(guideStyle()), glamour.WithWordWrap(max(width, 8)))
	text := g.text
	if err == nil {
		text, err = renderer.Render(g.text)
	}
	if err != nil {
		text = fmt.Sprintf("cannot set the guide: %v\n\n%s", err, g.text)
	}
	g.lines = nil
	style := cell.Style{}
	for line := range strings.SplitSeq(strings.Trim(text, "\n"), "\n") {
		var spans []span
		spans, style = parse(line, style)
		g.lines = append(g.lines, spans)
	}
}

// guideInks are the inks that the style's colours stand for: the renderer knows colours by number only.
var guideInks = map[int]cell.Ink{1: cell.Bad, 2: cell.Good, 3: cell.Warn, 4: cell.Accent, 5: cell.Role, 6: cell.Info, 7: cell.Title, 8: cell.Dim}

func guideStyle() ansi.StyleConfig {
	yes := true
	color := func(n int) *string { s := strconv.Itoa(n); return &s }
	none := uint(0)
	indent := uint(2)
	bar := "│ "
	heading := func(prefix string, n int) ansi.StyleBlock {
		return ansi.StyleBlock{StylePrimitive: ansi.StylePrimitive{Prefix: prefix, Color: color(n), Bold: &yes}}
	}
	return ansi.StyleConfig{
		Document:      ansi.StyleBlock{Margin: &none},
		Paragraph:     ansi.StyleBlock{},
		Heading:       ansi.StyleBlock{StylePrimitive: ansi.StylePrimitive{BlockSuffix: "\n", Color: color(4), Bold: &yes}},
		H1:            heading("", 7),
		H2:            heading("▸ ", 4),
		H3:            heading("  ", 4),
		BlockQuote:    ansi.StyleBlock{StylePrimitive: ansi.StylePrimitive{Color: color(8)}, Indent: &indent, IndentToken: &bar},
		List:          ansi.StyleList{LevelIndent: 2},
		Item:          ansi.StylePrimitive{BlockPrefix: "• "},
		Enumeration:   ansi.StylePrimitive{BlockPrefix: ". "},
		Task:          ansi.StyleTask{Ticked: "✓ ", Unticked: "○ "},
		Emph:          ansi.StylePrimitive{Italic: &yes},
		Strong:        ansi.StylePrimitive{Bold: &yes},
		Strikethrough: ansi.StylePrimitive{CrossedOut: &yes},
		Code:          ansi.StyleBlock{StylePrimitive: ansi.StylePrimitive{Color: color(6)}},
		CodeBlock:     ansi.StyleCodeBlock{StyleBlock: ansi.StyleBlock{StylePrimitive: ansi.StylePrimitive{Color: color(6)}, Margin: &indent}},
		Link:          ansi.StylePrimitive{Color: color(8), Underline: &yes},
		LinkText:      ansi.StylePrimitive{Color: color(4)},
		HorizontalRule: ansi.StylePrimitive{
			Color: color(8), Format: "\n────────\n"},
		Table: ansi.StyleTable{},
	}
}

// parse takes a line with SGR sequences apart.
func parse(line string, style cell.Style) ([]span, cell.Style) {
	var out []span
	var text strings.Builder
	flush := func() {
		if text.Len() > 0 {
			out = append(out, span{text.String(), style})
			text.Reset()
		}
	}
	for i := 0; i < len(line); {
		if line[i] == 0x1b && i+1 < len(line) && line[i+1] == '[' {
			end := i + 2
			for end < len(line) && (line[end] < 0x40 || line[end] > 0x7e) {
				end++
			}
			if end < len(line) && line[end] == 'm' {
				flush()
				style = sgr(style, line[i+2:end])
			}
			i = min(end+1, len(line))
			continue
		}
		c, size := utf8.DecodeRuneInString(line[i:])
		text.WriteRune(c)
		i += size
	}
	flush()
	return out, style
}

func sgr(s cell.Style, parameters string) cell.Style {
	numbers := strings.FieldsFunc(parameters, func(c rune) bool { return c == ';' || c == ':' })
	if len(numbers) == 0 {
		return cell.Style{}
	}
	for i := 0; i < len(numbers); i++ {
		n, _ := strconv.Atoi(numbers[i])
		switch {
		case n == 0:
			s = cell.Style{}
		case n == 1:
			s.Attr |= cell.Bold
		case n == 3:
			s.Attr |= cell.Italic
		case n == 4:
			s.Attr |= cell.Underline
		case n == 9:
			s.Attr |= cell.Strike
		case n >= 30 && n <= 37:
			s.FG = guideInks[n-30]
		case n >= 90 && n <= 97:
			s.FG = guideInks[n-90+8]
		case n == 39:
			s.FG = cell.Plain
		case n == 38 || n == 48:
			if i+2 < len(numbers) && numbers[i+1] == "5" {
				if index, _ := strconv.Atoi(numbers[i+2]); n == 38 {
					s.FG = guideInks[index]
				}
				i += 2
			} else if i+4 < len(numbers) {
				i += 4
			}
		}
	}
	return s
}
