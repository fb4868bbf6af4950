package scene

import (
	"bufio"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// SVG writes the picture as an SVG element that stands by itself or in a page.
func (s *Scene) SVG(w io.Writer) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %s %s" width="%s" height="%s" role="img" font-family="system-ui, sans-serif">`,
		number(s.Width), number(s.Height), number(s.Width), number(s.Height))
	if s.Title != "" {
		fmt.Fprintf(out, "<title>%s</title>", escape(s.Title))
	}
	for _, shape := range s.shapes {
		shape.svg(out)
	}
	fmt.Fprint(out, "</svg>\n")
	return out.Flush()
}

func (s shape) svg(w io.Writer) {
	close := "/>"
	if s.title != "" {
		close = fmt.Sprintf("><title>%s</title>", escape(s.title))
	}
	end := func(element string) {
		fmt.Fprint(w, close)
		if s.title != "" {
			fmt.Fprintf(w, "</%s>", element)
		}
	}
	switch {
	case s.text != nil:
		weight := ""
		if s.text.bold {
			weight = ` font-weight="600"`
		}
		fmt.Fprintf(w, `<text x="%s" y="%s" font-size="%s" text-anchor="%s"%s fill="%s">%s</text>`, number(s.text.at.X), number(s.text.at.Y),
			number(s.text.size), s.text.anchor, weight, css(s.style.Fill), escape(s.text.words))
	case s.box != nil:
		round := ""
		if s.style.Round > 0 {
			round = fmt.Sprintf(` rx="%s"`, number(s.style.Round))
		}
		fmt.Fprintf(w, `<rect x="%s" y="%s" width="%s" height="%s"%s%s`, number(s.box.x), number(s.box.y), number(s.box.w), number(s.box.h), round, s.style.svg())
		end("rect")
	default:
		var d strings.Builder
		for i, p := range s.points {
			if i > 0 {
				d.WriteByte(' ')
			}
			d.WriteString(number(p.X) + "," + number(p.Y))
		}
		element := "polyline"
		if s.closed {
			element = "polygon"
		}
		fmt.Fprintf(w, `<%s points="%s"%s`, element, d.String(), s.style.svg())
		end(element)
	}
}

func (s Style) svg() string {
	text := fmt.Sprintf(` fill="%s"`, css(s.Fill))
	if s.Stroke != None {
		text += fmt.Sprintf(` stroke="%s" stroke-width="%s" stroke-linejoin="round"`, css(s.Stroke), number(max(s.Width, 0.5)))
	}
	if s.Dashed {
		text += ` stroke-dasharray="4 3"`
	}
	if s.Opacity > 0 && s.Opacity < 1 {
		text += fmt.Sprintf(` opacity="%s"`, number(s.Opacity))
	}
	return text
}

func css(c Color) string {
	if c == None {
		return "none"
	}
	return fmt.Sprintf("var(--%s,%s)", c, hex[c])
}

// number writes a coordinate with two digits at most: what cannot be seen need not be carried.
func number(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "0"
	}
	return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64)
}

func escape(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder does not fail
	return b.String()
}
