package protocol

import (
	"bytes"
)

// Bounds on a RESP answer. The length of a string is Redis' own proto-max-bulk-len.
const (
	maxBulk     = 512 << 20
	maxElements = 1 << 20 // over all nested aggregates
	maxDepth    = 16
	maxPushes   = 1024 // out-of-band data before the answer
)

// reply is what of a RESP answer matters to traffic.
type reply struct {
	null    bool
	failure []byte // the text of an error; good until the next read
}

// reply reads one RESP2 or RESP3 answer (github.com/redis/redis-specifications, protocol/RESP3.md) and throws its data away.
// Push data and attributes before the answer are passed over.
func (s *stream) reply() (reply, error) {
	left := maxElements
	for range maxPushes {
		line, err := s.line()
		if err != nil {
			return reply{}, err
		}
		if len(line) == 0 {
			return reply{}, garbled("an empty line in the place of an answer")
		}
		if line[0] != '>' && line[0] != '|' {
			return s.value(line, maxDepth, &left)
		}
		if _, err := s.value(line, maxDepth, &left); err != nil {
			return reply{}, err
		}
	}
	return reply{}, garbled("more than %d pushes before the answer", maxPushes)
}

// value reads the rest of the value whose first line was read.
func (s *stream) value(line []byte, depth int, left *int) (reply, error) {
	if len(line) == 0 {
		return reply{}, garbled("an empty line in the place of a value")
	}
	if *left--; *left < 0 {
		return reply{}, garbled("the answer has more than %d elements", maxElements)
	}
	rest := line[1:]
	switch line[0] {
	case '+', ':', ',', '#', '(':
		return reply{}, nil
	case '-':
		return reply{failure: rest}, nil
	case '_':
		return reply{null: true}, nil
	case '$', '=', '!':
		return s.bulk(line[0], rest)
	case '*', '~', '>':
		return s.aggregate(rest, 1, depth, left)
	case '%', '|':
		return s.aggregate(rest, 2, depth, left)
	}
	return reply{}, garbled("not a RESP value: %.60q", line)
}

// bulk reads a string of a told length.
func (s *stream) bulk(kind byte, length []byte) (reply, error) {
	if kind == '$' && string(length) == "-1" {
		return reply{null: true}, nil
	}
	n, ok := number(length)
	if !ok || n > maxBulk {
		return reply{}, garbled("not the length of a string: %.60q", length)
	}
	var failure []byte
	if kind == '!' {
		text, err := s.in.Peek(int(min(n, 512)))
		if err != nil {
			return reply{}, err
		}
		failure = bytes.Clone(text) // skipping may overwrite it
	}
	if err := s.skip(n); err != nil {
		return reply{}, err
	}
	end, err := s.in.Peek(2)
	if err != nil {
		return reply{}, err
	}
	if end[0] != '\r' || end[1] != '\n' {
		return reply{}, garbled("a string is longer than its length says")
	}
	if _, err := s.in.Discard(2); err != nil {
		return reply{}, err
	}
	return reply{failure: failure}, nil
}

// aggregate reads an array, set, map, push or attribute.
func (s *stream) aggregate(count []byte, each int64, depth int, left *int) (reply, error) {
	if string(count) == "-1" {
		return reply{null: true}, nil
	}
	n, ok := number(count)
	if !ok || n > maxElements {
		return reply{}, garbled("not the number of elements: %.60q", count)
	}
	if depth == 0 {
		return reply{}, garbled("the answer is nested deeper than %d levels", maxDepth)
	}
	for range n * each {
		line, err := s.line()
		if err != nil {
			return reply{}, err
		}
		if _, err := s.value(line, depth-1, left); err != nil { // an error in an array is an element, not a failure
			return reply{}, err
		}
	}
	return reply{}, nil
}
