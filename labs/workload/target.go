package workload

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/invopop/jsonschema"
)

// Protocol is what is spoken with a target.
type Protocol string

// The protocols.
const (
	HTTP      Protocol = "http"  // HTTP/1.1
	HTTP2     Protocol = "http2" // HTTP/2, with TLS or without
	Redis     Protocol = "redis"
	Memcached Protocol = "memcached"
	MySQL     Protocol = "mysql"
	Etcd      Protocol = "etcd"
	Kafka     Protocol = "kafka"
	TCP       Protocol = "tcp"
)

type scheme struct {
	protocol Protocol
	port     int
	tls      bool
}

func schemes() map[string]scheme {
	return map[string]scheme{
		"http":      {HTTP, 80, false},
		"https":     {HTTP, 443, true},
		"h2c":       {HTTP2, 80, false},
		"h2":        {HTTP2, 443, true},
		"redis":     {Redis, 6379, false},
		"rediss":    {Redis, 6379, true},
		"memcache":  {Memcached, 11211, false},
		"memcached": {Memcached, 11211, false},
		"mysql":     {MySQL, 3306, false},
		"etcd":      {Etcd, 2379, false},
		"kafka":     {Kafka, 9092, false},
		"tcp":       {TCP, 0, false},
	}
}

// Schemes returns the URL schemes that targets may have, sorted.
func Schemes() []string {
	var names []string
	for name := range schemes() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Target is a target's address, taken apart.
type Target struct {
	URL      string // as given
	Protocol Protocol
	TLS      bool
	Host     string // name or address
	Port     int
	User     string
	Password string
	Path     string // with its query, as given; may be empty
}

// Address is the target's host and port.
func (t Target) Address() string { return net.JoinHostPort(t.Host, strconv.Itoa(t.Port)) }

// ParseTarget takes a target's URL apart.
func ParseTarget(text string) (Target, error) {
	if text == "" {
		return Target{}, errors.New("is empty")
	}
	u, err := url.Parse(text)
	if err != nil {
		var parse *url.Error
		if errors.As(err, &parse) {
			err = parse.Err
		}
		return Target{}, fmt.Errorf("%q is not a URL: %w", text, err)
	}
	known, ok := schemes()[u.Scheme]
	if !ok {
		return Target{}, fmt.Errorf("%q has no known scheme; known: %s", text, strings.Join(Schemes(), ", "))
	}
	if u.Hostname() == "" {
		return Target{}, fmt.Errorf("%q names no host", text)
	}
	if u.Fragment != "" {
		return Target{}, fmt.Errorf("%q has a fragment (#%s), which is never sent to a server", text, u.Fragment)
	}
	target := Target{URL: text, Protocol: known.protocol, TLS: known.tls, Host: u.Hostname(), Port: known.port, Path: u.EscapedPath()}
	for _, name := range Placeholders() { // braces are escaped in a path, and these are ours
		target.Path = strings.ReplaceAll(target.Path, "%7B"+name+"%7D", "{"+name+"}")
	}
	if u.RawQuery != "" {
		target.Path += "?" + u.RawQuery
	}
	if port := u.Port(); port != "" {
		target.Port, err = strconv.Atoi(port)
		if err != nil || target.Port < 1 || target.Port > 65535 {
			return Target{}, fmt.Errorf("%q has no valid port: %s", text, port)
		}
	}
	if target.Port == 0 {
		return Target{}, fmt.Errorf("%q needs a port", text)
	}
	if u.User != nil {
		target.User = u.User.Username()
		target.Password, _ = u.User.Password()
	}
	return target, nil
}

// Redacted is the target's URL without its password.
func (t Target) Redacted() string {
	u, err := url.Parse(t.URL)
	if err != nil {
		return t.Address()
	}
	return u.Redacted()
}

// Targets are one target or several, as URLs. In YAML and JSON one target is a string and several are a list.
type Targets []string

// UnmarshalJSON reads a string or a list of strings.
func (t *Targets) UnmarshalJSON(data []byte) error {
	return t.read(func(to any) error { return json.Unmarshal(data, to) })
}

// UnmarshalYAML reads a string or a list of strings.
func (t *Targets) UnmarshalYAML(decode func(any) error) error { return t.read(decode) }

func (t *Targets) read(decode func(any) error) error {
	var one string
	if decode(&one) == nil {
		*t = Targets{one}
		return nil
	}
	var several []string
	if decode(&several) != nil {
		return errors.New("target must be a URL or a list of URLs")
	}
	*t = several
	return nil
}

// MarshalJSON writes one target as a string and several as a list.
func (t Targets) MarshalJSON() ([]byte, error) { return json.Marshal(t.plain()) }

// MarshalYAML writes one target as a string and several as a list.
func (t Targets) MarshalYAML() (any, error) { return t.plain(), nil }

func (t Targets) plain() any {
	if len(t) == 1 {
		return t[0]
	}
	return []string(t)
}

// JSONSchema describes Targets to editors.
func (Targets) JSONSchema() *jsonschema.Schema {
	address := &jsonschema.Schema{Type: "string", Pattern: "^(" + strings.Join(Schemes(), "|") + ")://.+$"}
	one := uint64(1)
	return &jsonschema.Schema{
		Description: "the address asked, as a URL, or a list of them that is asked turn by turn",
		OneOf:       []*jsonschema.Schema{address, {Type: "array", Items: address, MinItems: &one}},
	}
}
