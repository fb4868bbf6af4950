package control

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/ddsctl/ddsctl/runtime/hint"
)

// message is one line. Which fields are set says what it is: Hello; a call (ID, Call, Args); its Cancel or Credit; an answer
// (ID and Reply, or ID and Error); an Item of a stream, or its Done.
type message struct {
	Hello   string          `json:"hello,omitempty"`
	Version int             `json:"version,omitempty"`
	ID      uint64          `json:"id,omitempty"`
	Call    string          `json:"call,omitempty"`
	Stream  bool            `json:"stream,omitempty"`
	Args    json.RawMessage `json:"args,omitempty"`
	Cancel  bool            `json:"cancel,omitempty"`
	Credit  int             `json:"credit,omitempty"`
	Reply   json.RawMessage `json:"reply,omitempty"`
	Item    json.RawMessage `json:"item,omitempty"`
	Done    bool            `json:"done,omitempty"`
	Error   *Error          `json:"error,omitempty"`
}

// errTooLarge says that a message exceeds MaxMessage.
var errTooLarge = fmt.Errorf("message larger than %d bytes", MaxMessage)

type reader struct {
	in  *bufio.Reader
	buf []byte
}

func newReader(in io.Reader) *reader { return &reader{in: bufio.NewReaderSize(in, 64<<10)} }

// next reads one message. io.EOF means that the other side ended between messages.
func (r *reader) next() (message, error) {
	r.buf = r.buf[:0]
	for {
		part, err := r.in.ReadSlice('\n')
		if len(r.buf)+len(part) > MaxMessage {
			return message{}, errTooLarge
		}
		r.buf = append(r.buf, part...)
		switch {
		case err == nil:
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(r.buf) > 0:
			return message{}, io.ErrUnexpectedEOF
		default:
			return message{}, err
		}
		line := bytes.TrimSpace(r.buf)
		if len(line) == 0 {
			r.buf = r.buf[:0]
			continue
		}
		var m message
		if err := json.Unmarshal(line, &m); err != nil {
			return message{}, fmt.Errorf("message is not of the protocol: %w", err)
		}
		return m, nil
	}
}

// hello reads the first message and checks who speaks.
func (r *reader) hello() error {
	m, err := r.next()
	if err != nil {
		return fmt.Errorf("no hello: %w", err)
	}
	if m.Hello != Protocol {
		return fmt.Errorf("the other side does not speak %s", Protocol)
	}
	if m.Version != Version {
		err := fmt.Errorf("the other side speaks %s version %d, this one version %d", Protocol, m.Version, Version)
		return hint.Wrap(err, "the lab was started by another ddsctl: take it down and up again with this one")
	}
	return nil
}

// writer sends whole messages, from many goroutines.
type writer struct {
	mu  sync.Mutex
	out io.Writer
	err error // of the first write that failed; later ones fail the same way
}

func (w *writer) send(m message) error {
	line, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if len(line)+1 > MaxMessage {
		return errTooLarge
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	if _, err := w.out.Write(append(line, '\n')); err != nil {
		w.err = err
	}
	return w.err
}

func (w *writer) hello() error { return w.send(message{Hello: Protocol, Version: Version}) }
