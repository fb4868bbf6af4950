package fake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

// Shell is a Program that knows `sh -c SCRIPT` and a handful of commands: true, false, echo, cat, sleep, exit, exec, test -f, touch, getent hosts
// and stat -c "%a %u %g". A script is commands with ; && || and newlines between them, > FILE and >&2. A command that it does not know runs as a
// server would: until it is stopped where it is a container's first process, and as an error of the shell in an exec.
func Shell(ctx context.Context, p Process) int {
	s := &shell{Process: p, ctx: ctx}
	if len(p.Command) == 3 && path.Base(p.Command[0]) == "sh" && p.Command[1] == "-c" {
		return s.script(p.Command[2])
	}
	if len(p.Command) == 0 { // the image's own command, which is a server's
		return s.sleep("infinity")
	}
	return s.command(p.Command)
}

type shell struct {
	Process
	ctx    context.Context
	exited bool
}

// script runs commands one after the other, until one of them is exit or exec, or the process is to end.
func (s *shell) script(text string) int {
	code := 0
	for _, statement := range strings.FieldsFunc(text, func(r rune) bool { return r == ';' || r == '\n' }) {
		code = s.alternatives(statement)
		if s.exited || s.ctx.Err() != nil {
			break
		}
	}
	return code
}

func (s *shell) alternatives(statement string) int {
	code := 0
	for _, alternative := range strings.Split(statement, "||") {
		for _, command := range strings.Split(alternative, "&&") {
			if code = s.command(strings.Fields(command)); code != 0 || s.exited {
				break
			}
		}
		if code == 0 || s.exited {
			break
		}
	}
	return code
}

// command runs one command with its redirection.
func (s *shell) command(words []string) int {
	sub := *s
	var file string
	var buffer bytes.Buffer
	var rest []string
	for i := 0; i < len(words); i++ {
		switch {
		case words[i] == ">&2":
			sub.Stdout = s.Stderr
		case words[i] == ">" && i+1 < len(words):
			i++
			file, sub.Stdout = words[i], &buffer
		default:
			rest = append(rest, os.Expand(strings.Trim(words[i], `"'`), s.variable))
		}
	}
	if len(rest) == 0 {
		return 0
	}
	code := sub.simple(rest)
	s.exited = sub.exited
	if file != "" {
		s.engine.mu.Lock()
		b, err := s.engine.find(s.Container.ID)
		if err == nil {
			err = s.engine.write(b, file, buffer.Bytes())
		}
		s.engine.mu.Unlock()
		if err != nil {
			return s.fail(err)
		}
	}
	return code
}

func (s *shell) variable(name string) string {
	if name == "PWD" && s.WorkDir != "" {
		return s.WorkDir
	}
	value := ""
	for _, pair := range s.Env {
		if v, ok := strings.CutPrefix(pair, name+"="); ok {
			value = v
		}
	}
	return value
}

func (s *shell) fail(err error) int {
	_, _ = fmt.Fprintln(s.Stderr, err)
	return 1
}

func (s *shell) simple(words []string) int {
	switch words[0] {
	case "true", ":":
		return 0
	case "false":
		return 1
	case "echo":
		_, _ = fmt.Fprintln(s.Stdout, strings.Join(words[1:], " "))
		return 0
	case "exit":
		s.exited = true
		code, _ := strconv.Atoi(words[len(words)-1]) // without a number it is 0
		return code
	case "exec":
		s.exited = true
		return s.simple(words[1:])
	case "sleep":
		return s.sleep(words[len(words)-1])
	case "cat":
		return s.cat(words[1:])
	case "test", "touch", "stat":
		return s.onFile(words)
	case "getent":
		return s.resolve(words[len(words)-1])
	}
	if s.Exec {
		_, _ = fmt.Fprintf(s.Stderr, "sh: %s: not found\n", words[0])
		return 127
	}
	return s.sleep("infinity")
}

func (s *shell) sleep(text string) int {
	var over <-chan time.Time
	if seconds, err := strconv.ParseFloat(text, 64); err == nil && text != "infinity" {
		timer := time.NewTimer(time.Duration(seconds * float64(time.Second)))
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-over:
		return 0
	case <-s.ctx.Done():
		var signal signalled
		if errors.As(context.Cause(s.ctx), &signal) {
			return 128 + signals[signal.signal]
		}
		return 137
	}
}

func (s *shell) file(name string) (engine.File, bool) {
	s.engine.mu.Lock()
	defer s.engine.mu.Unlock()
	b, err := s.engine.find(s.Container.ID)
	if err != nil {
		return engine.File{}, false
	}
	return s.engine.file(b, name)
}

func (s *shell) cat(names []string) int {
	if len(names) == 0 {
		copied := make(chan struct{})
		go func() { // ends with its input, which is closed when the command is over
			defer close(copied)
			_, _ = io.Copy(s.Stdout, s.Stdin)
		}()
		select {
		case <-copied:
			return 0
		case <-s.ctx.Done():
			return 137
		}
	}
	code := 0
	for _, name := range names {
		f, ok := s.file(name)
		if !ok {
			code = s.fail(fmt.Errorf("cat: %s: No such file or directory", name))
			continue
		}
		_, _ = s.Stdout.Write(f.Content)
	}
	return code
}

func (s *shell) onFile(words []string) int {
	name := words[len(words)-1]
	f, ok := s.file(name)
	switch {
	case words[0] == "touch" && !ok:
		return s.command([]string{"echo", ">", name})
	case !ok:
		return 1
	case words[0] == "stat":
		_, _ = fmt.Fprintf(s.Stdout, "%o %d %d\n", f.Mode, f.UID, f.GID)
	}
	return 0
}

// resolve prints a name's address as the engine's DNS gives it.
func (s *shell) resolve(host string) int {
	s.engine.mu.Lock()
	defer s.engine.mu.Unlock()
	b, err := s.engine.find(s.Container.ID)
	if err != nil {
		return 2
	}
	address, ok := s.engine.resolve(b, host)
	if !ok {
		return 2
	}
	_, _ = fmt.Fprintf(s.Stdout, "%s %s\n", address, host)
	return 0
}
