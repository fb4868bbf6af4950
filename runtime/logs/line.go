package logs

import (
	"bytes"
	"time"
)

// line is one line of a container's log, without its end.
type line struct {
	time time.Time // zero where the engine gave none
	text []byte
}

// maxLine bounds what is held back while a line's end has not come.
const maxLine = 64 << 10

// splitter turns what the engine writes, every message with its time before it, into lines. A message need not be a whole line:
// engines cut long lines into messages of their own, each with a time.
type splitter struct {
	emit  func(line) error
	time  time.Time
	text  []byte
	begun bool // something of the line under way has come
}

func (s *splitter) Write(b []byte) (int, error) {
	n := len(b)
	for first := true; len(b) > 0; first = false {
		if first || !s.begun {
			at, rest, ok := cutTime(b)
			if ok {
				b = rest
				if !s.begun {
					s.time = at
				}
			}
		}
		s.begun = true
		end := bytes.IndexByte(b, '\n')
		if end < 0 {
			s.text = append(s.text, b...)
			if len(s.text) >= maxLine {
				return n, s.flush()
			}
			return n, nil
		}
		s.text = append(s.text, b[:end]...)
		b = b[end+1:]
		if err := s.flush(); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// flush emits the line under way, if there is one.
func (s *splitter) flush() error {
	if !s.begun {
		return nil
	}
	l := line{time: s.time, text: bytes.TrimSuffix(s.text, []byte("\r"))}
	s.text, s.begun = nil, false
	return s.emit(l)
}

// longestTime is the length of the longest time that an engine writes: nanoseconds and an offset.
const longestTime = len("2006-01-02T15:04:05.000000000+00:00")

// cutTime cuts the time off the front of a message.
func cutTime(b []byte) (time.Time, []byte, bool) {
	end := bytes.IndexByte(b[:min(len(b), longestTime+1)], ' ')
	if end < 0 {
		return time.Time{}, b, false
	}
	at, err := time.Parse(time.RFC3339Nano, string(b[:end]))
	if err != nil {
		return time.Time{}, b, false
	}
	return at, b[end+1:], true
}
