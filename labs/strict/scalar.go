package strict

import (
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"

	"github.com/ddsctl/ddsctl/labs/nearest"
)

// textOf is a scalar as it was written, and false for what is no scalar.
func textOf(node ast.Node) (string, bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return strings.TrimSpace(node.GetToken().Value), true
	case *ast.MappingKeyNode:
		return textOf(n.Value)
	}
	return "", false
}

// kindOf names what stands in the file, for messages.
func kindOf(node ast.Node) string {
	switch n := node.(type) {
	case *ast.StringNode, *ast.LiteralNode:
		text, _ := textOf(n)
		if runes := []rune(text); len(runes) > 30 {
			text = string(runes[:29]) + "…"
		}
		return "the text " + strconv.Quote(text)
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		text, _ := textOf(n)
		return "the number " + text
	case *ast.BoolNode:
		text, _ := textOf(n)
		return text
	case *ast.SequenceNode:
		return "a list"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.NullNode:
		return "nothing"
	}
	return "something else"
}

func (d *decoder) mismatch(at place, path, want string, node ast.Node) {
	d.refuse(at, path, "%s must be %s, and is %s", Last(path), want, kindOf(node))
}

// scalar decodes numbers, truth values and texts. A number or a truth value where a text is wanted is taken as it is written.
func (d *decoder) scalar(at place, node ast.Node, to reflect.Value, path string) {
	switch to.Kind() {
	case reflect.String:
		text, ok := textOf(node)
		if !ok {
			d.mismatch(at, path, "text", node)
			return
		}
		if !utf8.ValidString(text) {
			d.refuse(at, path, "%s is not UTF-8", Last(path))
			return
		}
		to.SetString(text)
	case reflect.Bool:
		n, ok := node.(*ast.BoolNode)
		if !ok {
			d.mismatch(at, path, "true or false", node)
			return
		}
		to.SetBool(n.Value)
	case reflect.Float64:
		value, ok := floatOf(node)
		if !ok {
			d.mismatch(at, path, "a number", node)
			return
		}
		to.SetFloat(value)
	default:
		d.integer(at, node, to, path)
	}
}

func floatOf(node ast.Node) (float64, bool) {
	switch n := node.(type) {
	case *ast.FloatNode:
		return n.Value, !math.IsInf(n.Value, 0) && !math.IsNaN(n.Value)
	case *ast.IntegerNode:
		switch v := n.Value.(type) {
		case int64:
			return float64(v), true
		case uint64:
			return float64(v), true
		}
	}
	return 0, false
}

func (d *decoder) integer(at place, node ast.Node, to reflect.Value, path string) {
	n, ok := node.(*ast.IntegerNode)
	if !ok {
		d.mismatch(at, path, "a whole number", node)
		return
	}
	fits := false
	switch {
	case to.CanInt():
		value, ok := signed(n.Value)
		if fits = ok && !to.OverflowInt(value); fits {
			to.SetInt(value)
		}
	case to.CanUint():
		value, ok := unsigned(n.Value)
		if fits = ok && !to.OverflowUint(value); fits {
			to.SetUint(value)
		}
	}
	if !fits {
		text, _ := textOf(n)
		d.refuse(at, path, "%s is %s, which is out of range", Last(path), text)
	}
}

func signed(value any) (int64, bool) {
	switch v := value.(type) {
	case int64:
		return v, true
	case uint64:
		return int64(v), v <= math.MaxInt64
	}
	return 0, false
}

func unsigned(value any) (uint64, bool) {
	switch v := value.(type) {
	case int64:
		return uint64(v), v >= 0
	case uint64:
		return v, true
	}
	return 0, false
}

// bounds checks what the field's tag says of its value.
func (d *decoder) bounds(value reflect.Value, f field, path string) {
	var n float64
	switch {
	case value.CanInt():
		n = float64(value.Int())
	case value.CanUint():
		n = float64(value.Uint())
	case value.CanFloat():
		n = value.Float()
	case value.Kind() == reflect.String:
		d.textBounds(value.String(), f, path)
		return
	default:
		if f.required && value.Kind() == reflect.Slice && value.Len() == 0 {
			d.problems = append(d.problems, d.Problem(path, "%s is an empty list", f.name))
		}
		return
	}
	text := strconv.FormatFloat(n, 'f', -1, 64)
	switch {
	case len(f.enum) > 0 && !slices.Contains(f.enum, text):
		d.problems = append(d.problems, d.Problem(path, "%s is %s, and must be %s", f.name, text, strings.Join(f.enum, " or ")))
	case f.minimum != nil && n < *f.minimum && f.maximum != nil, f.maximum != nil && n > *f.maximum && f.minimum != nil:
		d.problems = append(d.problems, d.Problem(path, "%s is %s, and must be from %s to %s", f.name, text, Plain(*f.minimum), Plain(*f.maximum)))
	case f.minimum != nil && n < *f.minimum:
		d.problems = append(d.problems, d.Problem(path, "%s is %s, and must be at least %s", f.name, text, Plain(*f.minimum)))
	case f.maximum != nil && n > *f.maximum:
		d.problems = append(d.problems, d.Problem(path, "%s is %s, and must be at most %s", f.name, text, Plain(*f.maximum)))
	}
}

func (d *decoder) textBounds(text string, f field, path string) {
	switch {
	case len(f.enum) > 0 && !slices.Contains(f.enum, text):
		if near := nearest.Word(text, f.enum); near != "" {
			d.problems = append(d.problems, d.Problem(path, "%s is %q; did you mean %q?", f.name, text, near))
			return
		}
		d.problems = append(d.problems, d.Problem(path, "%s is %q, and must be one of %s", f.name, text, strings.Join(f.enum, ", ")))
	case len(strings.TrimSpace(text)) < f.length:
		d.problems = append(d.problems, d.Problem(path, "%s is empty", f.name))
	case f.pattern != nil && !f.pattern.MatchString(text):
		d.problems = append(d.problems, d.Problem(path, "%s is %q, which does not look like %s", f.name, text, f.pattern))
	}
}

// Plain writes a number without an exponent.
func Plain(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }
