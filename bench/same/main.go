// Command same brings Compose projects up twice, with Docker Compose and with `ddsctl lab up`, and prints what differs between what the two have made:
// containers, environment, mounts, networks, volumes, files, and the order in which containers were started.
//
//	go run ./bench/same -compose "docker compose" -ddsctl bin/ddsctl bench/same/testdata/*
//
// Exit code 0 where nothing differs but what docs/compose-support.md says.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// comparison is how two ways of bringing a project up are compared.
type comparison struct {
	compose []string // the command for Docker Compose
	ddsctl  string
	engine  *engine
	out     io.Writer
}

func run(ctx context.Context, args []string, out, say io.Writer) int {
	flags := flag.NewFlagSet("same", flag.ContinueOnError)
	flags.SetOutput(say)
	compose := flags.String("compose", "docker compose", "the command for Docker Compose")
	ddsctl := flags.String("ddsctl", "bin/ddsctl", "the ddsctl to compare")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	c := comparison{compose: strings.Fields(*compose), ddsctl: *ddsctl, engine: newEngine(os.Getenv("DOCKER_HOST")), out: out}
	differs := false
	for _, folder := range flags.Args() {
		differences, err := c.project(ctx, folder)
		if err != nil {
			_, _ = fmt.Fprintf(say, "%s: %v\n", folder, err)
			return 1
		}
		differs = c.tell(folder, differences) || differs
	}
	if differs {
		return 1
	}
	return 0
}

// tell prints the differences of a project, and says whether there is one that is not known.
func (c comparison) tell(folder string, differences []difference) bool {
	unknown := false
	for _, d := range differences {
		mark := "DIFFERS"
		if d.known != "" {
			mark = "known"
		} else {
			unknown = true
		}
		_, _ = fmt.Fprintf(c.out, "%s: %s %s: docker compose %s, ddsctl %s", filepath.Base(folder), mark, d.what, d.theirs, d.ours)
		if d.known != "" {
			_, _ = fmt.Fprintf(c.out, " (%s)", d.known)
		}
		_, _ = fmt.Fprintln(c.out)
	}
	if !unknown {
		_, _ = fmt.Fprintf(c.out, "%s: the same\n", filepath.Base(folder))
	}
	return unknown
}

// removal bounds taking a project down once nobody waits any more.
const removal = 2 * time.Minute

// project compares one project, under a name that only this process uses. Nothing of it is left.
func (c comparison) project(ctx context.Context, folder string) ([]difference, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("same-%s-%d", filepath.Base(folder), os.Getpid())
	theirs, err := c.made(ctx, name, folder, c.words(name, "--project-directory", folder, "up", "--detach"), c.words(name, "down", "--volumes", "--remove-orphans"))
	if err != nil {
		return nil, err
	}
	ours, err := c.made(ctx, name, folder, []string{c.ddsctl, "lab", "up", folder + string(filepath.Separator), "--name", name, "--no-wire", "--no-traffic"},
		[]string{c.ddsctl, "lab", "down", name})
	if err != nil {
		return nil, err
	}
	return compare(theirs, ours), nil
}

func (c comparison) words(name string, args ...string) []string {
	return slices.Concat(c.compose, []string{"--project-name", name}, args)
}

// made brings a project up, takes down what there is of it, and removes it.
func (c comparison) made(ctx context.Context, name, folder string, up, down []string) (facts map[string]string, err error) {
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removal)
		defer cancel()
		err = errors.Join(err, command(ctx, folder, down))
	}()
	if err := command(ctx, folder, up); err != nil {
		return nil, err
	}
	return c.engine.facts(ctx, name, paths(folder))
}

// command runs quietly, in the project's folder; what it said is in its error.
func command(ctx context.Context, folder string, words []string) error {
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Dir = folder
	said, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(words, " "), err, said)
	}
	return nil
}

// paths are the files of containers that are compared: SERVICE PATH on each line of the project's same.txt.
func paths(folder string) [][2]string {
	text, err := os.ReadFile(filepath.Join(folder, "same.txt"))
	if err != nil {
		return nil
	}
	var all [][2]string
	for line := range strings.Lines(string(text)) {
		if service, path, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			all = append(all, [2]string{service, path})
		}
	}
	return all
}

// difference is a fact of which the two say something else; "nothing" where one has no such thing.
type difference struct{ what, theirs, ours, known string }

func compare(theirs, ours map[string]string) []difference {
	all := maps.Clone(theirs)
	maps.Copy(all, ours)
	var differences []difference
	for _, what := range slices.Sorted(maps.Keys(all)) {
		d := difference{what: what, theirs: "nothing", ours: "nothing"}
		a, here := theirs[what]
		b, there := ours[what]
		if here {
			d.theirs = a
		}
		if there {
			d.ours = b
		}
		if d.theirs == d.ours {
			continue
		}
		d.known = known(what, a, b)
		differences = append(differences, d)
	}
	return differences
}

// known is why the two differ on purpose, "" where they do not. docs/compose-support.md says the same.
func known(what, theirs, ours string) string {
	switch _, fact, _ := strings.Cut(what, " "); {
	case fact == "ports" && theirs != "" && sameWords(strings.ReplaceAll(theirs, "0.0.0.0", "127.0.0.1"), ours):
		return "a port without an address is published on this machine only"
	case strings.HasPrefix(fact, "mount ") && strings.HasPrefix(theirs, "bind ") && ours == "":
		return "a config or a secret that is a file is copied in, and not mounted"
	case strings.HasPrefix(fact, "file ") && content(theirs) == content(ours):
		return "a config or a secret that is a file has the owner and the mode that the project says"
	}
	return ""
}

func sameWords(a, b string) bool {
	first, second := strings.Fields(a), strings.Fields(b)
	slices.Sort(first)
	slices.Sort(second)
	return slices.Equal(first, second)
}

// content is a file without its owner and mode.
func content(file string) string {
	_, text, _ := strings.Cut(file, " ")
	_, text, _ = strings.Cut(text, " ")
	return text
}
