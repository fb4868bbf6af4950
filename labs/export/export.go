// Package export says a lab in other words: as one Compose file, as Kubernetes' objects, as a drawing in Mermaid's or Graphviz' language.
//
//	text, err := export.Of(lab, export.Mermaid)
//
// The same lab gives the same text.
package export

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ddsctl/ddsctl/labs"
	"github.com/ddsctl/ddsctl/labs/export/manifest"
	"github.com/ddsctl/ddsctl/labs/format"
)

// Format is what a lab is said in.
type Format string

// The formats of Of.
const (
	Compose    Format = "compose"
	Kubernetes Format = "kubernetes"
	Mermaid    Format = "mermaid"
	Dot        Format = "dot"
)

// Formats are all formats.
func Formats() []Format { return []Format{Compose, Kubernetes, Mermaid, Dot} }

// Of is the lab in a format.
func Of(lab *labs.Lab, as Format) ([]byte, error) {
	switch as {
	case Compose:
		return compose(lab)
	case Kubernetes:
		return manifest.Of(lab)
	case Mermaid:
		return []byte(mermaid(GraphOf(lab))), nil
	case Dot:
		return []byte(dot(GraphOf(lab))), nil
	}
	return nil, fmt.Errorf("no format %q; there are %v", as, Formats())
}

// Node is a service of a lab, or who stands outside: the machine, the traffic client.
type Node struct {
	Name, Kind, Role string
	Nodes            int  // how many containers it has
	Outside          bool // the machine, or ddsctl's own client
}

// Link is a connection between two nodes.
type Link struct {
	From, To string // names of nodes
	Words    string // the lab's own, "" where it has none
	Port     string // :6379 or :53/udp, "" where it is not known
}

// Graph is a lab's topology as it is declared.
type Graph struct {
	Title string
	Nodes []Node
	Links []Link
}

// GraphOf is the topology of a lab. A replica that a link names stands for its service, and a link is there once.
func GraphOf(lab *labs.Lab) Graph {
	g := Graph{Title: lab.Title}
	services := lab.Project.ServiceNames()
	end := func(name string) string {
		if slices.Contains(services, name) {
			return name
		}
		if i := strings.LastIndexByte(name, '-'); i > 0 && slices.Contains(services, name[:i]) {
			return name[:i]
		}
		return name
	}
	var outside []string
	for _, link := range lab.Links() {
		l := Link{From: end(link.From), To: end(link.To), Words: link.Label, Port: portOf(link)}
		for _, name := range []string{l.From, l.To} {
			if !slices.Contains(services, name) && !slices.Contains(outside, name) {
				outside = append(outside, name)
			}
		}
		if !slices.Contains(g.Links, l) {
			g.Links = append(g.Links, l)
		}
	}
	slices.Sort(outside)
	for _, name := range outside {
		g.Nodes = append(g.Nodes, Node{Name: name, Nodes: 1, Outside: true})
	}
	for _, name := range services {
		about, config := lab.Service(name), lab.Project.Services[name]
		g.Nodes = append(g.Nodes, Node{Name: name, Kind: about.Kind, Role: about.Role, Nodes: config.GetScale()})
	}
	return g
}

func portOf(link format.Link) string {
	switch {
	case link.Port == 0:
		return ""
	case link.Protocol != "" && link.Protocol != "tcp":
		return fmt.Sprintf(":%d/%s", link.Port, link.Protocol)
	}
	return fmt.Sprintf(":%d", link.Port)
}

// Label is all that there is to say of a link.
func (l Link) Label() string { return strings.TrimSpace(l.Words + " " + l.Port) }

// About is what stands in a node besides its name.
func (n Node) About() string {
	var parts []string
	if n.Kind != "" && n.Kind != n.Name {
		parts = append(parts, n.Kind)
	}
	if n.Role != "" && n.Role != n.Name && n.Role != n.Kind {
		parts = append(parts, n.Role)
	}
	return strings.Join(parts, ", ")
}

// Heading is a node's name with the number of its containers, where that is not one.
func (n Node) Heading() string {
	if n.Nodes == 1 {
		return n.Name
	}
	return fmt.Sprintf("%s x%d", n.Name, n.Nodes)
}
