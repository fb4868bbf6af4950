package main

import (
	"fmt"
	"io"
	"os"

	"charm.land/glamour/v2"
	"charm.land/glamour/v2/styles"
	"charm.land/lipgloss/v2"
)

// readable is the widest that running text is set: longer lines are hard to read.
const readable = 100

// markdown prints a Markdown text: set for the terminal, or as it is where nobody looks at it.
func (a *app) markdown(text string) error {
	if _, ok := terminalFile(a.stdout); !ok {
		_, err := io.WriteString(a.stdout, text)
		return err
	}
	style := styles.NoTTYStyle
	switch {
	case a.ascii():
		style = styles.AsciiStyle
	case a.color(a.stdout):
		style = styles.DarkStyle
		if !a.darkBackground() {
			style = styles.LightStyle
		}
	}
	renderer, err := glamour.NewTermRenderer(glamour.WithStandardStyle(style), glamour.WithWordWrap(min(a.width(a.stdout), readable)))
	if err != nil {
		return fmt.Errorf("set the text for the terminal: %w", err)
	}
	set, err := renderer.Render(text)
	if err != nil {
		return fmt.Errorf("set the text for the terminal: %w", err)
	}
	_, err = io.WriteString(a.stdout, set)
	return err
}

// darkBackground asks the terminal for its background; dark where it does not say.
func (a *app) darkBackground() bool {
	in, ok := terminalFile(a.stdin)
	out, okOut := terminalFile(a.stdout)
	if !ok || !okOut || os.Getenv("GLAMOUR_STYLE") == styles.LightStyle {
		return os.Getenv("GLAMOUR_STYLE") != styles.LightStyle
	}
	return lipgloss.HasDarkBackground(in, out)
}
