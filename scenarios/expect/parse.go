package expect

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

// token is a word, a name, a sign or a value of the text.
type token struct {
	text string
	at   int // byte offset
}

// lex splits text. Signs stand alone; everything else runs to the next sign or space.
func lex(text string) []token {
	var tokens []token
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case unicode.IsSpace(rune(c)):
			i++
		case strings.ContainsRune("(){},", rune(c)):
			tokens = append(tokens, token{string(c), i})
			i++
		case strings.ContainsRune("<>=!", rune(c)):
			n := 1
			if i+1 < len(text) && text[i+1] == '=' {
				n = 2
			}
			tokens = append(tokens, token{text[i : i+n], i})
			i += n
		default:
			end := i
			for end < len(text) && !unicode.IsSpace(rune(text[end])) && !strings.ContainsRune("(){},<>=!", rune(text[end])) {
				end++
			}
			tokens = append(tokens, token{text[i:end], i})
			i = end
		}
	}
	return tokens
}

// maxText bounds what is compiled.
const maxText = 1000

type parser struct {
	tokens []token
	next   int
}

func (p *parser) peek() string {
	if p.next < len(p.tokens) {
		return p.tokens[p.next].text
	}
	return ""
}

func (p *parser) take() string {
	t := p.peek()
	p.next++
	return t
}

func (p *parser) expect(what string) error {
	if got := p.take(); got != what {
		return fmt.Errorf("expected %q, found %s", what, shown(got))
	}
	return nil
}

func shown(token string) string {
	if token == "" {
		return "the end"
	}
	return fmt.Sprintf("%q", token)
}

var comparisons = []string{"<", "<=", ">", ">=", "==", "!="}

func parse(text string, condition bool) (Expectation, error) {
	if len(text) > maxText {
		return Expectation{}, fmt.Errorf("longer than %d bytes", maxText)
	}
	p := &parser{tokens: lex(text)}
	c, err := p.call()
	if err != nil {
		return Expectation{}, err
	}
	e := Expectation{text: strings.TrimSpace(text), call: c}
	if e.op = p.take(); !slices.Contains(comparisons, e.op) {
		return Expectation{}, fmt.Errorf("expected a comparison (%s), found %s", strings.Join(comparisons, " "), shown(e.op))
	}
	if p.peek() == "" {
		return Expectation{}, fmt.Errorf("expected a value after %q", e.op)
	}
	if e.bound, err = parseValue(p.take(), c.dimension()); err != nil {
		return Expectation{}, err
	}
	if e.window, err = p.window(condition); err != nil {
		return Expectation{}, err
	}
	if p.peek() != "" {
		return Expectation{}, fmt.Errorf("unexpected %s at the end", shown(p.peek()))
	}
	return e, nil
}

// call reads METRIC, METRIC{label=value,...} or FUNCTION(METRIC{...}).
func (p *parser) call() (call, error) {
	name := p.take()
	function := ""
	if p.peek() == "(" {
		if !slices.Contains(functions, name) {
			return call{}, fmt.Errorf("unknown function %s: there are %s", shown(name), strings.Join(functions, ", "))
		}
		function = name
		p.take()
		name = p.take()
	}
	m, err := lookupMetric(name)
	if err != nil {
		return call{}, err
	}
	c := call{function: function, metric: m, labels: map[string]string{}}
	if p.peek() == "{" {
		if err := p.labels(&c); err != nil {
			return call{}, err
		}
	}
	for _, needed := range m.needs {
		if c.labels[needed] == "" {
			return call{}, fmt.Errorf("%s needs the label %s, such as %s{%s=%s}", m.name, needed, m.name, needed, neededExamples[needed])
		}
	}
	if m.check != nil {
		if err := m.check(c.labels); err != nil {
			return call{}, err
		}
	}
	if function != "" {
		if err := p.expect(")"); err != nil {
			return call{}, err
		}
	}
	if function == "increase" && !m.counter {
		return call{}, fmt.Errorf("increase() wants a figure that only grows, and %s may fall", m.name)
	}
	return c, nil
}

func (p *parser) labels(c *call) error {
	p.take()
	for {
		name := p.take()
		if !slices.Contains(c.metric.labels, name) {
			return fmt.Errorf("%s has no label %s: it has %s", c.metric.name, shown(name), strings.Join(c.metric.labels, ", "))
		}
		if err := p.expect("="); err != nil {
			return err
		}
		value := strings.Trim(p.take(), `"'`)
		if value == "" || strings.ContainsAny(value, "(){},<>=!") {
			return fmt.Errorf("label %s needs a value", name)
		}
		c.labels[name] = value
		switch got := p.take(); got {
		case "}":
			return nil
		case ",":
		default:
			return fmt.Errorf("expected %q or %q after the label, found %s", ",", "}", shown(got))
		}
	}
}

func (p *parser) name(what string) (string, error) {
	name := p.take()
	if name == "" || strings.ContainsAny(name, "(){},<>=!") {
		return "", fmt.Errorf("expected %s, found %s", what, shown(name))
	}
	return name, nil
}

func (p *parser) duration() (time.Duration, error) {
	text := p.take()
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("expected a duration such as 5s, found %s", shown(text))
	}
	return d, nil
}

func (p *parser) window(condition bool) (w window, err error) {
	switch word := p.take(); {
	case word == "":
		if condition {
			w.kind = sustained
		}
		return w, nil
	case condition && word == "for":
		w.kind = sustained
		w.within, err = p.duration()
		return w, err
	case condition:
		return w, fmt.Errorf("unexpected %s: a condition may end in `for DURATION`", shown(word))
	case word == "during":
		w.kind = during
		w.from, err = p.name("a phase")
		return w, err
	case word == "after":
		w.kind = after
		if w.from, err = p.name("a step"); err != nil || p.peek() != "within" {
			return w, err
		}
		p.take()
		w.within, err = p.duration()
		return w, err
	case word == "between":
		w.kind = between
		if w.from, err = p.name("a step"); err != nil {
			return w, err
		}
		if err = p.expect("and"); err != nil {
			return w, err
		}
		w.to, err = p.name("a step")
		return w, err
	default:
		return w, fmt.Errorf("unexpected %s: a window begins with during, after or between", shown(word))
	}
}

// Marks are the names of phases and steps that the expectation refers to, so that a scenario can be checked before it runs.
func (e Expectation) Marks() (phase string, steps []string) {
	switch e.window.kind {
	case during:
		return e.window.from, nil
	case after:
		return "", []string{e.window.from}
	case between:
		return "", []string{e.window.from, e.window.to}
	default:
		return "", nil
	}
}
