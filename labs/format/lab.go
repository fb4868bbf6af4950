// Package format is lab.yaml: what a lab says that Compose has no word for.
//
//	lab, err := format.Decode("lab.yaml", data)  // err is mark.Problems: file, line, column, the line, the nearest key
//	err = lab.CheckNames(services)               // the services that the Compose file has
//	schema, err := format.Schema()               // JSON Schema, for editors
//
// The Go types are the format: their tags name the keys and bound the values, their comments become the schema's
// descriptions. docs/lab-format.md explains each key to authors of labs.
package format

import (
	"maps"

	"github.com/ddsctl/ddsctl/labs/strict"
	"github.com/ddsctl/ddsctl/labs/workload"
)

// Version is the version of the format that this package reads.
const Version = 1

// Lab is what a lab.yaml says.
type Lab struct {
	// Version is the version of this format: 1.
	Version int `json:"version" yaml:"version" jsonschema:"required,enum=1"`
	// Title is the lab's name for people.
	Title string `json:"title" yaml:"title" jsonschema:"required,minLength=1"`
	// Chapter is the book's chapter that the lab belongs to; leave it out where there is none.
	Chapter int `json:"chapter,omitempty" yaml:"chapter,omitempty" jsonschema:"minimum=1,maximum=99"`
	// Pattern is the pattern that the lab shows, such as ambassador.
	Pattern string `json:"pattern,omitempty" yaml:"pattern,omitempty"`
	// Summary is the lab in one sentence.
	Summary string `json:"summary,omitempty" yaml:"summary,omitempty"`
	// Services says about services of the Compose file what Compose has no word for, by the service's name.
	Services map[string]Service `json:"services,omitempty" yaml:"services,omitempty"`
	// Links are the connections that the lab is expected to have, to draw them before traffic flows.
	Links []Link `json:"links,omitempty" yaml:"links,omitempty"`
	// Workloads are the traffic that starts with the lab.
	Workloads []workload.Spec `json:"workloads,omitempty" yaml:"workloads,omitempty"`
	// URLs are the addresses at which the lab is reached from outside, printed when it is up.
	URLs []URL `json:"urls,omitempty" yaml:"urls,omitempty"`
	// Try are commands to try first, printed when the lab is up.
	Try []Try `json:"try,omitempty" yaml:"try,omitempty"`
	// Exercises are what the learner predicts, does and edits, in order.
	Exercises []Exercise `json:"exercises,omitempty" yaml:"exercises,omitempty"`
	// Variants are other forms of the same lab, by name, chosen with --variant.
	Variants map[string]Variant `json:"variants,omitempty" yaml:"variants,omitempty"`

	places *strict.Places
}

// With is the lab in one of its variants.
func (l *Lab) With(v Variant) *Lab {
	varied := *l
	if v.Workloads != nil {
		varied.Workloads = v.Workloads
	}
	if len(v.Services) > 0 {
		varied.Services = maps.Clone(l.Services)
		if varied.Services == nil {
			varied.Services = map[string]Service{}
		}
		maps.Copy(varied.Services, v.Services)
	}
	return &varied
}

// Service is what the lab knows about one service.
type Service struct {
	// Kind is the component that runs in it: redis, memcached, twemproxy, nginx, haproxy, varnish, etcd, prometheus, mysql, kafka, or
	// another word. It decides how statistics are read. Default: the last part of the image's name.
	Kind string `json:"kind,omitempty" yaml:"kind,omitempty" jsonschema:"pattern=^[a-z][a-z0-9-]*$"`
	// Role is the field's word for what it does: shard, replica, ambassador, sidecar, adapter, leaf, root, worker, ...
	Role string `json:"role,omitempty" yaml:"role,omitempty"`
	// Ready are the conditions that must all hold before the service counts as up, besides its healthcheck.
	Ready []Probe `json:"ready,omitempty" yaml:"ready,omitempty"`
	// Stats says where the component publishes its figures, where that is not the usual place.
	Stats *Stats `json:"stats,omitempty" yaml:"stats,omitempty"`
}

// Probe is one condition of readiness. It has exactly one of tcp, http, command and log.
type Probe struct {
	// TCP is a port that must accept connections.
	TCP uint16 `json:"tcp,omitempty" yaml:"tcp,omitempty" jsonschema:"minimum=1,maximum=65535"`
	// HTTP is a page that must be answered well.
	HTTP *HTTP `json:"http,omitempty" yaml:"http,omitempty"`
	// Command runs in the container and must exit with 0; the words, not a shell line.
	Command []string `json:"command,omitempty" yaml:"command,omitempty"`
	// Log is a regular expression (RE2) that a line of the container's log must match.
	Log string `json:"log,omitempty" yaml:"log,omitempty"`
	// User runs the command, instead of the container's user.
	User string `json:"user,omitempty" yaml:"user,omitempty"`
	// Attempt bounds one attempt. Default: 2s.
	Attempt workload.Duration `json:"attempt,omitempty" yaml:"attempt,omitempty"`
	// Within bounds all attempts together. Default: 1m.
	Within workload.Duration `json:"within,omitempty" yaml:"within,omitempty"`
}

// HTTP is a page that a probe asks for.
type HTTP struct {
	// Port is the container's port.
	Port uint16 `json:"port" yaml:"port" jsonschema:"required,minimum=1,maximum=65535"`
	// Path is the page. Default: /.
	Path string `json:"path,omitempty" yaml:"path,omitempty" jsonschema:"pattern=^/"`
	// Host is the Host header. Default: the address.
	Host string `json:"host,omitempty" yaml:"host,omitempty"`
	// Status is the wanted status, such as 200, or a range such as 200-299. Default: 200-399.
	Status StatusRange `json:"status,omitempty" yaml:"status,omitempty"`
	// Body is a regular expression (RE2) that the body must match.
	Body string `json:"body,omitempty" yaml:"body,omitempty"`
}

// Stats says where a component publishes its figures.
type Stats struct {
	// Reader is how the figures are read, by the component's kind, such as prometheus for a page in Prometheus' format.
	// Default: the service's kind.
	Reader string `json:"reader,omitempty" yaml:"reader,omitempty"`
	// Port is the port of the figures. Default: the component's usual one.
	Port uint16 `json:"port,omitempty" yaml:"port,omitempty" jsonschema:"minimum=1,maximum=65535"`
	// Path is the HTTP path of the figures. Default: the component's usual one.
	Path string `json:"path,omitempty" yaml:"path,omitempty" jsonschema:"pattern=^/"`
	// User is for components that want one.
	User string `json:"user,omitempty" yaml:"user,omitempty"`
	// Password is for components that want one. It is no secret: it is the lab's own.
	Password string `json:"password,omitempty" yaml:"password,omitempty"`
	// Off turns reading off for a service whose kind would be read.
	Off bool `json:"off,omitempty" yaml:"off,omitempty"`
}

// The ends of links that are no service of the lab.
const (
	// ClientName is the traffic client.
	ClientName = "client"
	// HostName stands for everything outside the lab.
	HostName = "host"
)

// Link is a connection that from opens and to serves.
type Link struct {
	// From is the service that opens connections; client is the traffic client, host is whatever comes from outside.
	From string `json:"from" yaml:"from" jsonschema:"required"`
	// To is the service that accepts them.
	To string `json:"to" yaml:"to" jsonschema:"required"`
	// Port is the port that to serves. Default: any.
	Port uint16 `json:"port,omitempty" yaml:"port,omitempty" jsonschema:"minimum=1,maximum=65535"`
	// Protocol is tcp or udp. Default: tcp.
	Protocol string `json:"protocol,omitempty" yaml:"protocol,omitempty" jsonschema:"enum=tcp,enum=udp"`
	// Label is a word or two on what passes.
	Label string `json:"label,omitempty" yaml:"label,omitempty"`
}

// URL is an address at which the lab is reached from outside: the host's side of a published port.
type URL struct {
	// Label says what is there.
	Label string `json:"label,omitempty" yaml:"label,omitempty"`
	// Service is the service that publishes the port.
	Service string `json:"service" yaml:"service" jsonschema:"required"`
	// Port is the container's port.
	Port uint16 `json:"port" yaml:"port" jsonschema:"required,minimum=1,maximum=65535"`
	// Scheme is the URL's scheme, such as http or redis; leave it out to print HOST:PORT.
	Scheme string `json:"scheme,omitempty" yaml:"scheme,omitempty" jsonschema:"pattern=^[a-z][a-z0-9+.-]*$"`
	// Path is the URL's path.
	Path string `json:"path,omitempty" yaml:"path,omitempty" jsonschema:"pattern=^/"`
}

// Try is a command to try first.
type Try struct {
	// Run is the command, as it is typed.
	Run string `json:"run" yaml:"run" jsonschema:"required,minLength=1"`
	// About says what it shows.
	About string `json:"about,omitempty" yaml:"about,omitempty"`
}

// Variant is another form of a lab: a Compose file over the lab's own, and files that stand in for the lab's.
type Variant struct {
	// About says how it differs.
	About string `json:"about,omitempty" yaml:"about,omitempty"`
	// Compose is a Compose file in the lab's folder that is merged over compose.yaml.
	Compose string `json:"compose,omitempty" yaml:"compose,omitempty"`
	// Files replaces files of the lab by others: the file replaced, then the file that stands in for it.
	Files map[string]string `json:"files,omitempty" yaml:"files,omitempty"`
	// Workloads replaces the lab's workloads.
	Workloads []workload.Spec `json:"workloads,omitempty" yaml:"workloads,omitempty"`
	// Services replaces what the lab says about these services, and adds others.
	Services map[string]Service `json:"services,omitempty" yaml:"services,omitempty"`
}
