package theme_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/tui/cell"
	"github.com/ddsctl/ddsctl/tui/theme"
)

// contrast is the ratio of https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio.
func contrast(a, b theme.RGB) float64 {
	la, lb := luminance(a), luminance(b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

func luminance(c theme.RGB) float64 {
	linear := func(v uint8) float64 {
		s := float64(v) / 255
		if s <= 0.04045 {
			return s / 12.92
		}
		return math.Pow((s+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c.R) + 0.7152*linear(c.G) + 0.0722*linear(c.B)
}

func TestWordsCanBeReadOnEveryBackground(t *testing.T) {
	words := []cell.Ink{cell.Dim, cell.Focus, cell.Title, cell.Accent, cell.Good, cell.Warn, cell.Bad, cell.Info, cell.Role, cell.First, cell.Second, cell.Third}
	for _, look := range []*theme.Theme{theme.New(theme.Options{}), theme.New(theme.Options{Light: true})} {
		papers := map[string]theme.RGB{"paper": look.Paper, "banner": look.Colors[cell.Banner], "chosen": look.Colors[cell.Chosen], "band": look.Colors[cell.Band]}
		for name, paper := range papers {
			for _, ink := range words {
				least := 4.5
				if name == "chosen" || name == "band" {
					least = 3.5 // a few bold words
				}
				require.GreaterOrEqual(t, contrast(look.Colors[ink], paper), least, "%s: ink %d on %s", look.Name, ink, name)
			}
		}
	}
}

func TestHeatGrowsTowardsTheContrast(t *testing.T) {
	for _, look := range []*theme.Theme{theme.New(theme.Options{}), theme.New(theme.Options{Light: true})} {
		before := 1.0
		for ink := cell.Heat0; ink < cell.Heat0+cell.HeatShades; ink++ {
			now := contrast(look.Colors[ink], look.Paper)
			require.Greater(t, now, before, "%s: shade %d can be told from the one before without seeing its hue", look.Name, ink-cell.Heat0)
			before = now
		}
	}
}

func TestWithoutColoursNoColourIsSent(t *testing.T) {
	look := theme.New(theme.Options{NoColor: true})
	canvas := cell.New(40, 1)
	for ink := range cell.Inks {
		canvas.All().Set(ink, 0, 'x', cell.Style{FG: cell.Ink(ink), BG: cell.Ink(ink)})
	}
	require.NotRegexp(t, `\x1b\[[0-9;]*(3[0-9]|4[0-9]|9[0-9]|10[0-9])[;m]`, canvas.Encode(&look.Palette))
}
