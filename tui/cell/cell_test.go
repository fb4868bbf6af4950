package cell_test

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ddsctl/ddsctl/tui/cell"
)

var plain = &cell.Palette{Plain: true}

func TestStrokesMergeIntoOneCharacter(t *testing.T) {
	c := cell.New(5, 3)
	r := c.All()
	for x := range 5 {
		r.Stroke(x, 1, cell.Arm(cell.East, cell.Light)|cell.Arm(cell.West, cell.Light), cell.Style{}, false)
	}
	r.Stroke(2, 0, cell.Arm(cell.South, cell.Heavy), cell.Style{}, false)
	r.Stroke(2, 1, cell.Arm(cell.North, cell.Heavy), cell.Style{}, false)
	require.Equal(t, "  ╻\n──┸──\n", c.Encode(plain))
}

func TestDashedStrokesGiveWayToDrawnOnes(t *testing.T) {
	c := cell.New(3, 1)
	r := c.All()
	across := func(w cell.Weight) cell.Arms { return cell.Arm(cell.East, w) | cell.Arm(cell.West, w) }
	r.Stroke(0, 0, across(cell.Dashed), cell.Style{}, false)
	r.Stroke(1, 0, across(cell.Dashed), cell.Style{}, false)
	r.Stroke(1, 0, across(cell.Light), cell.Style{}, false)
	require.Equal(t, "╌─", c.Encode(plain))
}

func TestEveryCombinationOfArmsHasACharacterThatIsTakenApartAgain(t *testing.T) {
	for i := 1; i < 256; i++ {
		arms := cell.Arms(i)
		r := arms.Rune()
		require.NotEqual(t, ' ', r, "%08b", i)
		require.NotZero(t, r, "%08b", i)
		back, ok := cell.ArmsOf(r)
		require.True(t, ok, "%c", r)
		require.Equal(t, arms.Shape(cell.Light), back.Shape(cell.Light), "%c", r)
	}
}

func TestTextIsCutWithAnEllipsisAndCleaned(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"redis-1", "redis-1"},
		{"a long name", "a long…"},
		{"\x1b[31mred\x1b[0m", "red"},
		{"\x1b]0;title\x07ok", "ok"},
		{"a\tb\r\nc", "a  b c"},
		{"日本語です", "日本語…"},
		{"bell\x07", "bell"},
		{"e\u0301a", "ea"},
		{"bad\xff", "bad�"},
	} {
		canvas := cell.New(20, 1)
		canvas.All().Text(0, 0, c.text, cell.Style{}, 7)
		require.Equal(t, c.want, canvas.Encode(plain), "%q", c.text)
	}
}

func TestASCIICanvasesHoldNothingElse(t *testing.T) {
	c := cell.New(8, 3)
	c.All().Box(0, 0, 8, 3, cell.Light, cell.Style{})
	c.All().Text(1, 1, "●▶日é", cell.Style{}, 6)
	require.Equal(t, "+------+\n|*>???"+" |\n+------+", c.Encode(&cell.Palette{Plain: true, ASCII: true}))
}

func TestNothingIsDrawnOutsideARegion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := cell.New(rapid.IntRange(0, 30).Draw(t, "w"), rapid.IntRange(0, 10).Draw(t, "h"))
		w, h := c.Size()
		r := c.All().Sub(rapid.IntRange(-5, 35).Draw(t, "x"), rapid.IntRange(-5, 12).Draw(t, "y"), rapid.IntRange(-3, 40).Draw(t, "rw"), rapid.IntRange(-3, 12).Draw(t, "rh"))
		for range 6 {
			x, y := rapid.IntRange(-10, 40).Draw(t, "tx"), rapid.IntRange(-3, 12).Draw(t, "ty")
			r.Text(x, y, rapid.String().Draw(t, "text"), cell.In(cell.Good), rapid.IntRange(-2, 50).Draw(t, "limit"))
			r.Text(x, y, rapid.StringMatching(`[日本a한]{0,12}`).Draw(t, "wide"), cell.In(cell.Good), 50)
		}
		r.Box(-1, -1, 30, 8, cell.Heavy, cell.Style{})
		place := r.Place()
		for y := range h {
			for x := range w {
				if c.At(x, y).Shown() != ' ' && c.At(x, y).Rune != cell.Continued {
					require.True(t, place.Contains(x, y), "%d,%d", x, y)
				}
			}
		}
		lines := strings.Split(c.Encode(&cell.Palette{}), "\n")
		require.LessOrEqual(t, len(lines), max(h, 1))
		for _, line := range lines {
			require.LessOrEqual(t, ansi.StringWidth(line), w, "%q", line)
		}
	})
}
