package protocol

import (
	"bytes"
)

// Bounds on what a server may send around a body.
const (
	maxHeaderBytes = 256 << 10
	maxInformative = 16  // answers with status 1xx before the real one
	maxAnswerers   = 64  // values of AnsweredBy remembered by a connection
	maxAnswerer    = 200 // bytes of such a value
)

// framing is what the headers of an answer say about where it ends (RFC 9112, section 6.3).
type framing struct {
	length  int64 // -1 when not told
	chunked bool
	coded   bool // a transfer coding other than chunked: the end is the connection's
	close   bool
	alive   bool // HTTP/1.0 with keep-alive
}

// answer reads one answer and throws its body away.
func (c *http1Conn) answer(head bool, answer *Answer) (int, error) {
	for range maxInformative {
		status, old, err := c.status()
		if err != nil {
			return 0, err
		}
		f, err := c.headers(answer)
		if err != nil {
			return 0, err
		}
		if status >= 100 && status < 200 {
			if status == 101 {
				return 0, garbled("the server switched to another protocol unasked")
			}
			continue
		}
		c.closing = f.close || old && !f.alive
		if head || status == 204 || status == 304 {
			return status, nil
		}
		if err := c.body(f); err != nil {
			return 0, err
		}
		if c.closing {
			return status, nil
		}
		return status, c.settled()
	}
	return 0, garbled("more than %d informative answers before the real one", maxInformative)
}

// status reads a status line. old says that the server speaks HTTP/1.0.
func (c *http1Conn) status() (code int, old bool, err error) {
	line, err := c.line()
	if err != nil {
		return 0, false, err
	}
	// HTTP/1.1 200 OK
	if len(line) < 12 || string(line[:7]) != "HTTP/1." || line[8] != ' ' || len(line) > 12 && line[12] != ' ' {
		return 0, false, garbled("not an HTTP/1 status line: %.60q", line)
	}
	n, ok := number(line[9:12])
	if !ok || n < 100 {
		return 0, false, garbled("not an HTTP status: %.60q", line)
	}
	return int(n), line[7] == '0', nil
}

func (c *http1Conn) headers(answer *Answer) (framing, error) {
	f := framing{length: -1}
	for total := 0; ; {
		line, err := c.line()
		if err != nil {
			return f, err
		}
		if len(line) == 0 {
			break
		}
		if total += len(line) + 2; total > maxHeaderBytes {
			return f, garbled("the headers of the answer are longer than %d bytes", maxHeaderBytes)
		}
		colon := bytes.IndexByte(line, ':')
		if colon <= 0 {
			return f, garbled("not an HTTP header: %.60q", line)
		}
		if err := c.header(line[:colon], line[colon+1:], &f, answer); err != nil {
			return f, err
		}
	}
	if f.chunked || f.coded {
		f.length = -1 // RFC 9112: the transfer coding rules
	}
	return f, nil
}

// header takes one header to heart. Names are told apart by their length first, which spares nearly all comparisons.
func (c *http1Conn) header(name, value []byte, f *framing, answer *Answer) error {
	switch len(name) {
	case len("content-length"):
		if !equalFold(name, "content-length") {
			break
		}
		n, ok := number(bytes.TrimSpace(value))
		if !ok || f.length >= 0 && f.length != n {
			return garbled("not a content-length: %.60q", value)
		}
		f.length = n
	case len("transfer-encoding"):
		if !equalFold(name, "transfer-encoding") {
			break
		}
		if f.chunked || !equalFold(bytes.TrimSpace(value), "chunked") {
			f.coded = true
		}
		f.chunked = true
	case len("connection"):
		if !equalFold(name, "connection") {
			break
		}
		for len(value) > 0 {
			token, rest, _ := bytes.Cut(value, []byte{','})
			token, value = bytes.TrimSpace(token), rest
			f.close = f.close || equalFold(token, "close")
			f.alive = f.alive || equalFold(token, "keep-alive")
		}
	}
	if by := c.protocol.config.AnsweredBy; len(by) == len(name) && by != "" && equalFold(name, by) {
		answer.By = c.intern(bytes.TrimSpace(value))
	}
	return nil
}

func (c *http1Conn) intern(value []byte) string {
	for _, seen := range c.by {
		if seen == string(value) {
			return seen
		}
	}
	by := bounded(string(value))
	if len(c.by) < maxAnswerers {
		c.by = append(c.by, by)
	}
	return by
}

func (c *http1Conn) body(f framing) error {
	switch {
	case f.coded:
		c.closing = true
		return c.toEnd()
	case f.chunked:
		return c.chunks()
	case f.length >= 0:
		return c.skip(f.length)
	default:
		c.closing = true
		return c.toEnd()
	}
}

// toEnd passes over everything up to the end of the connection.
func (c *http1Conn) toEnd() error {
	for {
		if _, err := c.in.Peek(1); err != nil {
			if isEnd(err) {
				return nil
			}
			return err
		}
		if _, err := c.in.Discard(c.in.Buffered()); err != nil {
			return err
		}
	}
}

// chunks passes over a chunked body and its trailers (RFC 9112, section 7.1).
func (c *http1Conn) chunks() error {
	for {
		line, err := c.line()
		if err != nil {
			return err
		}
		size, ok := chunkSize(line)
		if !ok {
			return garbled("not the size of a chunk: %.60q", line)
		}
		if size == 0 {
			break
		}
		if err := c.skip(size); err != nil {
			return err
		}
		if end, err := c.line(); err != nil {
			return err
		} else if len(end) != 0 {
			return garbled("a chunk is longer than its size says")
		}
	}
	for total := 0; ; {
		line, err := c.line()
		if err != nil || len(line) == 0 {
			return err
		}
		if total += len(line) + 2; total > maxHeaderBytes {
			return garbled("the trailers of the answer are longer than %d bytes", maxHeaderBytes)
		}
	}
}

// chunkSize reads a chunk's size in hexadecimal, up to an extension.
func chunkSize(line []byte) (int64, bool) {
	if i := bytes.IndexByte(line, ';'); i >= 0 {
		line = line[:i]
	}
	line = bytes.TrimSpace(line)
	if len(line) == 0 || len(line) > 15 {
		return 0, false
	}
	var n int64
	for _, b := range line {
		switch {
		case '0' <= b && b <= '9':
			b -= '0'
		case 'a' <= b && b <= 'f':
			b -= 'a' - 10
		case 'A' <= b && b <= 'F':
			b -= 'A' - 10
		default:
			return 0, false
		}
		n = n<<4 | int64(b)
	}
	return n, true
}

// equalFold compares ASCII without regard to case and without allocating.
func equalFold(text []byte, word string) bool {
	if len(text) != len(word) {
		return false
	}
	for i := range text {
		a, b := text[i], word[i]
		if 'A' <= a && a <= 'Z' {
			a += 'a' - 'A'
		}
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		if a != b {
			return false
		}
	}
	return true
}
