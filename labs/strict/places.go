package strict

import (
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/ddsctl/ddsctl/labs/mark"
)

// place is where something stands in the file, and how wide it is.
type place struct{ line, column, width int }

// Places remembers where each key's value stands, so that what is found wrong later can be marked too.
type Places struct {
	source *mark.Source
	at     map[string]place // by path
}

// Problem marks a path. Where the path itself does not stand in the file, the nearest one around it is marked.
func (p *Places) Problem(path, format string, args ...any) mark.Problem {
	where := place{}
	for around := path; ; {
		if found, ok := p.at[around]; ok {
			where = found
			break
		}
		cut := strings.LastIndexAny(around, ".[")
		if cut < 0 {
			where = p.at[""]
			break
		}
		around = around[:cut]
	}
	problem := p.source.Problem(where.line, where.column, where.width, format, args...)
	problem.Field = path
	return problem
}

func (p *Places) mark(at place, path, format string, args ...any) mark.Problem {
	problem := p.source.Problem(at.line, at.column, at.width, format, args...)
	problem.Field = path
	return problem
}

func placeOfToken(t *token.Token) place {
	if t == nil || t.Position == nil {
		return place{}
	}
	return place{t.Position.Line, t.Position.Column, max(1, utf8.RuneCountInString(strings.TrimSpace(t.Value)))}
}

// placeOf is where a node begins. A mapping or a list begins at its first entry.
func placeOf(node ast.Node) place {
	switch n := node.(type) {
	case nil:
		return place{}
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return placeOf(n.Values[0])
		}
		return placeOfToken(n.Start)
	case *ast.MappingValueNode:
		return placeOfToken(n.Key.GetToken())
	case *ast.SequenceNode:
		return placeOfToken(n.Start)
	case *ast.AnchorNode:
		return placeOfToken(n.Start)
	case *ast.AliasNode:
		return placeOfToken(n.Start)
	case *ast.LiteralNode:
		return placeOfToken(n.Start)
	}
	return placeOfToken(node.GetToken())
}
