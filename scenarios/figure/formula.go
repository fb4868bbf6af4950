package figure

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
)

// Formula is a function of x: numbers, x, + - * / ^, parentheses, exp, ln, sqrt, min and max. ^ binds strongest and from the right, so that
// -x^2 is -(x^2).
type Formula struct {
	text string
	eval func(x float64) float64
}

// String is the text that was compiled.
func (f Formula) String() string { return f.text }

// At is the formula's value at x; it may be infinite or not a number.
func (f Formula) At(x float64) float64 { return f.eval(x) }

const (
	maxFormula = 500
	maxDepth   = 100
)

// Compile reads a formula.
func Compile(text string) (Formula, error) {
	fail := func(err error) (Formula, error) { return Formula{}, fmt.Errorf("formula %q: %w", text, err) }
	if len(text) > maxFormula {
		return Formula{}, fmt.Errorf("formula: longer than %d bytes", maxFormula)
	}
	p := &parser{text: text}
	eval, err := p.sum()
	if err != nil {
		return fail(err)
	}
	if c := p.peek(); c != 0 {
		return fail(fmt.Errorf("unexpected %q", string(c)))
	}
	return Formula{text, eval}, nil
}

type function = func(x float64) float64

type parser struct {
	text  string
	at    int
	depth int
}

// peek is the next byte that is no space, or 0 at the end.
func (p *parser) peek() byte {
	for p.at < len(p.text) && p.text[p.at] == ' ' {
		p.at++
	}
	if p.at == len(p.text) {
		return 0
	}
	return p.text[p.at]
}

func (p *parser) take(c byte) bool {
	if p.peek() != c {
		return false
	}
	p.at++
	return true
}

// chain reads operands with operators of one strength between them, from the left.
func (p *parser) chain(operand func() (function, error), operators string) (function, error) {
	left, err := operand()
	for err == nil {
		c := p.peek()
		if c == 0 || strings.IndexByte(operators, c) < 0 {
			return left, nil
		}
		p.at++
		var right function
		if right, err = operand(); err == nil {
			left = binary(c, left, right)
		}
	}
	return nil, err
}

func binary(operator byte, a, b function) function {
	switch operator {
	case '+':
		return func(x float64) float64 { return a(x) + b(x) }
	case '-':
		return func(x float64) float64 { return a(x) - b(x) }
	case '*':
		return func(x float64) float64 { return a(x) * b(x) }
	case '/':
		return func(x float64) float64 { return a(x) / b(x) }
	default:
		return func(x float64) float64 { return math.Pow(a(x), b(x)) }
	}
}

func (p *parser) sum() (function, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, errors.New("too deep")
	}
	defer func() { p.depth-- }()
	return p.chain(p.product, "+-")
}

func (p *parser) product() (function, error) { return p.chain(p.signed, "*/") }

func (p *parser) signed() (function, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, errors.New("too deep")
	}
	defer func() { p.depth-- }()
	if p.take('-') {
		a, err := p.signed()
		if err != nil {
			return nil, err
		}
		return func(x float64) float64 { return -a(x) }, nil
	}
	base, err := p.operand()
	if err != nil || !p.take('^') {
		return base, err
	}
	power, err := p.signed()
	if err != nil {
		return nil, err
	}
	return binary('^', base, power), nil
}

func (p *parser) operand() (function, error) {
	switch c := p.peek(); {
	case c == 0:
		return nil, errors.New("unexpected end")
	case c == '(':
		p.at++
		inner, err := p.sum()
		if err == nil && !p.take(')') {
			err = errors.New("a parenthesis is not closed")
		}
		return inner, err
	case c >= '0' && c <= '9' || c == '.':
		return p.number()
	case unicode.IsLetter(rune(c)):
		return p.word()
	default:
		return nil, fmt.Errorf("unexpected %q", string(c))
	}
}

func (p *parser) run(of func(byte) bool) string {
	from := p.at
	for p.at < len(p.text) && of(p.text[p.at]) {
		p.at++
	}
	return p.text[from:p.at]
}

func (p *parser) number() (function, error) {
	text := p.run(func(c byte) bool { return c >= '0' && c <= '9' || c == '.' })
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, fmt.Errorf("%q is not a number", text)
	}
	return func(float64) float64 { return n }, nil
}

func (p *parser) word() (function, error) {
	name := p.run(func(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' })
	if name == "x" {
		return func(x float64) float64 { return x }, nil
	}
	one := map[string]func(float64) float64{"exp": math.Exp, "ln": math.Log, "sqrt": math.Sqrt}[name]
	two := map[string]func(a, b float64) float64{"min": math.Min, "max": math.Max}[name]
	if one == nil && two == nil {
		return nil, fmt.Errorf("unknown word %q: there are x, exp, ln, sqrt, min and max", name)
	}
	if !p.take('(') {
		return nil, fmt.Errorf("%s wants a parenthesis", name)
	}
	a, err := p.sum()
	if err != nil {
		return nil, err
	}
	b := a
	if two != nil {
		if !p.take(',') {
			return nil, fmt.Errorf("%s wants two values with a comma between them", name)
		}
		if b, err = p.sum(); err != nil {
			return nil, err
		}
	}
	if !p.take(')') {
		return nil, errors.New("a parenthesis is not closed")
	}
	if one != nil {
		return func(x float64) float64 { return one(a(x)) }, nil
	}
	return func(x float64) float64 { return two(a(x), b(x)) }, nil
}
