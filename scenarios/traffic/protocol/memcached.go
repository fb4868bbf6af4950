package protocol

import (
	"bytes"
	"context"
	"strconv"

	"github.com/ddsctl/ddsctl/labs/workload"
)

// memcached speaks memcached's text protocol (memcached's doc/protocol.txt), which proxies understand too.
type memcached struct{ config Config }

func newMemcached(config Config) (Protocol, error) { return &memcached{config: config}, nil }

// maxItem is above any item size that memcached can be told to take (-I, 1 GiB).
const maxItem = 1 << 30

type memcachedOp struct{ kind workload.OperationKind }

// Compile prepares a command.
func (p *memcached) Compile(op workload.Operation) (any, error) {
	switch op.Operation {
	case workload.Read, workload.Write, workload.Delete, workload.Increment, workload.Ping:
		return &memcachedOp{kind: op.Operation}, nil
	}
	return nil, unknownOperation(workload.Memcached, op)
}

func (p *memcached) Open(ctx context.Context) (Conn, error) {
	s, err := newStream(ctx, p.config)
	if err != nil {
		return nil, err
	}
	return &memcachedConn{stream: s}, nil
}

type memcachedConn struct{ *stream }

// Do sends a command and reads its answer.
func (c *memcachedConn) Do(_ context.Context, r *Request, answer *Answer) error {
	kind := r.Op.(*memcachedOp).kind
	c.out = appendMemcached(c.out[:0], kind, r)
	again := kind != workload.Increment // the others do the same however often they are carried out
	if err := c.send(r.Now); err != nil {
		return c.told(err, again)
	}
	var err error
	if kind == workload.Read {
		err = c.item(answer)
	} else {
		err = c.word(kind, answer)
	}
	if err != nil {
		return c.told(err, again)
	}
	return c.settled()
}

func appendMemcached(b []byte, kind workload.OperationKind, r *Request) []byte {
	switch kind {
	case workload.Read:
		b = append(append(b, "get "...), r.Key...)
	case workload.Write:
		b = append(append(b, "set "...), r.Key...)
		b = append(b, " 0 0 "...)
		b = strconv.AppendInt(b, int64(len(r.Value)), 10)
		b = append(append(b, '\r', '\n'), r.Value...)
	case workload.Delete:
		b = append(append(b, "delete "...), r.Key...)
	case workload.Increment:
		b = append(append(b, "incr "...), r.Key...)
		b = append(b, " 1"...)
	case workload.Ping:
		b = append(b, "version"...)
	}
	return append(b, '\r', '\n')
}

// item reads the answer to a get: VALUE key flags bytes [cas], the bytes, END; or END alone.
func (c *memcachedConn) item(answer *Answer) error {
	line, err := c.line()
	if err != nil {
		return err
	}
	if string(line) == "END" {
		answer.Found = FoundMiss
		return nil
	}
	length, ok := itemLength(line)
	if !ok {
		return memcachedRefusal(line)
	}
	if err := c.skip(length); err != nil {
		return err
	}
	for _, want := range [...]string{"", "END"} {
		if line, err = c.line(); err != nil {
			return err
		}
		if string(line) != want {
			return garbled("%.60q in the place of the item's end", line)
		}
	}
	answer.Found = FoundHit
	return nil
}

// itemLength reads the length out of VALUE key flags bytes [cas].
func itemLength(line []byte) (int64, bool) {
	rest, ok := bytes.CutPrefix(line, []byte("VALUE "))
	if !ok {
		return 0, false
	}
	for range 2 { // key and flags
		i := bytes.IndexByte(rest, ' ')
		if i <= 0 {
			return 0, false
		}
		rest = rest[i+1:]
	}
	if i := bytes.IndexByte(rest, ' '); i >= 0 {
		rest = rest[:i]
	}
	n, ok := number(rest)
	return n, ok && n <= maxItem
}

// word reads an answer of one line.
func (c *memcachedConn) word(kind workload.OperationKind, answer *Answer) error {
	line, err := c.line()
	if err != nil {
		return err
	}
	switch {
	case string(line) == "NOT_FOUND" && (kind == workload.Delete || kind == workload.Increment):
		answer.Found = FoundMiss
		return nil
	case kind == workload.Write && string(line) == "STORED",
		kind == workload.Delete && string(line) == "DELETED",
		kind == workload.Ping && bytes.HasPrefix(line, []byte("VERSION ")):
		return nil
	case kind == workload.Increment:
		if _, err := strconv.ParseUint(string(bytes.TrimSpace(line)), 10, 64); err == nil {
			answer.Found = FoundHit
			return nil
		}
	}
	return memcachedRefusal(line)
}

// memcachedRefusal tells the errors of memcached from what is not memcached at all.
func memcachedRefusal(line []byte) error {
	for _, word := range [...]string{"ERROR", "CLIENT_ERROR", "SERVER_ERROR", "NOT_STORED", "EXISTS", "BUSY"} {
		if string(line) == word || bytes.HasPrefix(line, []byte(word+" ")) {
			return refusal(string(line))
		}
	}
	return garbled("not an answer of memcached: %.60q", line)
}
