package cell

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/displaywidth"
)

// Rect is a part of a grid.
type Rect struct{ X, Y, W, H int }

// Contains says whether a cell lies in it.
func (r Rect) Contains(x, y int) bool { return x >= r.X && y >= r.Y && x < r.X+r.W && y < r.Y+r.H }

func (r Rect) intersect(o Rect) Rect {
	x, y := max(r.X, o.X), max(r.Y, o.Y)
	return Rect{x, y, max(min(r.X+r.W, o.X+o.W)-x, 0), max(min(r.Y+r.H, o.Y+o.H)-y, 0)}
}

// Region is a part of a canvas with coordinates of its own. W and H are what it asks its user to fill; what is drawn outside
// its clip is not seen. The zero Region swallows everything.
type Region struct {
	canvas *Canvas
	ox, oy int
	clip   Rect // in the canvas' coordinates
	W, H   int
}

// Sub gives a part of the region.
func (r Region) Sub(x, y, w, h int) Region {
	w, h = max(w, 0), max(h, 0)
	return Region{canvas: r.canvas, ox: r.ox + x, oy: r.oy + y, clip: r.clip.intersect(Rect{r.ox + x, r.oy + y, w, h}), W: w, H: h}
}

// Shift gives the same window onto a world of w by h whose cell (x, y) stands at the region's top left corner.
func (r Region) Shift(x, y, w, h int) Region {
	r.ox, r.oy, r.W, r.H = r.ox-x, r.oy-y, w, h
	return r
}

// Place is where the region stands on its canvas.
func (r Region) Place() Rect { return Rect{r.ox, r.oy, r.W, r.H} }

func (r Region) cell(x, y int) *Cell {
	x, y = x+r.ox, y+r.oy
	if r.canvas == nil || !r.clip.Contains(x, y) {
		return nil
	}
	return &r.canvas.cells[y*r.canvas.width+x]
}

// Set puts one narrow character. A background of Plain keeps the one that is there.
func (r Region) Set(x, y int, c rune, s Style) {
	at := r.cell(x, y)
	if at == nil {
		return
	}
	r.unlink(x, y, at)
	if s.BG == Plain {
		s.BG = at.Style.BG
	}
	*at = Cell{Rune: c, Style: s}
}

// unlink blanks the other half of a wide character that is about to lose one.
func (r Region) unlink(x, y int, at *Cell) {
	index := (y+r.oy)*r.canvas.width + x + r.ox
	if at.Rune == Continued && x+r.ox > 0 {
		r.canvas.cells[index-1].Rune = ' '
	}
	if x+r.ox+1 < r.canvas.width && r.canvas.cells[index+1].Rune == Continued {
		r.canvas.cells[index+1].Rune = ' '
	}
}

// Stroke merges arms into a cell. Over a stroke that is there, its style is taken only when top is set.
func (r Region) Stroke(x, y int, arms Arms, s Style, top bool) {
	at := r.cell(x, y)
	if at == nil {
		return
	}
	if at.arms == 0 {
		r.Set(x, y, 0, s)
		at.arms = arms
		return
	}
	at.arms = at.arms.Merge(arms)
	if top {
		if s.BG == Plain {
			s.BG = at.Style.BG
		}
		at.Style = s
	}
}

// Rune is the character at a place, 0 where there is none.
func (r Region) Rune(x, y int) rune {
	if at := r.cell(x, y); at != nil && at.arms == 0 {
		return at.Rune
	}
	return 0
}

// Fill empties a part and gives it a background.
func (r Region) Fill(x, y, w, h int, background Ink) {
	for row := y; row < y+h; row++ {
		for column := x; column < x+w; column++ {
			if at := r.cell(column, row); at != nil {
				r.unlink(column, row, at)
				*at = Cell{Style: Style{BG: background}}
			}
		}
	}
}

// Tint gives a part a background and keeps what is drawn.
func (r Region) Tint(x, y, w, h int, background Ink) {
	for row := y; row < y+h; row++ {
		for column := x; column < x+w; column++ {
			if at := r.cell(column, row); at != nil {
				at.Style.BG = background
			}
		}
	}
}

// Text writes words on one line, at most limit columns of them, and gives the columns used. Control characters and
// escape sequences are left out; what is cut off ends in "…".
func (r Region) Text(x, y int, text string, s Style, limit int) int {
	if limit <= 0 || text == "" {
		return 0
	}
	if simple(text) {
		if len(text) <= limit {
			for i := range len(text) {
				r.Set(x+i, y, rune(text[i]), s)
			}
			return len(text)
		}
	} else {
		text = Sanitize(text)
	}
	used, full := 0, Width(text) > limit
	for _, c := range text {
		w := runeWidth(c)
		if full && used+w > limit-1 {
			r.Set(x+used, y, '…', s)
			return used + 1
		}
		if w == 0 {
			continue
		}
		r.Set(x+used, y, c, s)
		if w == 2 {
			r.wide(x+used, y, s)
		}
		used += w
	}
	return used
}

// wide makes the cell after x the second half of the character at x, or blanks both where there is no room.
func (r Region) wide(x, y int, s Style) {
	first, second := r.cell(x, y), r.cell(x+1, y)
	if second == nil {
		if first != nil {
			first.Rune = ' '
		}
		return
	}
	r.unlink(x+1, y, second)
	if first == nil {
		*second = Cell{Rune: ' ', Style: s}
		return
	}
	*second = Cell{Rune: Continued, Style: first.Style}
}

// Right writes words that end before column x.
func (r Region) Right(x, y int, text string, s Style, limit int) int {
	w := min(Width(Sanitize(text)), limit)
	return r.Text(x-w, y, text, s, w)
}

// Center writes words in the middle of w columns.
func (r Region) Center(x, y, w int, text string, s Style) int {
	n := min(Width(Sanitize(text)), w)
	return r.Text(x+(w-n)/2, y, text, s, n)
}

func simple(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

// Width is how many columns sanitized text takes.
func Width(text string) int {
	if simple(text) {
		return len(text)
	}
	n := 0
	for _, c := range text {
		n += runeWidth(c)
	}
	return n
}

func runeWidth(c rune) int {
	switch {
	case c >= ' ' && c <= '~':
		return 1
	case c >= 0x2500 && c <= 0x28ff: // boxes, blocks, shapes, braille: narrow in every terminal that is set up for them
		return narrowUnlessEmoji(c)
	}
	return displaywidth.Rune(c)
}

// narrowUnlessEmoji is 2 for those among the symbols that terminals draw as pictures.
func narrowUnlessEmoji(c rune) int {
	if c < 0x25fd {
		return 1
	}
	return displaywidth.Rune(c)
}

// Sanitize makes text from elsewhere fit to be drawn: no escape sequences, no control characters, tabs as spaces, and only
// characters that stand alone.
func Sanitize(text string) string {
	if simple(text) {
		return text
	}
	var b strings.Builder
	b.Grow(len(text))
	for i := 0; i < len(text); {
		c, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case c == 0x1b || c == 0x9b:
			i += escapeLength(text[i:])
			continue
		case c == '\t':
			b.WriteString("  ")
		case c == '\n':
			b.WriteByte(' ')
		case c == utf8.RuneError && size <= 1:
			b.WriteRune('�')
		case unicode.IsControl(c), !unicode.IsPrint(c) && c != ' ' && !unicode.IsSpace(c), runeWidth(c) == 0:
		case unicode.IsSpace(c):
			b.WriteByte(' ')
		default:
			b.WriteRune(c)
		}
		i += size
	}
	return b.String()
}

// escapeLength is how long the escape sequence at the start of text is.
func escapeLength(text string) int {
	start := 1
	introducer := byte('[')
	if text[0] == 0x1b {
		if len(text) < 2 {
			return len(text)
		}
		introducer, start = text[1], 2
	} else if len(text) > 1 { // 0x9b in two bytes
		start = 2
	}
	switch introducer {
	case '[':
		for i := start; i < len(text); i++ {
			if text[i] >= 0x40 && text[i] <= 0x7e {
				return i + 1
			}
		}
		return len(text)
	case ']', 'P', '_', '^', 'X':
		for i := start; i < len(text); i++ {
			if text[i] == 0x07 {
				return i + 1
			}
			if text[i] == 0x1b && i+1 < len(text) && text[i+1] == '\\' {
				return i + 2
			}
		}
		return len(text)
	}
	return start
}
