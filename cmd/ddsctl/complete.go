package main

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/runtime/engine"
)

// completionPatience is how long completing a word may wait for the engine: somebody has pressed a key and waits.
const completionPatience = 700 * time.Millisecond

type completer = func(cmd *cobra.Command, args []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective)

// completeRunning lists what is running, or nothing where the engine does not say so in time.
func (a *app) completeRunning(cmd *cobra.Command) []runningLab {
	ctx, cancel := context.WithTimeout(cmd.Context(), completionPatience)
	defer cancel()
	labs, err := a.running(ctx)
	if err != nil {
		return nil
	}
	return labs
}

func (l runningLab) completion() cobra.Completion {
	from := l.source
	if from == "catalogue" && l.slug != l.name {
		from = l.slug
	}
	return cobra.CompletionWithDesc(l.name, "running, from "+from)
}

// completeLab completes [LAB].
func (a *app) completeLab(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var list []cobra.Completion
	if len(args) == 0 {
		for _, l := range a.completeRunning(cmd) {
			list = append(list, l.completion())
		}
	}
	return list, cobra.ShellCompDirectiveNoFileComp
}

// completeNodes completes [LAB] NODE..., at most limit nodes; 0 is any number.
func (a *app) completeNodes(limit int, services bool) completer {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		labs := a.completeRunning(cmd)
		var list []cobra.Completion
		if len(args) == 0 {
			for _, l := range labs {
				list = append(list, l.completion())
			}
			if one, ok := only(labs); ok {
				list = append(list, one.nodeCompletions(nil, services)...)
			}
			return list, cobra.ShellCompDirectiveNoFileComp
		}
		l, given, err := pickFirst(labs, args)
		if err != nil || limit > 0 && len(given) >= limit {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return l.nodeCompletions(given, services), cobra.ShellCompDirectiveNoFileComp
	}
}

// nodeCompletions are the nodes, and where asked for the services, that were not given yet.
func (l runningLab) nodeCompletions(given []string, services bool) []cobra.Completion {
	words := map[string]string{}
	names := engine.NodeNames(l.state.Containers)
	for _, c := range l.state.Containers {
		if services && c.Helper() == "" {
			words[c.Service] = "service of " + l.name
		}
	}
	for _, c := range l.state.Containers {
		words[names[c.ID]] = "node of " + l.name + ", " + string(c.Phase)
	}
	var list []cobra.Completion
	for _, word := range slices.Sorted(maps.Keys(words)) {
		if !slices.Contains(given, word) {
			list = append(list, cobra.CompletionWithDesc(word, words[word]))
		}
	}
	return list
}
