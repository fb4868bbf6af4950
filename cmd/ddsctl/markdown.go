package main

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

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
	set, err := renderer.Render(unwrapItems(text))
	if err != nil {
		return fmt.Errorf("set the text for the terminal: %w", err)
	}
	_, err = io.WriteString(a.stdout, set)
	return err
}

var (
	listItem     = regexp.MustCompile(`^\s*([-*+]|\d+[.)])\s+\S`)
	continuation = regexp.MustCompile(`^\s+\S`)
)

// unwrapItems puts each item of a list on one line: the renderer breaks items where their source does, whatever the terminal's width.
func unwrapItems(text string) string {
	var lines []string
	fenced, item := false, false
	for _, line := range strings.Split(text, "\n") {
		trimmed := strings.TrimSpace(line)
		if strings.HasPrefix(trimmed, "```") || strings.HasPrefix(trimmed, "~~~") {
			fenced, item = !fenced, false
		}
		switch {
		case fenced || trimmed == "":
			item = false
		case listItem.MatchString(line):
			item = true
		case item && continuation.MatchString(line) && !strings.HasPrefix(trimmed, "```"):
			lines[len(lines)-1] += " " + trimmed
			continue
		default:
			item = false
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
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
