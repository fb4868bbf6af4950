// Package process runs one function as a process of its own, and talks to it.
//
//	p, err := process.Start(ctx, process.Options{Command: []string{"python3", "-m", "function", "hello.py"}})
//	answer, err := p.Call(ctx, []byte(`{"id":"1","data":"ann"}`))
//	p.Stop()
//
// The protocol is small enough for a shell script: each line of standard input is a request, each line written to the file descriptor 3 an
// answer. The first line there says that the function is ready. Standard output and standard error are its log.
package process

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// Most is how long a line of an answer may be, in bytes.
const Most = 4 << 20

// grace is how long a process may take to end after its input is closed.
const grace = time.Second

// ErrEnded says that the process ended, or closed its answers, before it answered.
var ErrEnded = errors.New("the function's process ended without an answer")

// Options say what is started.
type Options struct {
	// Command are the program and its arguments.
	Command []string
	// Environment is all of the process' environment, as NAME=VALUE.
	Environment []string
	// Within bounds the start, until the process says that it is ready; 0 is 10 s.
	Within time.Duration
	// Say gets each line that the process writes to its log. Nil drops them.
	Say func(line string)
}

// Process is a function that runs. One request at a time may be given to it.
type Process struct {
	cmd     *exec.Cmd
	input   io.WriteCloser
	answers *os.File
	lines   chan []byte
	quit    chan struct{} // closed once nobody reads lines any more
	ended   chan struct{}
	stop    sync.Once
	wait    sync.WaitGroup
}

// Start starts a process and waits until it is ready. What was started has ended again where there is an error.
func Start(ctx context.Context, o Options) (*Process, error) {
	if len(o.Command) == 0 {
		return nil, errors.New("start a function: no command")
	}
	if o.Within <= 0 {
		o.Within = 10 * time.Second
	}
	answers, other, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", o.Command[0], err)
	}
	log := &sayer{say: o.Say}
	cmd := exec.Command(o.Command[0], o.Command[1:]...) //nolint:gosec // what is run is what the lab's configuration says
	cmd.Env, cmd.ExtraFiles = o.Environment, []*os.File{other}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.WaitDelay = grace // for what it left behind, with its log still open
	asGroup(cmd)
	input, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	_ = other.Close()
	if err != nil {
		_ = answers.Close()
		return nil, fmt.Errorf("start %s: %w", o.Command[0], err)
	}
	p := &Process{cmd: cmd, input: input, answers: answers, lines: make(chan []byte), quit: make(chan struct{}), ended: make(chan struct{})}
	p.wait.Go(func() {
		_ = cmd.Wait()
		log.flush()
		close(p.ended)
	})
	p.wait.Go(p.read)
	begin, cancel := context.WithTimeout(ctx, o.Within)
	defer cancel()
	if _, err := p.next(begin); err != nil {
		p.kill()
		p.Stop()
		return nil, fmt.Errorf("start %s: it was not ready: %w", o.Command[0], err)
	}
	return p, nil
}

// read hands the answers on until there are none.
func (p *Process) read() {
	defer close(p.lines)
	in := bufio.NewScanner(p.answers)
	in.Buffer(make([]byte, 0, 4096), Most)
	for in.Scan() {
		select {
		case p.lines <- bytes.Clone(in.Bytes()):
		case <-p.quit:
			return
		}
	}
}

// next waits for a line. A process that does not give one in time is killed.
func (p *Process) next(ctx context.Context) ([]byte, error) {
	select {
	case line, open := <-p.lines:
		if !open {
			return nil, ErrEnded
		}
		return line, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Call gives the process a request, one line without its end, and waits for the answer. After an error the process is of no use any more, and
// is to be stopped: nobody knows what it is at.
func (p *Process) Call(ctx context.Context, request []byte) ([]byte, error) {
	release := context.AfterFunc(ctx, p.kill) // a write may wait for a process that does not read
	defer release()
	if _, err := p.input.Write(append(bytes.Clone(request), '\n')); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, ErrEnded
	}
	return p.next(ctx)
}

// Ended is closed when the process is gone.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// kill ends the process and those that it started, at once.
func (p *Process) kill() { killGroup(p.cmd) }

// Stop closes the process' input, and kills it where it does not end by itself. It is gone when Stop returns. It may be called more than once.
func (p *Process) Stop() {
	p.stop.Do(func() {
		close(p.quit)
		_ = p.input.Close()
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-p.ended:
		case <-timer.C:
		}
		p.kill() // what it started may have stayed
		<-p.ended
		_ = p.answers.Close()
	})
	p.wait.Wait()
}

// sayer cuts what a process writes into lines.
type sayer struct {
	say func(string)
	mu  sync.Mutex
	in  []byte
}

func (s *sayer) Write(text []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.say == nil {
		return len(text), nil
	}
	s.in = append(s.in, text...)
	for {
		line, rest, found := bytes.Cut(s.in, []byte("\n"))
		if !found {
			break
		}
		s.say(string(line))
		s.in = rest
	}
	if len(s.in) > Most { // a line without an end
		s.say(string(s.in))
		s.in = nil
	}
	return len(text), nil
}

func (s *sayer) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.in) > 0 {
		s.say(string(s.in))
		s.in = nil
	}
}
