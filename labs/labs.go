// Package labs is the catalogue: it finds, opens, lists, checks and copies labs.
//
// A lab is a folder with a compose.yaml, a lab.yaml and a guide.md. Those of the book are embedded; any other folder, and any plain
// Compose project without a lab.yaml, is opened the same way:
//
//	lab, err := labs.Open(ctx, "sharded-redis", labs.Options{})
//	result, err := lifecycle.New(client, options).Up(ctx, lab.Spec(), lifecycle.UpOptions{}, show)
package labs

import (
	"cmp"
	"io/fs"
	"maps"
	"net"
	"net/netip"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/ddsctl/ddsctl/labs/format"
	"github.com/ddsctl/ddsctl/labs/workload"
	"github.com/ddsctl/ddsctl/runtime/plan"
)

// SourceCatalogue is the Source of a lab that is embedded in the program.
const SourceCatalogue = "catalogue"

// The files of a lab's folder.
const (
	FormatFile = "lab.yaml"
	GuideFile  = "guide.md"
)

// Lab is an opened lab.
type Lab struct {
	// Slug names the lab: its folder's name in the catalogue, else the project's name in the Compose file.
	Slug string
	// Title is the lab's name for people; the Slug for a plain Compose project.
	Title string
	// Source is SourceCatalogue, or the absolute folder that the lab was read from.
	Source string
	// Variant is the form of the lab that was asked for, or "".
	Variant string
	// Format is what lab.yaml says; nil for a plain Compose project.
	Format *format.Lab
	// Project is the Compose project, loaded and confined.
	Project *types.Project
	// Contents holds what configs and secrets say that are files, under plan.ConfigKey and plan.SecretKey.
	Contents map[string][]byte
	// Notes tell what the user may not expect, such as a port that is published on this machine only.
	Notes []string

	files fs.FS
}

// FromProject is the lab that a Compose project is by itself, such as one that was read from running containers. Source is the folder that it came
// from, "" where there is none; its lab.yaml and its guide belong to the lab where they are there.
func FromProject(project *types.Project, source string) (*Lab, error) {
	lab := &Lab{Slug: project.Name, Title: project.Name, Source: source, Project: project}
	if source == "" {
		return lab, nil
	}
	place := location{source: source, dir: source, shown: source, files: os.DirFS(source)}
	lab.files = place.files
	var err error
	if lab.Format, err = place.format(); err != nil || lab.Format == nil {
		return lab, err
	}
	lab.Title = lab.Format.Title
	return lab, lab.Format.CheckNames(lab.composeServices())
}

// Plain says that the lab is a Compose project without a lab.yaml.
func (l *Lab) Plain() bool { return l.Format == nil }

// Spec is what runtime/lifecycle brings up. The images' IDs are left to fill in.
func (l *Lab) Spec() plan.Spec {
	spec := plan.Spec{Lab: l.Slug, Source: l.Source, Project: l.Project, Contents: maps.Clone(l.Contents)}
	if l.Format != nil {
		spec.Probes = l.Format.Probes()
		maps.DeleteFunc(spec.Probes, func(name string, _ []readyProbe) bool { // profiles may have left the service out
			_, in := l.Project.Services[name]
			return !in
		})
	}
	return spec
}

// Guide is the lab's guide in Markdown, or "" where there is none.
func (l *Lab) Guide() string {
	if l.files == nil {
		return ""
	}
	text, err := readBounded(l.files, GuideFile)
	if err != nil {
		return ""
	}
	return string(text)
}

// Service is what the lab knows about a service of the project, with the defaults for what lab.yaml does not say.
func (l *Lab) Service(name string) format.Service {
	var s format.Service
	if l.Format != nil {
		s = l.Format.Services[name]
	}
	if s.Kind == "" {
		s.Kind = kindOfImage(l.Project.Services[name].Image)
	}
	return s
}

// kindOfImage guesses a component from the name of its image: redis of docker.io/bitnami/redis:7.
func kindOfImage(image string) string {
	image, _, _ = strings.Cut(image, "@")
	name := path.Base(image)
	name, _, _ = strings.Cut(name, ":")
	switch name {
	case ".", "/":
		return ""
	case "mariadb":
		return "mysql"
	case "valkey":
		return "redis"
	case "nutcracker":
		return "twemproxy"
	}
	return name
}

// Links are the connections that the lab is expected to have: those that lab.yaml names, else those that can be found in published ports, environment,
// commands and depends_on.
func (l *Lab) Links() []format.Link {
	var links []format.Link
	for _, found := range l.FoundLinks() {
		links = append(links, found.Link)
	}
	return links
}

// Workloads are the traffic that the lab brings, with defaults filled in.
func (l *Lab) Workloads() []workload.Spec {
	if l.Format == nil {
		return nil
	}
	list := make([]workload.Spec, len(l.Format.Workloads))
	for i, w := range l.Format.Workloads {
		list[i] = w.WithDefaults()
	}
	return list
}

// Address is where the lab is reached from this machine.
type Address struct {
	Service string `json:"service"`
	Port    uint16 `json:"port"` // of the container
	Label   string `json:"label,omitempty"`
	URL     string `json:"url"` // HOST:PORT where the lab does not say what is spoken there
}

// Addresses are where the lab is reached from this machine, as far as the project says it: a port that the engine picks is
// not known before the lab runs. What lab.yaml names comes first, in its order.
func (l *Lab) Addresses() []Address {
	var list []Address
	known := map[string]bool{}
	if l.Format != nil {
		for _, u := range l.Format.URLs {
			if published, ok := l.published(u.Service, u.Port); ok {
				list = append(list, AddressOf(u, published))
			}
			known[u.Service+" "+strconv.Itoa(int(u.Port))] = true
		}
	}
	for _, name := range l.Project.ServiceNames() {
		for _, p := range l.Project.Services[name].Ports {
			if known[name+" "+strconv.Itoa(int(p.Target))] || p.Protocol == "udp" {
				continue
			}
			if published, ok := l.published(name, uint16(p.Target)); ok {
				list = append(list, AddressOf(format.URL{Service: name, Port: uint16(p.Target)}, published))
			}
		}
	}
	return list
}

// AddressOf is the address of a URL entry whose port is published there.
func AddressOf(u format.URL, published netip.AddrPort) Address {
	text := net.JoinHostPort(published.Addr().String(), strconv.Itoa(int(published.Port())))
	if u.Scheme != "" {
		text = u.Scheme + "://" + text + u.Path
	}
	return Address{Service: u.Service, Port: u.Port, Label: u.Label, URL: text}
}

func (l *Lab) published(service string, port uint16) (netip.AddrPort, bool) {
	for _, p := range l.Project.Services[service].Ports {
		if p.Target != uint32(port) {
			continue
		}
		number, err := strconv.ParseUint(p.Published, 10, 16)
		if err != nil || number == 0 {
			return netip.AddrPort{}, false
		}
		host, err := netip.ParseAddr(cmp.Or(p.HostIP, "127.0.0.1"))
		if err != nil {
			return netip.AddrPort{}, false
		}
		if host.IsUnspecified() {
			host = netip.AddrFrom4([4]byte{127, 0, 0, 1})
		}
		return netip.AddrPortFrom(host, uint16(number)), true
	}
	return netip.AddrPort{}, false
}

// Try are commands to try first.
func (l *Lab) Try() []format.Try {
	if l.Format == nil {
		return nil
	}
	return slices.Clone(l.Format.Try)
}
