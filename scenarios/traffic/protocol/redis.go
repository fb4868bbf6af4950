package protocol

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/ddsctl/ddsctl/labs/workload"
)

// redis speaks RESP with Redis and what stands in front of it, such as twemproxy. User and password of the target are sent as AUTH,
// its path as SELECT; without them nothing but the mix is sent, so that proxies that know few commands serve.
type redis struct{ config Config }

func newRedis(config Config) (Protocol, error) {
	r := &redis{config: config}
	if _, err := r.greeting(); err != nil {
		return nil, err
	}
	return r, nil
}

// redisOp is a compiled command.
type redisOp struct {
	words []redisWord
	read  bool
	again bool // may be sent a second time
}

// redisWord is one word of a command.
type redisWord struct {
	fixed []byte // with its length in front, for a word without placeholders; merged with its fixed neighbours
	text  template
}

// Compile prepares a command.
func (p *redis) Compile(op workload.Operation) (any, error) {
	switch op.Operation {
	case workload.Read:
		compiled := repeatable("GET", "{key}")
		compiled.read = true
		return compiled, nil
	case workload.Write:
		return repeatable("SET", "{key}", "{value}"), nil
	case workload.Delete:
		return repeatable("DEL", "{key}"), nil
	case workload.Increment:
		return redisCommand("INCR", "{key}"), nil
	case workload.Ping:
		return repeatable("PING"), nil
	case workload.Command:
		compiled := redisCommand(op.Command...)
		compiled.read = true // null means that something was not there
		return compiled, nil
	}
	return nil, unknownOperation(workload.Redis, op)
}

// repeatable is a command that does the same however often it is carried out.
func repeatable(words ...string) *redisOp {
	op := redisCommand(words...)
	op.again = true
	return op
}

func redisCommand(words ...string) *redisOp {
	op := &redisOp{}
	fixed := []byte(fmt.Sprintf("*%d\r\n", len(words)))
	for _, word := range words {
		text := newTemplate(word)
		if text.fixed() {
			fixed = fmt.Appendf(fixed, "$%d\r\n%s\r\n", len(word), word)
			continue
		}
		if len(fixed) > 0 {
			op.words = append(op.words, redisWord{fixed: fixed})
			fixed = nil
		}
		op.words = append(op.words, redisWord{text: text})
	}
	if len(fixed) > 0 {
		op.words = append(op.words, redisWord{fixed: fixed})
	}
	return op
}

func (op *redisOp) append(b []byte, r *Request) []byte {
	for i := range op.words {
		word := &op.words[i]
		if word.fixed != nil {
			b = append(b, word.fixed...)
			continue
		}
		b = append(b, '$')
		b = strconv.AppendInt(b, int64(word.text.size(r)), 10)
		b = append(b, '\r', '\n')
		b = word.text.append(b, r)
		b = append(b, '\r', '\n')
	}
	return b
}

// greeting is what a new connection begins with.
func (p *redis) greeting() ([]*redisOp, error) {
	var ops []*redisOp
	target := p.config.Target
	switch {
	case target.Password != "" && target.User != "":
		ops = append(ops, redisCommand("AUTH", target.User, target.Password))
	case target.Password != "":
		ops = append(ops, redisCommand("AUTH", target.Password))
	}
	if database := strings.Trim(target.Path, "/"); database != "" {
		if _, err := strconv.ParseUint(database, 10, 31); err != nil {
			return nil, fmt.Errorf("%s: a path of a redis target is the number of a database, not %q", target.Redacted(), database)
		}
		ops = append(ops, redisCommand("SELECT", database))
	}
	return ops, nil
}

func (p *redis) Open(ctx context.Context) (Conn, error) {
	s, err := newStream(ctx, p.config)
	if err != nil {
		return nil, err
	}
	c := &redisConn{stream: s}
	ops, err := p.greeting()
	if err == nil && len(ops) > 0 {
		err = greet(ctx, s.conn, func(r *Request) error {
			for _, op := range ops {
				r.Op = op
				if err := c.Do(ctx, r, &Answer{}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		_ = s.Close()
		return nil, err
	}
	return c, nil
}

type redisConn struct{ *stream }

// Do sends a command and reads its reply.
func (c *redisConn) Do(_ context.Context, r *Request, answer *Answer) error {
	op := r.Op.(*redisOp)
	c.out = op.append(c.out[:0], r)
	if err := c.send(r.Now); err != nil {
		return c.told(err, op.again)
	}
	reply, err := c.reply()
	if err != nil {
		return c.told(err, op.again)
	}
	if reply.failure != nil {
		return refusal(string(reply.failure))
	}
	if op.read {
		answer.Found = FoundHit
		if reply.null {
			answer.Found = FoundMiss
		}
	}
	return c.settled()
}
