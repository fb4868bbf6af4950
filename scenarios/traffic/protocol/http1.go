package protocol

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/ddsctl/ddsctl/labs/workload"
)

// http1 speaks HTTP/1.1 with connections that are kept alive, as far as the server keeps them. Redirects are answers, not followed.
type http1 struct {
	config   Config
	statuses [1000]*Failure
}

func newHTTP1(config Config) (Protocol, error) {
	h := &http1{config: config}
	for code := 400; code < len(h.statuses); code++ {
		h.statuses[code] = statusFailure(code)
	}
	return h, nil
}

// statusFailure is the error for an answer with a status of 400 or above.
func statusFailure(code int) *Failure {
	return &Failure{Kind: fmt.Sprintf("status_%d", code), Text: strings.TrimSpace(fmt.Sprintf("HTTP status %d %s", code, http.StatusText(code)))}
}

// http1Op is a compiled request. Its texts stand in the order in which they are sent.
type http1Op struct {
	method  []byte // with the space behind it
	path    template
	headers template // from the space before HTTP/1.1 to the end of the last header's line
	body    template // nil for none
	sized   bool     // a Content-Length is sent
	head    bool     // the answer has no body
	again   bool     // may be sent a second time
}

// idempotent are the methods whose requests clients may repeat by themselves (RFC 9110, section 9.2.2).
var idempotent = map[string]bool{http.MethodGet: true, http.MethodHead: true, http.MethodOptions: true, http.MethodTrace: true,
	http.MethodPut: true, http.MethodDelete: true}

// requestPath is the path and query to ask for.
func requestPath(config Config, op workload.Operation) string {
	path := op.Path
	if path == "" {
		path = config.Target.Path
	}
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	return path
}

// requestHeaders are the headers to send, Host apart, sorted by name.
func requestHeaders(config Config, op workload.Operation) (host string, headers [][2]string) {
	host = config.Target.Address()
	if usual := map[bool]int{false: 80, true: 443}[config.Target.TLS]; config.Target.Port == usual {
		host = strings.TrimSuffix(host, ":"+strconv.Itoa(usual))
	}
	agent, authorized := false, false
	for name, value := range op.Headers {
		switch strings.ToLower(name) {
		case "host":
			host = value
			continue
		case "user-agent":
			agent = true
		case "authorization":
			authorized = true
		}
		headers = append(headers, [2]string{name, value})
	}
	if !agent {
		headers = append(headers, [2]string{"User-Agent", "ddsctl"})
	}
	if !authorized && config.Target.User != "" {
		word := config.Target.User + ":" + config.Target.Password
		headers = append(headers, [2]string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(word))})
	}
	slices.SortFunc(headers, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	return host, headers
}

// Compile prepares a request.
func (h *http1) Compile(op workload.Operation) (any, error) {
	if op.Operation != workload.Request {
		return nil, unknownOperation(workload.HTTP, op)
	}
	host, headers := requestHeaders(h.config, op)
	var text strings.Builder
	fmt.Fprintf(&text, " HTTP/1.1\r\nHost: %s\r\n", host)
	for _, header := range headers {
		fmt.Fprintf(&text, "%s: %s\r\n", header[0], header[1])
	}
	compiled := &http1Op{
		method:  []byte(op.Method + " "),
		path:    newTemplate(requestPath(h.config, op)),
		headers: newTemplate(text.String()),
		body:    newTemplate(op.Body),
		head:    op.Method == http.MethodHead,
		again:   idempotent[op.Method],
	}
	compiled.sized = op.Body != "" || op.Method == http.MethodPost || op.Method == http.MethodPut || op.Method == http.MethodPatch
	return compiled, nil
}

func (h *http1) Open(ctx context.Context) (Conn, error) {
	s, err := newStream(ctx, h.config)
	if err != nil {
		return nil, err
	}
	return &http1Conn{stream: s, protocol: h}, nil
}

type http1Conn struct {
	*stream
	protocol *http1
	closing  bool     // the server closes the connection after the answer before
	by       []string // values of AnsweredBy seen here, so that they are allocated once
}

// Do sends a request and reads its answer.
func (c *http1Conn) Do(_ context.Context, r *Request, answer *Answer) error {
	if c.closing {
		return ErrStale
	}
	op := r.Op.(*http1Op)
	out := append(c.out[:0], op.method...)
	out = op.path.appendEscaped(out, r)
	out = op.headers.append(out, r)
	if op.sized {
		out = append(out, "Content-Length: "...)
		out = strconv.AppendInt(out, int64(op.body.size(r)), 10)
		out = append(out, '\r', '\n')
	}
	out = append(out, '\r', '\n')
	c.out = op.body.append(out, r)
	if err := c.send(r.Now); err != nil {
		return c.told(err, op.again)
	}
	status, err := c.answer(op.head, answer)
	if err != nil {
		return c.told(err, op.again)
	}
	if status >= 400 {
		return c.protocol.statuses[status]
	}
	return nil
}
