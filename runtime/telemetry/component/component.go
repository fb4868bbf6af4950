// Package component reads the figures that a lab's components publish about themselves: Redis INFO, memcached stats, nginx
// stub_status, twemproxy stats, Prometheus text and so on. One file holds one component; a new one is a file and its
// line in Readers.
//
// Readers speak the component's own protocol over a connection that the caller opens, so that they work from wherever
// the component can be reached. What a component answers is not trusted: every answer is bounded in size.
package component

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// Reading is what one component said of itself at one instant.
type Reading struct {
	// Gauges are levels, under the field's names: keys, connected_clients, hit_rate (0 to 1), ...
	Gauges map[string]float64
	// Counters only grow while the component runs. Rates turns them into per-second figures.
	Counters map[string]float64
	// Role is the field's word where the component knows it: leader, follower, replica, ...
	Role string
}

// Dialer opens connections to a component.
type Dialer interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// Target is one component to read.
type Target struct {
	// Address is host:port of the place where it publishes its figures.
	Address string
	// Path is the HTTP path, for components that publish over HTTP; "" is the component's usual one.
	Path string
	// User and Password are for components that want them.
	User, Password string
}

// Reader reads one kind of component. A Reader keeps no state between calls.
type Reader interface {
	// Read asks target once. It is bounded by ctx.
	Read(ctx context.Context, dial Dialer, target Target) (Reading, error)
	// DefaultPort is where the component usually publishes its figures.
	DefaultPort() uint16
}

// Readers returns every reader by the kind that lab.yaml gives a node.
func Readers() map[string]Reader {
	return map[string]Reader{
		"redis":      redis{},
		"memcached":  memcached{},
		"twemproxy":  twemproxy{},
		"nginx":      nginx{},
		"haproxy":    haproxy{},
		"etcd":       etcd{},
		"prometheus": prometheusText{},
		"mysql":      mysql{},
		"kafka":      kafka{},
	}
}

// CommandReader reads a kind of component that publishes its figures only to a command beside it.
type CommandReader interface {
	// Command is what to run in the component's container.
	Command() []string
	// Parse reads what the command printed.
	Parse(in io.Reader) (Reading, error)
}

// CommandReaders returns every reader that needs a command, by the kind that lab.yaml gives a node.
func CommandReaders() map[string]CommandReader {
	return map[string]CommandReader{"varnish": varnish{}}
}

// Rates derives per-second figures from two readings of one component, dt apart, under NAME_per_second. A counter that
// shrank (the component restarted) has no rate this time.
func Rates(before, after Reading, dt time.Duration) map[string]float64 {
	rates := map[string]float64{}
	if dt <= 0 {
		return rates
	}
	for name, now := range after.Counters {
		if was, ok := before.Counters[name]; ok && now >= was {
			rates[name+"_per_second"] = (now - was) / dt.Seconds()
		}
	}
	return rates
}

// HitRate is hits over lookups between two readings, and false when nothing was looked up in between.
func HitRate(before, after Reading) (float64, bool) {
	hits := after.Counters["hits"] - before.Counters["hits"]
	misses := after.Counters["misses"] - before.Counters["misses"]
	if hits < 0 || misses < 0 || hits+misses == 0 {
		return 0, false
	}
	return hits / (hits + misses), true
}

// maxAnswer bounds what is read of one answer.
const maxAnswer = 4 << 20

// converse opens a connection, writes request and hands the bounded answer to read.
func converse(ctx context.Context, dial Dialer, address, request string, read func(io.Reader) (Reading, error)) (Reading, error) {
	conn, err := dial.DialContext(ctx, "tcp", address)
	if err != nil {
		return Reading{}, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })
	defer func() {
		stop()
		_ = conn.Close()
	}()
	if request != "" {
		if _, err := io.WriteString(conn, request); err != nil {
			return Reading{}, err
		}
	}
	return read(io.LimitReader(conn, maxAnswer))
}

// get fetches a page over a connection of its own and hands the bounded body to read.
func get(ctx context.Context, dial Dialer, target Target, defaultPath string, read func(io.Reader) (Reading, error)) (Reading, error) {
	path := target.Path
	if path == "" {
		path = defaultPath
	}
	return fetch(ctx, dial, target, http.MethodGet, path, "", read)
}

// fetch makes a request over a connection of its own and hands the bounded body of the answer to read.
func fetch(ctx context.Context, dial Dialer, target Target, method, path, body string, read func(io.Reader) (Reading, error)) (Reading, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+target.Address+path, strings.NewReader(body))
	if err != nil {
		return Reading{}, err
	}
	req.Header.Set("User-Agent", "ddsctl")
	if target.User != "" {
		req.SetBasicAuth(target.User, target.Password)
	}
	transport := &http.Transport{DialContext: dial.DialContext, DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return Reading{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return Reading{}, fmt.Errorf("%s answers %s", path, resp.Status)
	}
	return read(io.LimitReader(resp.Body, maxAnswer))
}
