package cell

import (
	"strings"
	"unicode/utf8"
)

// Palette turns styles into escape sequences. The zero Palette draws characters only.
type Palette struct {
	// FG and BG are parameters of SGR sequences, such as "38;2;10;20;30"; "" is the terminal's own colour.
	FG, BG [Inks]string
	// FGAttr and BGAttr are attributes that stand for a colour where there is none.
	FGAttr, BGAttr [Inks]Attr
	// ASCII writes nothing but ASCII.
	ASCII bool
	// Plain writes no escape sequences at all.
	Plain bool
}

// Attrs are the attributes with which the palette shows a style.
func (p *Palette) Attrs(s Style) Attr { return s.Attr | p.FGAttr[s.FG] | p.BGAttr[s.BG] }

func (p *Palette) sequence(b *strings.Builder, s Style) {
	b.WriteString("\x1b[0")
	attr := p.Attrs(s)
	for _, a := range [...]struct {
		attr Attr
		code string
	}{{Bold, ";1"}, {Italic, ";3"}, {Underline, ";4"}, {Reverse, ";7"}, {Strike, ";9"}} {
		if attr&a.attr != 0 {
			b.WriteString(a.code)
		}
	}
	if fg := p.FG[s.FG]; fg != "" {
		b.WriteByte(';')
		b.WriteString(fg)
	}
	if bg := p.BG[s.BG]; bg != "" {
		b.WriteByte(';')
		b.WriteString(bg)
	}
	b.WriteByte('m')
}

// Encode writes the canvas as lines of text with escape sequences, without spaces at the ends of lines.
func (c *Canvas) Encode(p *Palette) string {
	var b strings.Builder
	b.Grow(c.width*c.height*2 + 64)
	for y := range c.height {
		if y > 0 {
			b.WriteByte('\n')
		}
		row := c.cells[y*c.width : (y+1)*c.width]
		last := len(row) - 1
		for last >= 0 && row[last].blank(p) {
			last--
		}
		current := Style{}
		for x := 0; x <= last; x++ {
			cell := row[x]
			if cell.Rune == Continued && x > 0 && wideAt(row[x-1].Rune) {
				continue
			}
			if cell.Style != current && !p.Plain {
				p.sequence(&b, cell.Style)
				current = cell.Style
			}
			p.write(&b, cell)
		}
		if current != (Style{}) {
			b.WriteString("\x1b[0m")
		}
	}
	return b.String()
}

func wideAt(c rune) bool { return c > 0x10ff && runeWidth(c) == 2 }

func (c Cell) blank(p *Palette) bool {
	const visible = Underline | Reverse | Strike
	return c.arms == 0 && (c.Rune == 0 || c.Rune == ' ') && (p.Plain || p.BG[c.Style.BG] == "" && p.Attrs(c.Style)&visible == 0)
}

func (p *Palette) write(b *strings.Builder, c Cell) {
	shown := c.Shown()
	if shown == Continued { // its first half was lost
		shown = ' '
	}
	if !p.ASCII || shown < utf8.RuneSelf {
		b.WriteRune(shown)
		return
	}
	wide := c.arms == 0 && wideAt(c.Rune)
	b.WriteByte(ASCII(shown))
	if wide {
		b.WriteByte(ASCII(shown))
	}
}

// ASCII gives the nearest character of ASCII.
func ASCII(r rune) byte {
	if r < utf8.RuneSelf {
		return byte(r)
	}
	if b, ok := ascii[r]; ok {
		return b
	}
	if arms, ok := ArmsOf(r); ok {
		return asciiStroke(arms)
	}
	return '?'
}

func asciiStroke(a Arms) byte {
	horizontal := a.Of(East) != None || a.Of(West) != None
	vertical := a.Of(North) != None || a.Of(South) != None
	strongest := max(a.Of(North), a.Of(East), a.Of(South), a.Of(West))
	switch {
	case horizontal && vertical:
		return '+'
	case horizontal && strongest == Heavy:
		return '='
	case horizontal && strongest == Dashed:
		return '.'
	case horizontal:
		return '-'
	case strongest == Dashed:
		return ':'
	}
	return '|'
}

// ascii holds the characters that the dashboard draws. Those of states differ from each other.
var ascii = func() map[rune]byte {
	table := map[rune]byte{}
	pairs := []rune("●*◐~◓~◑~◒~▲^✗x↯!■%▪.○o‖=┆:★@◆#◇+▶>◀<▼v•o…~→>←<↑^↓v↳>±+·.×x✓v▸>▾v█#▓#▒+░.▁_▂_▃.▄-▅=▆+▇*⚡!µu–-—-“\"”\"’'│|▏|▎|▍|▌|▋|▊|▉|⏵>⏸=⟳@∅0≥>≤<◌.┊:▔-")
	for i := 0; i+1 < len(pairs); i += 2 {
		table[pairs[i]] = byte(pairs[i+1])
	}
	return table
}()
