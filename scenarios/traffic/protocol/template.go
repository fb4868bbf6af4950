package protocol

import (
	"strconv"
	"strings"
)

// template is a text with {key}, {number} and {value} in it.
type template []part

type part struct {
	literal []byte
	fill    byte // 0 for literal, else 'k', 'n' or 'v'
}

func newTemplate(text string) template {
	var t template
	for text != "" {
		at, name, fill := len(text), "", byte(0)
		for _, p := range []struct {
			name string
			fill byte
		}{{"{key}", 'k'}, {"{number}", 'n'}, {"{value}", 'v'}} {
			if i := strings.Index(text, p.name); i >= 0 && i < at {
				at, name, fill = i, p.name, p.fill
			}
		}
		if at > 0 {
			t = append(t, part{literal: []byte(text[:at])})
		}
		if fill != 0 {
			t = append(t, part{fill: fill})
		}
		text = text[at+len(name):]
	}
	return t
}

// fixed says that the text is the same for all requests.
func (t template) fixed() bool { return len(t) == 0 || len(t) == 1 && t[0].fill == 0 }

// append appends the text for a request to b.
func (t template) append(b []byte, r *Request) []byte {
	for i := range t {
		switch t[i].fill {
		case 0:
			b = append(b, t[i].literal...)
		case 'k':
			b = append(b, r.Key...)
		case 'n':
			b = strconv.AppendUint(b, r.Number, 10)
		case 'v':
			b = append(b, r.Value...)
		}
	}
	return b
}

// appendEscaped is append with what fills the gaps escaped for a URL's path or query.
func (t template) appendEscaped(b []byte, r *Request) []byte {
	for i := range t {
		switch t[i].fill {
		case 0:
			b = append(b, t[i].literal...)
		case 'k':
			b = appendEscaped(b, r.Key)
		case 'n':
			b = strconv.AppendUint(b, r.Number, 10)
		case 'v':
			b = appendEscaped(b, r.Value)
		}
	}
	return b
}

// size is the length of what append appends.
func (t template) size(r *Request) int {
	n := 0
	for i := range t {
		switch t[i].fill {
		case 0:
			n += len(t[i].literal)
		case 'k':
			n += len(r.Key)
		case 'n':
			n += digits(r.Number)
		case 'v':
			n += len(r.Value)
		}
	}
	return n
}

func digits(n uint64) int {
	count := 1
	for ; n >= 10; n /= 10 {
		count++
	}
	return count
}

func appendEscaped(b, text []byte) []byte {
	const hex = "0123456789ABCDEF"
	for _, c := range text {
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.' || c == '~' || c == ':' {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return b
}
