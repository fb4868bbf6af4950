package traffic

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ddsctl/ddsctl/labs/workload"
	"github.com/ddsctl/ddsctl/scenarios/traffic/protocol"
)

// target is one address that is asked, with its connections.
type target struct {
	index     int
	name      string // the address as given, without its password
	spoken    protocol.Protocol
	queue     chan time.Duration // requests that fell due, as the instants at which they did; open loop only
	links     []*link
	connected atomic.Int64
}

func newTargets(options Options) ([]*target, error) {
	spec := options.Workload
	secured, err := tlsConfig(spec.TLS, options.ReadFile)
	if err != nil {
		return nil, err
	}
	var all []*target
	for i, address := range spec.Target {
		parsed, err := workload.ParseTarget(address)
		if err != nil {
			return nil, err
		}
		config := protocol.Config{Target: parsed, Timeout: spec.Timeout.Std(), AnsweredBy: spec.AnsweredBy, Dial: options.Dial}
		if parsed.TLS {
			config.TLS = secured.Clone()
			if config.TLS.ServerName == "" {
				config.TLS.ServerName = parsed.Host
			}
		}
		spoken, err := options.Protocols.New(config)
		if err != nil {
			return nil, err
		}
		t := &target{index: i, name: parsed.Redacted(), spoken: spoken}
		if spec.Loop == workload.LoopOpen {
			t.queue = make(chan time.Duration, spec.MaxInFlight)
		}
		for range spec.Connections {
			t.links = append(t.links, &link{target: t, most: spec.RequestsPerConnection, streams: spec.Streams})
		}
		all = append(all, t)
	}
	return all, nil
}

func tlsConfig(said workload.TLS, readFile func(string) ([]byte, error)) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: said.ServerName,
		InsecureSkipVerify: said.Insecure} //nolint:gosec // the workload asks for it
	if !said.NoResumption {
		config.ClientSessionCache = tls.NewLRUClientSessionCache(0)
	}
	if said.CA == "" && said.CAFile == "" {
		return config, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil { // a container without any
		pool = x509.NewCertPool()
	}
	if said.CA != "" && !pool.AppendCertsFromPEM([]byte(said.CA)) {
		return nil, errors.New("tls.ca holds no certificate in PEM")
	}
	if said.CAFile != "" {
		pem, err := readFile(said.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read tls.ca_file: %w", err)
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls.ca_file %s holds no certificate in PEM", said.CAFile)
		}
	}
	config.RootCAs = pool
	return config, nil
}

// link is the place of one connection: the connection itself comes and goes. Several workers share it where the protocol lets
// requests share a connection.
type link struct {
	target  *target
	most    int // requests on one connection; 0 for any number
	streams int

	mu     sync.Mutex
	held   *held // nil while there is none
	due    bool  // there is none because it has had its requests: the next request opens one, and pays for it
	closed bool
}

// held is one connection with its uses.
type held struct {
	conn     protocol.Conn
	used     int  // requests so far
	running  int  // requests now
	timeouts int  // one after another, without an answer in between
	spent    bool // gets no more requests; closed after the last
}

var errLinkClosed = errors.New("the workload is over")

// get returns the connection, for one request, and opens one where there is none.
func (l *link) get(ctx context.Context) (h *held, fresh bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if fresh, err = l.open(ctx); err != nil {
		return nil, false, err
	}
	h = l.held
	h.used++
	h.running++
	return h, fresh, nil
}

// connect opens a connection where there is none.
func (l *link) connect(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := l.open(ctx)
	return err
}

func (l *link) open(ctx context.Context) (fresh bool, err error) {
	if l.closed {
		return false, errLinkClosed
	}
	if l.held != nil {
		return false, nil
	}
	conn, err := l.target.spoken.Open(ctx)
	if l.due { // it counted as connected
		l.due = false
		l.target.connected.Add(-1)
	}
	if err != nil {
		return false, err
	}
	l.held = &held{conn: conn}
	l.target.connected.Add(1)
	return true, nil
}

// standing says whether there is a connection, or one is opened by the next request.
func (l *link) standing() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held != nil || l.due
}

// answered takes to heart how a request ended. A connection on which several requests in a row got no answer is given up, whatever
// its protocol thinks of it: its other side may be gone without a word.
func (l *link) answered(h *held, err error) {
	const enough = 3
	l.mu.Lock()
	defer l.mu.Unlock()
	h.running--
	switch {
	case err == nil:
		h.timeouts = 0
	case protocol.Broken(err):
		l.retire(h)
		_ = h.conn.Close() // what else runs on it is lost anyway
	case protocol.KindOf(err) == protocol.KindTimeout:
		if h.timeouts++; h.timeouts >= max(enough, l.streams) {
			l.retire(h)
		}
	}
	if l.most > 0 && h.used >= l.most && !h.spent {
		l.retire(h)
		l.due = true
		l.target.connected.Add(1)
	}
	if h.spent && h.running == 0 {
		_ = h.conn.Close()
	}
}

// retire lets a connection have no more requests.
func (l *link) retire(h *held) {
	h.spent = true
	if l.held == h {
		l.held = nil
		l.target.connected.Add(-1)
	}
}

// close ends the connection, and with it the request that runs on it.
func (l *link) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if h := l.held; h != nil {
		l.retire(h)
		_ = h.conn.Close()
	}
}
