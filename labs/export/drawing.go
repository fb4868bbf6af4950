package export

import (
	"fmt"
	"strconv"
	"strings"
)

// mermaid is the graph in the language of Mermaid's flowcharts, which GitHub and GitLab draw.
func mermaid(g Graph) string {
	var b strings.Builder
	fmt.Fprintf(&b, "---\ntitle: %s\n---\nflowchart LR\n", strconv.Quote(g.Title))
	ids := map[string]string{}
	for i, n := range g.Nodes {
		ids[n.Name] = fmt.Sprintf("n%d", i) // a name may be one of Mermaid's own words
		text := mermaidText(n.Heading())
		if about := n.About(); about != "" {
			text += "<br/><small>" + mermaidText(about) + "</small>"
		}
		shape := [2]string{"[", "]"}
		switch {
		case n.Outside:
			shape = [2]string{"([", "])"}
		case n.Nodes > 1:
			shape = [2]string{"[[", "]]"}
		}
		fmt.Fprintf(&b, "  %s%s\"%s\"%s\n", ids[n.Name], shape[0], text, shape[1])
	}
	for _, l := range g.Links {
		label := ""
		if text := l.Label(); text != "" {
			label = fmt.Sprintf("|\"%s\"|", mermaidText(text))
		}
		fmt.Fprintf(&b, "  %s -->%s %s\n", ids[l.From], label, ids[l.To])
	}
	return b.String()
}

// mermaidText writes what would end a text, or be read as markup, as entities.
func mermaidText(text string) string {
	return strings.NewReplacer("&", "#amp;", `"`, "#quot;", "<", "#lt;", ">", "#gt;", "#", "#35;").Replace(text)
}

// dot is the graph in Graphviz' language.
func dot(g Graph) string {
	var b strings.Builder
	fmt.Fprintf(&b, "digraph %s {\n  rankdir=LR;\n  label=%s;\n  labelloc=t;\n", quoted(g.Title), quoted(g.Title))
	b.WriteString("  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n  edge [fontname=\"sans-serif\", fontsize=10];\n")
	for _, n := range g.Nodes {
		text := n.Heading()
		if about := n.About(); about != "" {
			text += "\n" + about
		}
		extra := ""
		switch {
		case n.Outside:
			extra = ", style=\"rounded,dashed\""
		case n.Nodes > 1:
			extra = ", peripheries=2"
		}
		fmt.Fprintf(&b, "  %s [label=%s%s];\n", quoted(n.Name), quoted(text), extra)
	}
	for _, l := range g.Links {
		label := ""
		if text := l.Label(); text != "" {
			label = fmt.Sprintf(" [label=%s]", quoted(text))
		}
		fmt.Fprintf(&b, "  %s -> %s%s;\n", quoted(l.From), quoted(l.To), label)
	}
	b.WriteString("}\n")
	return b.String()
}

// quoted is a string of Graphviz, in which a backslash begins an escape.
func quoted(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(text) + `"`
}
