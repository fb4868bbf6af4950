package labs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ddsctl/ddsctl/labs/compose"
	"github.com/ddsctl/ddsctl/labs/format"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/telemetry/component"
)

// CopyForGuess makes a folder of its own for a Compose project, given by its folder or by its file: a copy of the project's folder, in which the file has
// the name that a lab's has. InitFromCompose makes a lab of it. It returns the names of the files. Of a project that cannot become a lab nothing is copied.
func CopyForGuess(ctx context.Context, project, dir string, options Options) ([]string, error) {
	folder, name := composeFile(project)
	if _, err := os.Lstat(filepath.Join(folder, FormatFile)); err == nil {
		return nil, hint.Wrap(fmt.Errorf("%s has a %s already", folder, FormatFile), "it is a lab; copy it: ddsctl lab init %s %s", folder, dir)
	}
	ref := filepath.Clean(folder) + string(filepath.Separator)
	if _, err := Open(ctx, ref+name, options); err != nil {
		return nil, err
	}
	files, err := Init(ctx, ref, dir)
	if err != nil || name == "" || slices.Contains(compose.Names(), name) {
		return files, err
	}
	usual := compose.Names()[0]
	for _, taken := range compose.Names() {
		if !slices.Contains(files, taken) {
			continue
		}
		// The folder has another project too: the one that was named is the lab.
		if err := os.Rename(filepath.Join(dir, taken), filepath.Join(dir, taken+".other")); err != nil {
			return files, fmt.Errorf("make way for %s: %w", name, err)
		}
		files[slices.Index(files, taken)] = taken + ".other"
	}
	if err := os.Rename(filepath.Join(dir, name), filepath.Join(dir, usual)); err != nil {
		return files, fmt.Errorf("give %s its name in a lab: %w", name, err)
	}
	files[slices.Index(files, name)] = usual
	return files, nil
}

// composeFile splits a project's folder, or its file, into both; the file is "" for the usual ones.
func composeFile(project string) (folder, file string) {
	if info, err := os.Stat(project); err == nil && !info.IsDir() {
		return filepath.Dir(project), filepath.Base(project)
	}
	return project, ""
}

// InitFromCompose writes a lab.yaml beside the Compose file of a project, which is given by its folder or its file, with kinds, links, addresses and traffic guessed from images,
// ports, depends_on and environment. Every guess has a comment that says where it comes from. It returns the file's name. A
// lab.yaml that is there is never touched.
func InitFromCompose(ctx context.Context, project string, options Options) (string, error) {
	dir, given := composeFile(project)
	if given != "" && !slices.Contains(compose.Names(), given) {
		return "", hint.Wrap(fmt.Errorf("%s: a lab's Compose file is called %s", project, compose.Names()[0]), "name a folder too, which is made: a copy with that name")
	}
	name := filepath.Join(dir, FormatFile)
	if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		if err != nil {
			return "", err
		}
		return "", hint.Wrap(fmt.Errorf("%s is there already", name), "nothing was written; move it away to have another one guessed")
	}
	lab, err := Open(ctx, filepath.Clean(dir)+string(filepath.Separator), options)
	if err != nil {
		return "", err
	}
	text := Guess(lab)
	guessed, err := format.Decode(name, text)
	if err == nil {
		err = guessed.CheckNames(lab.composeServices())
	}
	if err != nil { // a mistake of ours: better no file than a wrong one
		return "", fmt.Errorf("guess a lab.yaml for %s: %w", dir, err)
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return "", fmt.Errorf("write the lab.yaml: %w", err)
	}
	if _, err := file.Write(text); err != nil {
		return "", errors.Join(fmt.Errorf("write the lab.yaml: %w", err), file.Close(), os.Remove(name))
	}
	return name, file.Close()
}

// Guess is a lab.yaml for a Compose project that has none.
func Guess(lab *Lab) []byte {
	g := &guesser{lab: lab}
	g.line("# Guessed from the Compose file. Check it, change it, then: ddsctl lab lint .")
	g.line("version: 1")
	g.line("title: %s", strconv.Quote(lab.Slug))
	g.line("# pattern: the pattern that it shows")
	g.line("# summary: the lab in one sentence")
	g.services()
	g.links()
	g.workloads()
	g.urls()
	return []byte(g.text.String())
}

type guesser struct {
	lab  *Lab
	text strings.Builder
}

func (g *guesser) line(format string, args ...any) { fmt.Fprintf(&g.text, format+"\n", args...) }

func (g *guesser) names() []string { return g.lab.Project.ServiceNames() }

// usualPorts are where components listen when nobody says otherwise.
var usualPorts = map[string]uint16{
	"redis": 6379, "memcached": 11211, "mysql": 3306, "postgres": 5432, "etcd": 2379, "kafka": 9092, "nginx": 80, "httpd": 80, "haproxy": 80,
	"varnish": 80, "caddy": 80, "traefik": 80, "prometheus": 9090, "grafana": 3000, "mongo": 27017, "rabbitmq": 5672, "elasticsearch": 9200,
	"twemproxy": 22121,
}

// schemes are the protocols of components of which the traffic client speaks one.
var schemes = map[string]string{
	"redis": "redis", "twemproxy": "redis", "memcached": "memcache", "nginx": "http", "httpd": "http", "haproxy": "http", "varnish": "http", "caddy": "http",
	"traefik": "http", "prometheus": "http", "grafana": "http", "etcd": "etcd", "elasticsearch": "http",
}

// ports are the ports that a service serves, as far as the Compose file says it.
func (g *guesser) ports(name string) []uint16 {
	s := g.lab.Project.Services[name]
	var ports []uint16
	for _, p := range s.Ports {
		if p.Protocol != "udp" {
			ports = append(ports, uint16(p.Target))
		}
	}
	for _, e := range s.Expose {
		if n, err := strconv.ParseUint(strings.TrimSuffix(e, "/tcp"), 10, 16); err == nil {
			ports = append(ports, uint16(n))
		}
	}
	if usual := usualPorts[g.lab.Service(name).Kind]; usual != 0 && len(ports) == 0 {
		ports = append(ports, usual)
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

// scheme is what is probably spoken at a service's port.
func (g *guesser) scheme(name string, port uint16) string {
	kind := g.lab.Service(name).Kind
	scheme, known := schemes[kind]
	if (!known || scheme == "http") && (port == 443 || port == 8443) {
		return "https"
	}
	if known {
		return scheme
	}
	if usualPorts[kind] != 0 { // a component, and none that the client speaks with
		return ""
	}
	switch port {
	case 80, 3000, 4000, 5000, 8000, 8080, 8081, 8888, 9090:
		return "http"
	}
	return ""
}

var kindWord = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)

func (g *guesser) services() {
	readers := component.Readers()
	g.line("\nservices:")
	for _, name := range g.names() {
		s := g.lab.Project.Services[name]
		g.line("  %s:", name)
		kind := g.lab.Service(name).Kind
		switch _, read := readers[kind]; {
		case !kindWord.MatchString(kind):
			kind = "service"
			g.line("    kind: %s", kind)
		case read:
			g.line("    kind: %s # from the image %s; its statistics are read", kind, s.Image)
		default:
			g.line("    kind: %s # from the image %s", kind, s.Image)
		}
		g.line("    # role: what it does here: cache, store, worker, ...")
		if ports := g.ports(name); len(ports) > 0 && (s.HealthCheck == nil || s.HealthCheck.Disable) && s.NetworkMode == "" {
			g.line("    # It has no healthcheck, so that it counts as up when it listens.")
			g.line("    # ready: [{tcp: %d}]", ports[0])
		}
	}
}

// FoundLink is a link, and where it was found.
type FoundLink struct {
	format.Link
	Why string `json:"why"`
}

// FoundLinks are the links of Links, each with where it was found: in lab.yaml, or in published ports, the environment, commands, depends_on.
func (l *Lab) FoundLinks() []FoundLink {
	if l.Format == nil || len(l.Format.Links) == 0 {
		return l.guessLinks()
	}
	found := make([]FoundLink, len(l.Format.Links))
	for i, link := range l.Format.Links {
		found[i] = FoundLink{link, "from " + FormatFile}
	}
	return found
}

func (l *Lab) guessLinks() []FoundLink {
	g := &guesser{lab: l}
	var links []FoundLink
	add := func(link format.Link, why string) {
		if link.From == link.To || slices.ContainsFunc(links, func(l FoundLink) bool { return l.From == link.From && l.To == link.To }) {
			return
		}
		links = append(links, FoundLink{link, why})
	}
	for _, name := range g.names() {
		if ports := g.lab.Project.Services[name].Ports; len(ports) > 0 {
			link := format.Link{From: format.HostName, To: name, Port: uint16(ports[0].Target)}
			if ports[0].Protocol == "udp" {
				link.Protocol = "udp"
			}
			add(link, "it publishes a port")
		}
	}
	for _, name := range g.names() {
		s := g.lab.Project.Services[name]
		for _, variable := range slices.Sorted(maps.Keys(s.Environment)) {
			if value := s.Environment[variable]; value != nil {
				for _, to := range g.mentioned(*value) {
					add(format.Link{From: name, To: to.service, Port: to.port}, "named in "+variable)
				}
			}
		}
		for _, word := range slices.Concat(s.Entrypoint, s.Command) {
			for _, to := range g.mentioned(word) {
				if to.explicit {
					add(format.Link{From: name, To: to.service, Port: to.port}, "named in its command")
				}
			}
		}
		for _, other := range slices.Sorted(maps.Keys(s.DependsOn)) {
			if _, in := g.lab.Project.Services[other]; in && s.NetworkMode != "service:"+other {
				link := format.Link{From: name, To: other}
				if ports := g.ports(other); len(ports) == 1 {
					link.Port = ports[0]
				}
				add(link, "from depends_on")
			}
		}
	}
	return links
}

func (g *guesser) links() {
	links := g.lab.guessLinks()
	if len(links) == 0 {
		g.line("\n# links: [{from: one, to: another, port: 80}]")
		return
	}
	g.line("\nlinks:")
	for _, l := range links {
		port := ""
		if l.Port != 0 {
			port = fmt.Sprintf(", port: %d", l.Port)
		}
		if l.Protocol != "" {
			port += ", protocol: " + l.Protocol
		}
		g.line("  - {from: %s, to: %s%s} # %s", l.From, l.To, port, l.Why)
	}
}

type mention struct {
	service  string
	port     uint16
	explicit bool // with a port or a scheme
}

// host finds words that may be hosts, with a scheme before and a port behind.
var host = regexp.MustCompile(`([a-z][a-z0-9+.-]*://(?:[^@/\s]*@)?)?([A-Za-z0-9][A-Za-z0-9_.-]*)(?::([0-9]{1,5}))?`)

// serviceOf is the service that others reach under a name: its own, its container's, or an alias on a network.
func (g *guesser) serviceOf(host string) (string, bool) {
	if _, ok := g.lab.Project.Services[host]; ok {
		return host, true
	}
	for _, name := range g.names() {
		s := g.lab.Project.Services[name]
		if s.ContainerName == host {
			return name, true
		}
		for _, network := range s.Networks {
			if network != nil && slices.Contains(network.Aliases, host) {
				return name, true
			}
		}
	}
	return "", false
}

// mentioned are the services that a text names as hosts.
func (g *guesser) mentioned(text string) []mention {
	var found []mention
	for _, m := range host.FindAllStringSubmatch(text, -1) {
		service, ok := g.serviceOf(m[2])
		if !ok {
			continue
		}
		to := mention{service: service, explicit: m[1] != "" || m[3] != ""}
		if n, err := strconv.ParseUint(cmp.Or(m[3], "0"), 10, 16); err == nil {
			to.port = uint16(n)
		}
		if ports := g.ports(service); to.port == 0 && len(ports) == 1 {
			to.port = ports[0]
		}
		if !to.explicit && strings.TrimSpace(text) != m[2] { // a word in a sentence is no host
			continue
		}
		found = append(found, to)
	}
	return found
}

func (g *guesser) workloads() {
	type target struct {
		name, url string
	}
	var targets []target
	for _, name := range g.names() {
		published := len(g.lab.Project.Services[name].Ports) > 0
		for _, port := range g.ports(name) {
			if scheme := g.scheme(name, port); scheme != "" && published && g.lab.Project.Services[name].NetworkMode == "" {
				url := fmt.Sprintf("%s://%s:%d", scheme, name, port)
				if strings.HasPrefix(scheme, "http") {
					url += "/"
				}
				targets = append(targets, target{fmt.Sprintf("%s-%d", name, port), url})
			}
		}
	}
	if len(targets) == 0 {
		g.line("\n# workloads: [{name: visitors, target: \"http://SERVICE/\", arrival: {process: poisson, rate: 10}}]")
		return
	}
	g.line("\n# Start one with: ddsctl traffic start. Without manual it starts with the lab.")
	g.line("workloads:")
	for _, t := range targets {
		g.line("  - name: %s", t.name)
		g.line("    target: %s # it publishes this port", t.url)
		g.line("    manual: true")
		g.line("    arrival: {process: poisson, rate: 10}")
		if strings.HasPrefix(t.url, "https") {
			g.line("    tls: {insecure: true} # its certificate is not checked; see ca_file and server_name")
		}
		if !strings.HasPrefix(t.url, "http") {
			g.line("    mix: [{operation: read}] # reads change nothing; add {operation: write} where that is fine")
		}
	}
}

func (g *guesser) urls() {
	var lines []string
	for _, name := range g.names() {
		for _, p := range g.lab.Project.Services[name].Ports {
			if p.Protocol == "udp" || p.Published == "" {
				continue
			}
			scheme := g.scheme(name, uint16(p.Target))
			if scheme != "" {
				scheme = ", scheme: " + scheme
			}
			lines = append(lines, fmt.Sprintf("  - {service: %s, port: %d%s}", name, p.Target, scheme))
		}
	}
	if len(lines) > 0 {
		g.line("\nurls:\n%s", strings.Join(slices.Compact(lines), "\n"))
	}
	g.line("\n# try: [{run: a command to try first, about: what it shows}]")
}
