package picture_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/tui/cell"
	"github.com/ddsctl/ddsctl/tui/picture"
	"github.com/ddsctl/ddsctl/tui/theme"
)

func drawing() *cell.Canvas {
	c := cell.New(30, 6)
	r := c.All().Panel("a <b> & c", "right", true)
	r.Text(0, 0, "● ▶ ★ ↯ ⣿ ▄ ░ words 日本", cell.In(cell.Good), 28)
	for x := range 28 {
		r.Stroke(x, 2, cell.Arm(cell.East, cell.Light)|cell.Arm(cell.West, cell.Light), cell.In(cell.Bad), true)
	}
	r.Tint(3, 1, 5, 2, cell.Band)
	return c
}

func looks() []*theme.Theme {
	return []*theme.Theme{theme.New(theme.Options{}), theme.New(theme.Options{Light: true}), theme.New(theme.Options{NoColor: true, ASCII: true})}
}

func TestAnSVGIsWellFormedAndHoldsTheWords(t *testing.T) {
	for _, look := range looks() {
		var out bytes.Buffer
		require.NoError(t, picture.SVG(&out, drawing(), look, "title <1>"))
		var words strings.Builder
		d := xml.NewDecoder(&out)
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			if text, ok := token.(xml.CharData); ok {
				words.Write(text)
			}
		}
		require.Contains(t, words.String(), "title <1>")
		for _, word := range []string{"<b>", "&", "words", "right"} {
			require.Contains(t, words.String(), word)
		}
	}
}

func TestAPNGHasTheSizeOfItsCells(t *testing.T) {
	for _, look := range looks() {
		var out bytes.Buffer
		require.NoError(t, picture.PNG(&out, drawing(), look))
		img, err := png.Decode(&out)
		require.NoError(t, err)
		require.Equal(t, 30*12, img.Bounds().Dx())
		require.Equal(t, 6*24, img.Bounds().Dy())
	}
}

func TestALineHasNoGapsBetweenItsCells(t *testing.T) {
	look := theme.New(theme.Options{})
	var out bytes.Buffer
	require.NoError(t, picture.PNG(&out, drawing(), look))
	img, err := png.Decode(&out)
	require.NoError(t, err)
	want := look.Colors[cell.Bad]
	y := 3*24 + 12 // the stroke's row lies one below the panel's edge and two further
	for x := 2 * 12; x < 26*12; x++ {
		r, g, b, _ := img.At(x, y).RGBA()
		require.Equal(t, []uint32{uint32(want.R), uint32(want.G), uint32(want.B)}, []uint32{r >> 8, g >> 8, b >> 8}, "at column %d", x)
	}
}

func TestAnEmptyCanvasIsAPictureToo(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, picture.PNG(&out, cell.New(0, 0), theme.New(theme.Options{})))
	require.NoError(t, picture.SVG(&out, cell.New(0, 0), theme.New(theme.Options{}), ""))
}
