package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ddsctl/ddsctl/labs/nearest"
	"github.com/ddsctl/ddsctl/labs/origin"
	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
)

// runningLab is a lab of which the engine holds something.
type runningLab struct {
	name   string // the project's
	slug   string // of the lab it was made from
	source string // "catalogue", or the folder or file it was read from
	state  engine.State

	preferred bool // labVariable names it
	moved     bool // another folder takes the place of the one that it was read from
}

// labVariable is the environment variable that names the lab that is meant where several are running.
const labVariable = "DDSCTL_LAB"

// only is the lab that is meant where none is named: the one that labVariable names, or the only one that is running.
func only(labs []runningLab) (runningLab, bool) {
	for _, l := range labs {
		if l.preferred {
			return l, true
		}
	}
	if len(labs) == 1 {
		return labs[0], true
	}
	return runningLab{}, false
}

// running lists what ddsctl made in the engine, by name.
func (a *app) running(ctx context.Context) ([]runningLab, error) {
	client, err := a.engine(ctx)
	if err != nil {
		return nil, err
	}
	projects, err := client.Projects(ctx)
	if err != nil {
		return nil, err
	}
	var labs []runningLab
	for _, name := range slices.Sorted(maps.Keys(projects)) {
		if name == "" {
			continue // carries our label and belongs to no project: no lab of ours
		}
		lab := runningLab{name: name, state: projects[name], preferred: name == cmp.Or(a.lab, os.Getenv(labVariable))}
		from := origin.Of(lab.state)
		lab.slug, lab.source = from.Slug, from.Source
		labs = append(labs, lab)
	}
	return labs, nil
}

// attached says that ddsctl stands beside the project, which somebody else has started.
func (l runningLab) attached() bool { return l.state.Attached() }

// is says whether a word names the lab: by its name, by its slug, or by the folder it was made from.
func (l runningLab) is(word string) bool {
	if word == l.name || word == l.slug {
		return true
	}
	if !looksLikePath(word) {
		return false
	}
	path, err := filepath.Abs(word)
	if err != nil {
		return false
	}
	return l.source != "" && (path == l.source || path == filepath.Dir(l.source))
}

// looksLikePath tells a folder from a lab's name.
func looksLikePath(word string) bool {
	return word == "." || word == ".." || strings.ContainsRune(word, '/') || strings.ContainsRune(word, os.PathSeparator)
}

// pick finds the one running lab that word names; without a word, the only one there is.
func pick(labs []runningLab, word string) (runningLab, error) {
	if word == "" {
		if l, ok := only(labs); ok {
			return l, nil
		}
		if len(labs) == 0 {
			return runningLab{}, hint.Wrap(fmt.Errorf("no lab is running"), "start one: ddsctl lab up sharded-redis (`ddsctl lab list` shows all)")
		}
		return runningLab{}, usageError{hint.Wrap(fmt.Errorf("several labs are running: %s", strings.Join(labNames(labs), ", ")),
			"name the one that is meant, or set %s to it", labVariable)}
	}
	for _, l := range labs {
		if l.name == word {
			return l, nil
		}
	}
	var found []runningLab
	for _, l := range labs {
		if l.is(word) {
			found = append(found, l)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return runningLab{}, notRunning(labs, word)
	}
	return runningLab{}, usageError{hint.Wrap(fmt.Errorf("%s is running several times: %s", word, strings.Join(labNames(found), ", ")), "name the one that is meant")}
}

func notRunning(labs []runningLab, word string) error {
	names := labNames(labs)
	err := fmt.Errorf("lab %q is not running: %w", word, engine.ErrNotFound)
	switch near := nearest.Word(word, names); {
	case near != "":
		return hint.Wrap(err, "did you mean %s?", near)
	case len(names) > 0:
		return hint.Wrap(err, "running: %s; start it with `ddsctl lab up %s`", strings.Join(names, ", "), word)
	}
	return hint.Wrap(err, "start it with `ddsctl lab up %s`", word)
}

func labNames(labs []runningLab) []string {
	names := make([]string, len(labs))
	for i, l := range labs {
		names[i] = l.name
	}
	return names
}

// pickWords splits arguments of the form [LAB] NODE... into the running lab and the other words.
func (a *app) pickWords(ctx context.Context, args []string) (runningLab, []string, error) {
	running, err := a.running(ctx)
	if err != nil {
		return runningLab{}, nil, err
	}
	return pickFirst(running, args)
}

// pickFirst splits arguments of the form [LAB] NODE... The first word is the lab where it names one; where only one lab is
// running, and the word is one of its nodes too, it is the lab only if a node follows.
func pickFirst(labs []runningLab, args []string) (runningLab, []string, error) {
	if len(args) == 0 {
		l, err := pick(labs, "")
		return l, nil, err
	}
	l, err := pick(labs, args[0])
	one, single := only(labs)
	switch {
	case err == nil:
		if single && l.name == one.name && l.hasNode(args[0]) && (len(args) == 1 || !l.hasNode(args[1])) {
			return l, args, nil
		}
		return l, args[1:], nil
	case single && one.hasNode(args[0]):
		return one, args, nil
	case single && !looksLikePath(args[0]):
		return l, nil, neither(one, args[0])
	}
	return l, nil, err
}

// pickBefore splits arguments of the form [LAB] WORD..., where nothing tells yet what words there may be.
func pickBefore(labs []runningLab, args []string) (runningLab, []string, error) {
	if len(args) > 0 {
		if l, err := pick(labs, args[0]); err == nil {
			return l, args[1:], nil
		} else if _, goesWithoutSaying := only(labs); !goesWithoutSaying {
			return l, nil, err
		}
	}
	l, err := pick(labs, "")
	return l, args, err
}

// neither says that a word is no running lab and no node of the only one.
func neither(l runningLab, word string) error {
	nodes := slices.Sorted(maps.Values(engine.NodeNames(l.state.Containers)))
	err := fmt.Errorf("%q is neither a running lab nor a node of %s: %w", word, l.name, engine.ErrNotFound)
	if near := nearest.Word(word, append(nodes, l.name)); near != "" {
		return hint.Wrap(err, "did you mean %s?", near)
	}
	return hint.Wrap(err, "%s has the nodes %s", l.name, strings.Join(nodes, ", "))
}

// nodes are the lab's containers without ddsctl's helpers, as the engine lists them.
func (l runningLab) nodes() []engine.Container {
	return slices.DeleteFunc(slices.Clone(l.state.Containers), func(c engine.Container) bool { return c.Helper() != "" })
}

func (l runningLab) hasNode(word string) bool {
	containers, _ := l.named(word)
	return len(containers) > 0
}

// named finds the containers that a word means: a node (redis-2), a service (all its nodes), a container's own name.
func (l runningLab) named(word string) ([]engine.Container, error) {
	names := engine.NodeNames(l.state.Containers)
	var found []engine.Container
	for _, is := range []func(engine.Container) bool{
		func(c engine.Container) bool { return names[c.ID] == word },
		func(c engine.Container) bool { return c.Service == word },
		func(c engine.Container) bool {
			return c.Name == word || len(word) >= 12 && strings.HasPrefix(c.ID, word)
		},
	} {
		for _, c := range l.state.Containers {
			if is(c) {
				found = append(found, c)
			}
		}
		if len(found) > 0 {
			return found, nil
		}
	}
	known := slices.Sorted(maps.Values(names))
	err := fmt.Errorf("%s has no node or service %q: %w", l.name, word, engine.ErrNotFound)
	if near := nearest.Word(word, known); near != "" {
		return nil, hint.Wrap(err, "did you mean %s? There are %s", near, strings.Join(known, ", "))
	}
	return nil, hint.Wrap(err, "there are %s", strings.Join(known, ", "))
}

// one finds the container that a word means, where only one may be meant.
func (l runningLab) one(word string) (engine.Container, error) {
	found, err := l.named(word)
	if err != nil {
		return engine.Container{}, err
	}
	if len(found) > 1 {
		names := engine.NodeNames(l.state.Containers)
		var list []string
		for _, c := range found {
			list = append(list, names[c.ID])
		}
		return engine.Container{}, usageError{hint.Wrap(fmt.Errorf("%s has several nodes: %s", word, strings.Join(list, ", ")), "name one of them")}
	}
	return found[0], nil
}
