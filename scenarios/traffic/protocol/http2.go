package protocol

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"

	"golang.org/x/net/http2"

	"github.com/ddsctl/ddsctl/labs/workload"
)

// http2Protocol speaks HTTP/2, over TLS (h2) or from the first byte without it (h2c, RFC 9113 section 3.3). Requests share a connection.
type http2Protocol struct {
	config    Config
	transport *http2.Transport
	scheme    string
}

func newHTTP2(config Config) (Protocol, error) {
	p := &http2Protocol{config: config, scheme: "http", transport: &http2.Transport{
		AllowHTTP:          !config.Target.TLS,
		DisableCompression: true, // what is thrown away need not be unpacked
	}}
	if config.Target.TLS {
		p.scheme = "https"
		secured := config.TLS.Clone()
		if secured == nil {
			secured = &tls.Config{ServerName: config.Target.Host, MinVersion: tls.VersionTLS12}
		}
		secured.NextProtos = []string{http2.NextProtoTLS}
		p.config.TLS = secured
	}
	return p, nil
}

// http2Op is a compiled request.
type http2Op struct {
	method  string
	host    string
	path    template
	fixed   *url.URL // of a path without placeholders
	headers []http2Header
	shared  http.Header // of headers without placeholders
	body    template
}

type http2Header struct {
	name string // canonical
	text template
}

// Compile prepares a request.
func (p *http2Protocol) Compile(op workload.Operation) (any, error) {
	if op.Operation != workload.Request {
		return nil, unknownOperation(workload.HTTP2, op)
	}
	host, headers := requestHeaders(p.config, op)
	compiled := &http2Op{method: op.Method, host: host, path: newTemplate(requestPath(p.config, op)), body: newTemplate(op.Body)}
	if compiled.path.fixed() {
		fixed, err := p.url(compiled, &Request{})
		if err != nil {
			return nil, err
		}
		compiled.fixed = fixed
	}
	shared := http.Header{}
	fixed := true
	for _, header := range headers {
		text := newTemplate(header[1])
		name := http.CanonicalHeaderKey(header[0])
		compiled.headers = append(compiled.headers, http2Header{name, text})
		shared[name] = append(shared[name], header[1])
		fixed = fixed && text.fixed()
	}
	if fixed {
		compiled.shared = shared
	}
	return compiled, nil
}

// url is the address of a request. A path that is valid as it stands is sent as it stands.
func (p *http2Protocol) url(op *http2Op, r *Request) (*url.URL, error) {
	if op.fixed != nil {
		return op.fixed, nil
	}
	u, err := url.ParseRequestURI(string(op.path.appendEscaped(nil, r)))
	if err != nil {
		return nil, fmt.Errorf("path of the request: %w", err)
	}
	u.Scheme, u.Host = p.scheme, p.config.Target.Address()
	return u, nil
}

// Open makes a connection; over TLS the server must choose h2.
func (p *http2Protocol) Open(ctx context.Context) (Conn, error) {
	w, err := p.config.witnessed(ctx)
	if err != nil {
		return nil, err
	}
	if secured, ok := w.Conn.(*tls.Conn); ok && secured.ConnectionState().NegotiatedProtocol != http2.NextProtoTLS {
		_ = w.Close()
		return nil, &Failure{Kind: KindProtocol, Text: "the server does not offer HTTP/2", broken: true}
	}
	conn, err := p.transport.NewClientConn(w)
	if err != nil {
		_ = w.Close()
		return nil, err
	}
	return &http2Conn{protocol: p, conn: conn, witness: w}, nil
}

type http2Conn struct {
	protocol *http2Protocol
	conn     *http2.ClientConn
	witness  *witness
}

// Do sends a request and reads its answer.
func (c *http2Conn) Do(ctx context.Context, r *Request, answer *Answer) error {
	if state := c.conn.State(); state.Closed || state.Closing {
		return ErrStale
	}
	op := r.Op.(*http2Op)
	address, err := c.protocol.url(op, r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.protocol.config.Timeout)
	defer cancel()
	request := (&http.Request{
		Method: op.method, URL: address, Host: op.host, Header: op.header(r),
		Proto: "HTTP/2.0", ProtoMajor: 2, Body: http.NoBody,
	}).WithContext(ctx)
	if op.body != nil {
		body := op.body.append(nil, r)
		request.ContentLength = int64(len(body))
		request.Body = io.NopCloser(bytes.NewReader(body))
	}
	response, err := c.conn.RoundTrip(request)
	if err != nil {
		return c.failure(ctx, err)
	}
	_, err = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	if err != nil {
		return c.failure(ctx, err)
	}
	if by := c.protocol.config.AnsweredBy; by != "" {
		answer.By = bounded(response.Header.Get(by))
	}
	if response.StatusCode >= 400 {
		return statusFailure(response.StatusCode)
	}
	return nil
}

func (op *http2Op) header(r *Request) http.Header {
	if op.shared != nil {
		return op.shared
	}
	header := make(http.Header, len(op.headers))
	for _, h := range op.headers {
		header[h.name] = append(header[h.name], string(h.text.append(nil, r)))
	}
	return header
}

// failure says what an error means, and whether the connection goes on: one stream's end is not the connection's.
func (c *http2Conn) failure(ctx context.Context, err error) error {
	state := c.conn.State()
	broken := state.Closed || state.Closing
	var (
		stream http2.StreamError
		goAway http2.GoAwayError
		wrong  http2.ConnectionError
	)
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case errors.As(err, &stream):
		kind := KindReset
		if stream.Cause != nil && stream.Code == http2.ErrCodeProtocol {
			kind = KindProtocol
		}
		return &Failure{Kind: kind, Text: err.Error(), broken: broken}
	case errors.As(err, &goAway):
		return &Failure{Kind: KindEOF, Text: err.Error(), broken: true}
	case errors.As(err, &wrong):
		return &Failure{Kind: KindProtocol, Text: err.Error(), broken: true}
	case broken && c.witness.seen() != nil:
		err = fmt.Errorf("%w: %w", err, c.witness.seen())
	case KindOf(err) == KindOther: // what the library found wrong with the answer has no type
		return &Failure{Kind: KindProtocol, Text: err.Error(), broken: broken}
	}
	return &outcome{err: err, broken: broken}
}

// Close ends the connection and what runs on it.
func (c *http2Conn) Close() error { return c.conn.Close() }

// RemoteAddr is the address that was reached.
func (c *http2Conn) RemoteAddr() net.Addr { return c.witness.RemoteAddr() }

// bounded keeps a text that a server chose short.
func bounded(text string) string {
	if len(text) > maxAnswerer {
		return text[:maxAnswerer]
	}
	return text
}
