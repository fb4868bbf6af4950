package picture

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/ddsctl/ddsctl/tui/cell"
	"github.com/ddsctl/ddsctl/tui/theme"
)

// unit is the width of a cell in pixels; a cell is twice as high.
const unit = 9.0

// look is a cell's colours after reversal.
func look(t *theme.Theme, s cell.Style) (pen theme.RGB, paper theme.RGB, bold, underline bool) {
	pen, paper = t.Colors[s.FG], t.Colors[s.BG]
	if !pen.Set {
		pen = t.Pen
	}
	attr := t.Palette.Attrs(s)
	if attr&cell.Reverse != 0 {
		paper, pen = pen, t.Paper
	}
	return pen, paper, attr&cell.Bold != 0, attr&cell.Underline != 0
}

func hex(c theme.RGB) string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

// SVG writes the canvas as one self-contained picture.
func SVG(w io.Writer, c *cell.Canvas, t *theme.Theme, title string) error {
	columns, rows := c.Size()
	width, height := float64(columns)*unit, float64(rows)*2*unit
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" width="%g" height="%g" role="img">`+"\n", width, height, width, height)
	fmt.Fprintf(&b, "<title>%s</title>\n<rect width=\"100%%\" height=\"100%%\" fill=\"%s\"/>\n", escape(title), hex(t.Paper))
	b.WriteString("<g font-family=\"'Go Mono','DejaVu Sans Mono',Menlo,Consolas,monospace\" font-size=\"15\" xml:space=\"preserve\">\n")
	for y := range rows {
		svgPaper(&b, c, t, y)
	}
	for y := range rows {
		svgShapes(&b, c, t, y)
		svgWords(&b, c, t, y)
	}
	b.WriteString("</g>\n</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// runs calls f for each stretch of a row over which key does not change.
func runs[K comparable](c *cell.Canvas, y int, key func(cell.Cell) K, f func(from, to int, k K)) {
	columns, _ := c.Size()
	for x := 0; x < columns; {
		k := key(c.At(x, y))
		end := x + 1
		for end < columns && key(c.At(end, y)) == k {
			end++
		}
		f(x, end, k)
		x = end
	}
}

func svgPaper(b *strings.Builder, c *cell.Canvas, t *theme.Theme, y int) {
	runs(c, y, func(k cell.Cell) theme.RGB { _, paper, _, _ := look(t, k.Style); return paper }, func(from, to int, paper theme.RGB) {
		if paper.Set {
			fmt.Fprintf(b, `<rect x="%g" y="%g" width="%g" height="%g" fill="%s"/>`+"\n", float64(from)*unit, float64(y)*2*unit, float64(to-from)*unit, 2*unit, hex(paper))
		}
	})
}

func svgShapes(b *strings.Builder, c *cell.Canvas, t *theme.Theme, y int) {
	columns, _ := c.Size()
	paths := map[string]*strings.Builder{}
	var order []string
	for x := range columns {
		k := c.At(x, y)
		shapes, ok := shapesOf(shown(t, k))
		if !ok {
			continue
		}
		pen, _, _, _ := look(t, k.Style)
		for _, s := range shapes {
			key := fmt.Sprintf(`fill="%s"`, hex(pen))
			if s.opacity < 1 {
				key += fmt.Sprintf(` fill-opacity="%.2f"`, s.opacity)
			}
			path := paths[key]
			if path == nil {
				path = &strings.Builder{}
				paths[key] = path
				order = append(order, key)
			}
			for i, p := range s.points {
				command := "L"
				if i == 0 {
					command = "M"
				}
				fmt.Fprintf(path, "%s%.1f %.1f", command, (float64(x)+p.x)*unit, (float64(y)*2+p.y)*unit)
			}
			path.WriteString("Z")
		}
	}
	for _, key := range order {
		fmt.Fprintf(b, "<path %s d=\"%s\"/>\n", key, paths[key])
	}
}

func svgWords(b *strings.Builder, c *cell.Canvas, t *theme.Theme, y int) {
	type face struct {
		pen             theme.RGB
		bold, underline bool
		word            bool
	}
	runs(c, y, func(k cell.Cell) face {
		pen, _, bold, underline := look(t, k.Style)
		r := shown(t, k)
		_, drawn := shapesOf(r)
		return face{pen, bold, underline, r != ' ' && !drawn}
	}, func(from, to int, f face) {
		if !f.word {
			return
		}
		var text strings.Builder
		for x := from; x < to; x++ {
			if r := shown(t, c.At(x, y)); r != cell.Continued {
				text.WriteRune(r)
			}
		}
		style := ""
		if f.bold {
			style = ` font-weight="bold"`
		}
		if f.underline {
			style += ` text-decoration="underline"`
		}
		fmt.Fprintf(b, `<text x="%g" y="%g" textLength="%g" lengthAdjust="spacingAndGlyphs" fill="%s"%s>%s</text>`+"\n",
			float64(from)*unit, (float64(y)*2+1.5)*unit, float64(to-from)*unit, hex(f.pen), style, escape(text.String()))
	})
}

func shown(t *theme.Theme, c cell.Cell) rune {
	r := c.Shown()
	if t.Palette.ASCII && r >= 0x80 {
		return rune(cell.ASCII(r))
	}
	return r
}

func escape(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text))
	return b.String()
}
