package picture

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/gomonobold"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"

	"github.com/ddsctl/ddsctl/tui/cell"
	"github.com/ddsctl/ddsctl/tui/theme"
)

// scale is the width of a cell in a PNG's pixels.
const scale = 12

type painter struct {
	img           *image.RGBA
	regular, bold font.Face
	raster        *vector.Rasterizer
	mask          *image.Alpha
}

// PNG writes the canvas as a picture of 12 by 24 pixels a cell.
func PNG(w io.Writer, c *cell.Canvas, t *theme.Theme) error {
	columns, rows := c.Size()
	p := &painter{img: image.NewRGBA(image.Rect(0, 0, max(columns, 1)*scale, max(rows, 1)*2*scale)), raster: vector.NewRasterizer(2*scale, 3*scale),
		mask: image.NewAlpha(image.Rect(0, 0, 2*scale, 3*scale))}
	var err error
	if p.regular, err = face(gomono.TTF); err != nil {
		return err
	}
	if p.bold, err = face(gomonobold.TTF); err != nil {
		return err
	}
	draw.Draw(p.img, p.img.Bounds(), image.NewUniform(solid(t.Paper)), image.Point{}, draw.Src)
	for y := range rows {
		for x := range columns {
			if _, paper, _, _ := look(t, c.At(x, y).Style); paper.Set {
				draw.Draw(p.img, image.Rect(x*scale, y*2*scale, (x+1)*scale, (y+1)*2*scale), image.NewUniform(solid(paper)), image.Point{}, draw.Src)
			}
		}
	}
	for y := range rows {
		for x := range columns {
			p.cell(c.At(x, y), t, x, y)
		}
	}
	return png.Encode(w, p.img)
}

func face(ttf []byte) (font.Face, error) {
	f, err := opentype.Parse(ttf)
	if err != nil {
		return nil, fmt.Errorf("read the font: %w", err)
	}
	return opentype.NewFace(f, &opentype.FaceOptions{Size: scale / 0.6, DPI: 72, Hinting: font.HintingFull})
}

func solid(c theme.RGB) color.RGBA { return color.RGBA{c.R, c.G, c.B, 255} }

func (p *painter) cell(k cell.Cell, t *theme.Theme, x, y int) {
	r := shown(t, k)
	pen, _, bold, underline := look(t, k.Style)
	if underline {
		draw.Draw(p.img, image.Rect(x*scale, y*2*scale+2*scale-3, (x+1)*scale, y*2*scale+2*scale-1), image.NewUniform(solid(pen)), image.Point{}, draw.Src)
	}
	if r == ' ' || r == cell.Continued {
		return
	}
	if shapes, ok := shapesOf(r); ok {
		for _, s := range shapes {
			p.fill(s, pen, x, y)
		}
		return
	}
	f := p.regular
	if bold {
		f = p.bold
	}
	d := font.Drawer{Dst: p.img, Src: image.NewUniform(solid(pen)), Face: f, Dot: fixed.P(x*scale, y*2*scale+scale*3/2+1)}
	d.DrawString(string(r))
}

func (p *painter) fill(s shape, pen theme.RGB, x, y int) {
	p.raster.Reset(2*scale, 3*scale) // a margin: symbols may reach over their cell
	for i, q := range s.points {
		px, py := float32(q.x*scale+scale/2), float32(q.y*scale+scale/2)
		if i == 0 {
			p.raster.MoveTo(px, py)
		} else {
			p.raster.LineTo(px, py)
		}
	}
	p.raster.ClosePath()
	alpha := uint8(255 * s.opacity)
	src := image.NewUniform(color.NRGBA{pen.R, pen.G, pen.B, alpha})
	at := image.Rect(x*scale-scale/2, y*2*scale-scale/2, x*scale-scale/2+2*scale, y*2*scale-scale/2+3*scale)
	clear(p.mask.Pix)
	p.raster.Draw(p.mask, p.mask.Bounds(), image.Opaque, image.Point{})
	draw.DrawMask(p.img, at, src, image.Point{}, p.mask, image.Point{}, draw.Over) // clips at the picture's edges
}
