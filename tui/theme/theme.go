// Package theme says how the dashboard's inks and symbols look: on a dark or a light terminal, without colours, and with
// nothing but ASCII. What a colour says is always said by a symbol or a word too.
package theme

import (
	"fmt"
	"strconv"

	"github.com/ddsctl/ddsctl/tui/cell"
)

// Theme is one look.
type Theme struct {
	Name    string
	Palette cell.Palette
	// Colors are the inks in RGB, for pictures; Paper and Pen are the terminal's own colours there.
	Colors     [cell.Inks]RGB
	Paper, Pen RGB
	// Braille says that charts may be drawn with dots; else they are made of blocks, and with ASCII of letters.
	Braille bool
	ASCII   bool
	Dark    bool
	NoColor bool
}

// RGB is a colour; Set is false for the terminal's own.
type RGB struct {
	R, G, B uint8
	Set     bool
}

func hex(text string) RGB {
	n, err := strconv.ParseUint(text, 16, 32)
	if err != nil || len(text) != 6 {
		panic(fmt.Sprintf("theme: %q is not a colour", text))
	}
	return RGB{uint8(n >> 16), uint8(n >> 8), uint8(n), true}
}

// Options choose a look.
type Options struct {
	Light   bool
	NoColor bool
	ASCII   bool
}

// New gives the theme for a terminal.
func New(o Options) *Theme {
	t := &Theme{Name: "dark", Dark: true, Braille: true, Paper: hex("14161b"), Pen: hex("d5d9e3")}
	colors := dark()
	if o.Light {
		t.Name, t.Dark, t.Paper, t.Pen = "light", false, hex("fbfbf9"), hex("23262e")
		colors = light()
	}
	for ink, text := range colors {
		t.Colors[ink] = hex(text)
	}
	if o.NoColor {
		t.Name, t.NoColor = "none", true
		t.withoutColors()
	} else {
		for ink, c := range t.Colors {
			if c.Set {
				t.Palette.FG[ink] = fmt.Sprintf("38;2;%d;%d;%d", c.R, c.G, c.B)
				t.Palette.BG[ink] = fmt.Sprintf("48;2;%d;%d;%d", c.R, c.G, c.B)
			}
		}
	}
	if o.ASCII {
		t.Name += "-ascii"
		t.ASCII, t.Braille, t.Palette.ASCII = true, false, true
	}
	return t
}

// withoutColors says with attributes what matters most.
func (t *Theme) withoutColors() {
	t.Colors = [cell.Inks]RGB{}
	t.Palette.FGAttr[cell.Bad] = cell.Bold
	t.Palette.FGAttr[cell.Warn] = cell.Bold
	t.Palette.FGAttr[cell.Focus] = cell.Bold
	t.Palette.BGAttr[cell.Chosen] = cell.Reverse
	t.Palette.BGAttr[cell.Banner] = cell.Reverse
}

func dark() map[cell.Ink]string {
	return map[cell.Ink]string{
		cell.Dim: "98a0b3", cell.Faint: "565d6d", cell.Border: "3d4454", cell.Focus: "7cb7ff", cell.Title: "e4e8f1",
		cell.Accent: "7cb7ff", cell.Good: "86d992", cell.Warn: "f0c04c", cell.Bad: "ff7b85", cell.Info: "6fd3e3",
		cell.Role: "c9a5ff", cell.First: "5cc8f2", cell.Second: "f0a35e", cell.Third: "d58cf0",
		cell.Under: "23566b", cell.Wound: "8a343f",
		cell.Shadow: "2a303c", cell.Chosen: "29405f", cell.Banner: "1e232d", cell.Band: "43232b",
		cell.Heat0: "20304a", cell.Heat0 + 1: "22507a", cell.Heat0 + 2: "2a7a94", cell.Heat0 + 3: "3fa287",
		cell.Heat0 + 4: "7fb356", cell.Heat0 + 5: "bdb545", cell.Heat0 + 6: "f0c552", cell.Heat0 + 7: "fff3c4",
	}
}

func light() map[cell.Ink]string {
	return map[cell.Ink]string{
		cell.Dim: "5a6270", cell.Faint: "9aa1ae", cell.Border: "c0c5cf", cell.Focus: "1c5fc4", cell.Title: "14171d",
		cell.Accent: "1c5fc4", cell.Good: "1f7a35", cell.Warn: "8f5f00", cell.Bad: "c01f30", cell.Info: "0a6e80",
		cell.Role: "7238b8", cell.First: "0b6fa6", cell.Second: "a85000", cell.Third: "8a2fa8",
		cell.Under: "a5d3ea", cell.Wound: "eb9aa2",
		cell.Shadow: "e4e6ea", cell.Chosen: "cfe2fb", cell.Banner: "eceef1", cell.Band: "fbdfe1",
		cell.Heat0: "e6edf5", cell.Heat0 + 1: "c3dbe8", cell.Heat0 + 2: "93c3c9", cell.Heat0 + 3: "6fae8f",
		cell.Heat0 + 4: "8f9f2f", cell.Heat0 + 5: "b98412", cell.Heat0 + 6: "b24f12", cell.Heat0 + 7: "7d1128",
	}
}
