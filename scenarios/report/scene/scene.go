// Package scene holds a flat picture of lines, boxes and words, and writes it as SVG or PNG. Colours are tokens: an SVG names
// them as CSS variables with a fallback, so that a page may give it a dark or a light face.
package scene

import "math"

// Color is a token of the palette.
type Color string

// The palette.
const (
	None   Color = ""
	Ink    Color = "ink"    // words
	Faint  Color = "faint"  // axes, lesser words
	Grid   Color = "grid"   // lines behind
	Paper  Color = "paper"  // background
	Fault  Color = "fault"  // bands of faults
	Good   Color = "good"   // what holds
	Bad    Color = "bad"    // what fails
	Unsure Color = "unsure" // what is unknown
	// Series are the colours of lines, told apart by people who do not see red and green as different.
	Series1 Color = "s1"
	Series2 Color = "s2"
	Series3 Color = "s3"
	Series4 Color = "s4"
	Series5 Color = "s5"
	Series6 Color = "s6"
)

// Series is the colour of the n-th line, from 0.
func Series(n int) Color {
	return []Color{Series1, Series2, Series3, Series4, Series5, Series6}[n%6]
}

// hex is the light face, which pictures outside a page have.
var hex = map[Color]string{
	Ink: "#1f2430", Faint: "#6b7280", Grid: "#e5e7eb", Paper: "#ffffff", Fault: "#dc2626", Good: "#15803d", Bad: "#b91c1c", Unsure: "#a16207",
	Series1: "#2563eb", Series2: "#ea7317", Series3: "#0d9488", Series4: "#9333ea", Series5: "#64748b", Series6: "#be185d",
}

// Point is a place in the picture, in pixels from the upper left.
type Point struct{ X, Y float64 }

// Anchor says which part of a text is at its point.
type Anchor string

// The anchors.
const (
	Start  Anchor = "start"
	Middle Anchor = "middle"
	End    Anchor = "end"
)

// Style is how a shape is drawn.
type Style struct {
	Fill    Color
	Stroke  Color
	Width   float64 // of the stroke
	Opacity float64 // 0 means 1
	Dashed  bool
	Round   float64 // corners of a box
}

// shape is one thing in the picture: points for a line, a box for a rectangle, words for a text.
type shape struct {
	points []Point
	closed bool
	box    *box
	text   *text
	style  Style
	title  string
}

type box struct{ x, y, w, h float64 }

type text struct {
	at     Point
	words  string
	size   float64
	anchor Anchor
	bold   bool
}

// Scene is a picture.
type Scene struct {
	Width, Height float64
	// Title is what the picture shows, for those who cannot see it.
	Title  string
	shapes []shape
}

// New makes an empty picture.
func New(width, height float64, title string) *Scene {
	return &Scene{Width: width, Height: height, Title: title}
}

// Line draws a line through points. A point that is not a number breaks it.
func (s *Scene) Line(points []Point, style Style) {
	from := 0
	for i := 0; i <= len(points); i++ {
		if i < len(points) && !math.IsNaN(points[i].Y) && !math.IsNaN(points[i].X) {
			continue
		}
		if i > from {
			s.shapes = append(s.shapes, shape{points: points[from:i], style: style})
		}
		from = i + 1
	}
}

// Area fills what points enclose.
func (s *Scene) Area(points []Point, style Style) {
	if len(points) > 2 {
		s.shapes = append(s.shapes, shape{points: points, closed: true, style: style})
	}
}

// Box draws a rectangle; title, where not empty, is shown where a page's reader points at it.
func (s *Scene) Box(x, y, w, h float64, style Style, title string) {
	if w > 0 && h > 0 {
		s.shapes = append(s.shapes, shape{box: &box{x, y, w, h}, style: style, title: title})
	}
}

// Text writes words with their base line at the point.
func (s *Scene) Text(at Point, words string, size float64, color Color, anchor Anchor) {
	s.shapes = append(s.shapes, shape{text: &text{at, words, size, anchor, false}, style: Style{Fill: color}})
}

// Bold is Text in bold.
func (s *Scene) Bold(at Point, words string, size float64, color Color, anchor Anchor) {
	s.shapes = append(s.shapes, shape{text: &text{at, words, size, anchor, true}, style: Style{Fill: color}})
}
