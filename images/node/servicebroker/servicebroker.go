// Package servicebroker is an ambassador for a service that is somewhere else in each environment: an application connects to the
// broker, always at the same address, and the broker to the server that the environment names and that is well.
//
//	broker := servicebroker.New(servicebroker.Options{Directory: servicebroker.Fixed("mysql:3306"), Check: servicebroker.Greeting})
//	err := broker.Serve(ctx, listener)
//
// README.md is its API.
package servicebroker

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"
)

// Directory knows where the service is.
type Directory interface {
	// Find returns the servers' addresses, the preferred one first, and a mark that is another one whenever somebody has written
	// them anew.
	Find(ctx context.Context) (addresses []string, mark int64, err error)
}

// Options say how a broker works. Directory and Check are needed.
type Options struct {
	Directory Directory
	// Check tells whether the server at an address is well, until ctx ends.
	Check func(ctx context.Context, address string) error
	// Every is how often the directory is asked and the servers are checked, 500 ms by default; Timeout is how long each of that may
	// take, 500 ms by default.
	Every, Timeout time.Duration
	// Fall is after how many failed checks in a row a server is taken for dead, 3 by default. One that succeeds brings it back.
	Fall int
	// Now is the clock, time.Now by default.
	Now func() time.Time
	Log *slog.Logger // nil discards
}

// Server is one server as the broker sees it.
type Server struct {
	Address string `json:"address"`
	Well    bool   `json:"well"`
	// Failures is how many checks failed in a row.
	Failures int    `json:"failures"`
	Problem  string `json:"problem,omitempty"`
}

// State is what a broker knows.
type State struct {
	// Current is where connections go; empty where no server is well.
	Current string `json:"current"`
	// Switches is how often Current became another server, the first one not counted.
	Switches int `json:"switches"`
	// Gap is how many seconds passed, at the last switch, since the server before was seen well. It is 0 after a switch that somebody ordered.
	Gap     float64  `json:"gap_seconds"`
	Servers []Server `json:"servers"`
	// Connections is how many connections of the application are open.
	Connections int `json:"connections"`
	// Problem is why the directory could not be asked the last time.
	Problem string `json:"problem,omitempty"`
}

// Broker is one ambassador.
type Broker struct {
	options Options

	mu       sync.Mutex
	servers  []Server
	mark     int64
	current  string
	chosen   bool // there was a current one before
	switches int
	seen     time.Time // when the current server was seen well
	gap      time.Duration
	problem  string
	carried  map[*carried]struct{}
}

// carried is one connection of the application, to the server at address.
type carried struct {
	address string
	end     context.CancelFunc
}

// New returns a Broker.
func New(options Options) *Broker {
	if options.Every <= 0 {
		options.Every = 500 * time.Millisecond
	}
	if options.Timeout <= 0 {
		options.Timeout = 500 * time.Millisecond
	}
	if options.Fall <= 0 {
		options.Fall = 3
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	return &Broker{options: options, carried: map[*carried]struct{}{}}
}

// State is what the broker knows now.
func (b *Broker) State() State {
	b.mu.Lock()
	defer b.mu.Unlock()
	return State{Current: b.current, Switches: b.switches, Gap: b.gap.Seconds(), Servers: append([]Server{}, b.servers...),
		Connections: len(b.carried), Problem: b.problem}
}

// Serve carries the connections that listener accepts until ctx ends, and closes listener.
func (b *Broker) Serve(ctx context.Context, listener net.Listener) error {
	var all sync.WaitGroup
	defer all.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	all.Go(func() { b.watch(ctx) })
	all.Go(func() {
		<-ctx.Done()
		_ = listener.Close()
	})
	for {
		conn, err := listener.Accept()
		if ctx.Err() != nil {
			if err == nil {
				_ = conn.Close()
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("accept the application's connections: %w", err)
		}
		all.Go(func() { b.carry(ctx, conn) })
	}
}

// watch looks around, at once and then every so often.
func (b *Broker) watch(ctx context.Context) {
	ticker := time.NewTicker(b.options.Every)
	defer ticker.Stop()
	for {
		b.look(ctx)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// look asks the directory, checks every server, and decides.
func (b *Broker) look(ctx context.Context) {
	addresses, mark, err := b.find(ctx)
	if ctx.Err() != nil {
		return
	}
	results := make([]error, len(addresses))
	var checks sync.WaitGroup
	for i, address := range addresses {
		checks.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, b.options.Timeout)
			defer cancel()
			results[i] = b.options.Check(ctx, address)
		})
	}
	checks.Wait()
	if ctx.Err() != nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.problem = ""
	if err != nil {
		b.problem = err.Error()
	}
	b.servers = judge(b.servers, addresses, results, b.options.Fall)
	b.see()
	b.turnTo(choose(b.current, mark != b.mark, b.servers))
	b.see()
	b.mark = mark
}

// see notes when the current server was seen well. The caller holds mu.
func (b *Broker) see() {
	for _, s := range b.servers {
		if s.Address == b.current && s.Failures == 0 {
			b.seen = b.options.Now()
		}
	}
}

// find asks the directory. While it cannot be asked, what it said before holds.
func (b *Broker) find(ctx context.Context) ([]string, int64, error) {
	asking, cancel := context.WithTimeout(ctx, b.options.Timeout)
	defer cancel()
	addresses, mark, err := b.options.Directory.Find(asking)
	if err == nil {
		return addresses, mark, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.servers {
		addresses = append(addresses, s.Address)
	}
	return addresses, b.mark, err
}

// turnTo makes another server the current one, and ends the connections to those that are not. The caller holds mu.
func (b *Broker) turnTo(address string) {
	if address == b.current {
		return
	}
	if b.chosen && address != "" {
		b.switches++
		b.gap = b.options.Now().Sub(b.seen)
	}
	b.chosen = b.chosen || address != ""
	b.options.Log.Info("connections go elsewhere", "before", b.current, "now", address)
	b.current = address
	for c := range b.carried {
		if c.address != address {
			c.end()
		}
	}
}

// judge gives each server of the directory the result of its check. One that is new is well when its first check succeeds.
func judge(before []Server, addresses []string, results []error, fall int) []Server {
	known := map[string]Server{}
	for _, s := range before {
		known[s.Address] = s
	}
	servers := make([]Server, 0, len(addresses))
	for i, address := range addresses {
		s := known[address]
		s.Address = address
		if results[i] == nil {
			s.Well, s.Failures, s.Problem = true, 0, ""
		} else {
			s.Failures++
			s.Problem = results[i].Error()
			s.Well = s.Well && s.Failures < fall
		}
		servers = append(servers, s)
	}
	return servers
}

// choose keeps the current server as long as it is well: a server that comes back does not move everybody once more. When the
// directory was written anew, or the current one is gone, it is the first that is well.
func choose(current string, anew bool, servers []Server) string {
	first := ""
	for _, s := range servers {
		if !s.Well {
			continue
		}
		if s.Address == current && !anew {
			return current
		}
		if first == "" {
			first = s.Address
		}
	}
	return first
}
