package scene

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"
	"strconv"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// PNG writes the picture on white, with scale pixels for each of its own.
func (s *Scene) PNG(w io.Writer, scale float64) error {
	const largest = 1 << 14
	width, height := int(math.Ceil(s.Width*scale)), int(math.Ceil(s.Height*scale))
	if width < 1 || height < 1 || width > largest || height > largest {
		return fmt.Errorf("a picture of %d by %d pixels cannot be drawn", width, height)
	}
	p := painter{image: image.NewRGBA(image.Rect(0, 0, width, height)), scale: scale, faces: map[string]font.Face{}}
	draw.Draw(p.image, p.image.Bounds(), image.White, image.Point{}, draw.Src)
	for _, shape := range s.shapes {
		if err := p.paint(shape); err != nil {
			return err
		}
	}
	return png.Encode(w, p.image)
}

type painter struct {
	image *image.RGBA
	scale float64
	faces map[string]font.Face
}

func (p *painter) paint(s shape) error {
	switch {
	case s.text != nil:
		return p.write(s)
	case s.box != nil:
		b := s.box
		corners := []Point{{b.x, b.y}, {b.x + b.w, b.y}, {b.x + b.w, b.y + b.h}, {b.x, b.y + b.h}}
		p.polygon(corners, s.style.Fill, s.style)
		p.stroke(append(corners, corners[0]), s.style)
	default:
		points := s.points
		p.polygon(points, s.style.Fill, s.style)
		if s.closed {
			points = append(append([]Point(nil), points...), points[0])
		}
		p.stroke(points, s.style)
	}
	return nil
}

func (p *painter) polygon(points []Point, fill Color, style Style) {
	if fill == None || len(points) < 3 {
		return
	}
	// Only as large as the polygon: a rasterizer costs as much as its area.
	least, most := points[0], points[0]
	for _, q := range points {
		least, most = Point{min(least.X, q.X), min(least.Y, q.Y)}, Point{max(most.X, q.X), max(most.Y, q.Y)}
	}
	bounds := image.Rect(int(math.Floor(least.X*p.scale)), int(math.Floor(least.Y*p.scale)),
		int(math.Ceil(most.X*p.scale)), int(math.Ceil(most.Y*p.scale))).Intersect(p.image.Bounds())
	if bounds.Empty() {
		return
	}
	raster := vector.NewRasterizer(bounds.Dx(), bounds.Dy())
	for i, point := range points {
		x, y := float32(point.X*p.scale)-float32(bounds.Min.X), float32(point.Y*p.scale)-float32(bounds.Min.Y)
		if i == 0 {
			raster.MoveTo(x, y)
		} else {
			raster.LineTo(x, y)
		}
	}
	raster.ClosePath()
	raster.Draw(p.image, bounds, image.NewUniform(rgba(fill, style.Opacity)), image.Point{})
}

// stroke draws each piece of a line as a thin box.
func (p *painter) stroke(points []Point, style Style) {
	if style.Stroke == None {
		return
	}
	half := max(style.Width, 0.5) / 2
	for i := 1; i < len(points); i++ {
		a, b := points[i-1], points[i]
		length := math.Hypot(b.X-a.X, b.Y-a.Y)
		if length == 0 {
			continue
		}
		dx, dy := (b.X-a.X)/length, (b.Y-a.Y)/length
		pieces := []float64{0, length}
		if style.Dashed {
			pieces = nil
			for at := 0.0; at < length; at += 7 {
				pieces = append(pieces, at, min(at+4, length))
			}
		}
		for j := 0; j+1 < len(pieces); j += 2 {
			// A little longer than it is, so that pieces meet without a gap.
			from, to := pieces[j]-half/2, pieces[j+1]+half/2
			s, e := Point{a.X + dx*from, a.Y + dy*from}, Point{a.X + dx*to, a.Y + dy*to}
			p.polygon([]Point{
				{s.X - dy*half, s.Y + dx*half}, {e.X - dy*half, e.Y + dx*half}, {e.X + dy*half, e.Y - dx*half}, {s.X + dy*half, s.Y - dx*half},
			}, style.Stroke, style)
		}
	}
}

func (p *painter) write(s shape) error {
	face, err := p.face(s.text.size*p.scale, s.text.bold)
	if err != nil {
		return err
	}
	drawer := font.Drawer{Dst: p.image, Src: image.NewUniform(rgba(s.style.Fill, s.style.Opacity)), Face: face}
	x := s.text.at.X * p.scale
	width := float64(drawer.MeasureString(s.text.words)) / 64
	switch s.text.anchor {
	case Middle:
		x -= width / 2
	case End:
		x -= width
	}
	drawer.Dot = fixed.Point26_6{X: fixed.Int26_6(x * 64), Y: fixed.Int26_6(s.text.at.Y * p.scale * 64)}
	drawer.DrawString(s.text.words)
	return nil
}

func (p *painter) face(size float64, bold bool) (font.Face, error) {
	key := fmt.Sprint(size, bold)
	if face, ok := p.faces[key]; ok {
		return face, nil
	}
	data := goregular.TTF
	if bold {
		data = gobold.TTF
	}
	parsed, err := opentype.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("read the font: %w", err)
	}
	face, err := opentype.NewFace(parsed, &opentype.FaceOptions{Size: size, DPI: 72, Hinting: font.HintingNone})
	if err != nil {
		return nil, fmt.Errorf("make a font of %v points: %w", size, err)
	}
	p.faces[key] = face
	return face, nil
}

func rgba(c Color, opacity float64) color.NRGBA {
	n, err := strconv.ParseUint(hex[c][1:], 16, 32)
	if err != nil {
		panic("scene: the palette holds " + hex[c])
	}
	alpha := 255.0
	if opacity > 0 && opacity < 1 {
		alpha = 255 * opacity
	}
	return color.NRGBA{uint8(n >> 16), uint8(n >> 8), uint8(n), uint8(alpha)}
}
