package manifest

import (
	"strings"
)

// longest is how long a label of the domain name system may be.
const longest = 63

// label makes a name that may be a label of the domain name system: of small letters, digits and hyphens, beginning with a letter.
func label(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-':
			b.WriteRune(r)
		default:
			b.WriteByte('-')
		}
	}
	text := b.String()
	if text == "" || text[0] < 'a' || text[0] > 'z' {
		text = "x" + text
	}
	return strings.TrimRight(text[:min(len(text), longest)], "-")
}

// unexpanded keeps Kubernetes from reading $(NAME) as a variable.
func unexpanded(text string) string { return strings.ReplaceAll(text, "$(", "$$(") }

func allUnexpanded(words []string) []string {
	out := make([]string, len(words))
	for i, word := range words {
		out[i] = unexpanded(word)
	}
	return out
}
