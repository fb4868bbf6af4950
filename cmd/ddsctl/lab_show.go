package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/cmd/ddsctl/output"
	"github.com/ddsctl/ddsctl/labs"
	"github.com/ddsctl/ddsctl/labs/format"
	"github.com/ddsctl/ddsctl/labs/workload"
)

// labShown is the JSON form of a lab: part of the contract. Answers of exercises are not in it.
type labShown struct {
	Slug      string          `json:"slug"`
	Title     string          `json:"title"`
	Source    string          `json:"source"`
	Chapter   int             `json:"chapter,omitempty"`
	Pattern   string          `json:"pattern,omitempty"`
	Summary   string          `json:"summary,omitempty"`
	Services  []serviceShown  `json:"services"`
	Links     []format.Link   `json:"links"`
	Workloads []workload.Spec `json:"workloads"`
	Exercises []exerciseShown `json:"exercises"`
	Variants  []variantShown  `json:"variants"`
	Addresses []labs.Address  `json:"addresses"`
	Try       []format.Try    `json:"try"`
	Guide     string          `json:"guide,omitempty"`
}

type serviceShown struct {
	Name     string `json:"name"`
	Kind     string `json:"kind,omitempty"`
	Role     string `json:"role,omitempty"`
	Image    string `json:"image,omitempty"`
	Replicas int    `json:"replicas"`
}

type exerciseShown struct {
	ID    string `json:"id"`
	Title string `json:"title"`
}

type variantShown struct {
	Name  string `json:"name"`
	About string `json:"about,omitempty"`
}

func newLabShowCommand(a *app) *cobra.Command {
	source := openOptions{}
	cmd := &cobra.Command{
		Use:   "show [LAB|DIR]",
		Short: "Read a lab's guide: what to predict, do and watch",
		Long: `Shows a lab's guide, set for the terminal, or as Markdown where the output goes elsewhere. A folder without a guide shows what it is made
of. Without a name, the lab that is running.`,
		Example: `  ddsctl lab show sharded-redis
  ddsctl lab show sharded-redis | less
  ddsctl lab show sharded-redis -o json     services, links, workloads, exercises`,
		Args: positional(cobra.MaximumNArgs(1)),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
			list, directive := completeSources(cmd, args, word)
			if len(args) == 0 && directive == cobra.ShellCompDirectiveNoFileComp {
				for _, l := range a.completeRunning(cmd) {
					if l.slug != l.name {
						list = append(list, l.completion())
					}
				}
			}
			return list, directive
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.labShow(cmd.Context(), source, args) },
	}
	source.flags(cmd)
	a.formatFlag(cmd)
	return cmd
}

func (a *app) labShow(ctx context.Context, source openOptions, args []string) error {
	lab, err := a.opened(ctx, source, args)
	if err != nil {
		return err
	}
	if a.format != output.Table {
		return a.print(shown(lab), nil, nil)
	}
	if guide := lab.Guide(); guide != "" {
		return a.markdown(guide)
	}
	return a.markdown(outline(lab))
}

// opened is the lab that a word names: one of the catalogue, a folder, else one that is running under that name.
func (a *app) opened(ctx context.Context, source openOptions, args []string) (*labs.Lab, error) {
	if len(args) == 1 {
		lab, err := source.open(ctx, args[0])
		if err == nil || looksLikePath(args[0]) {
			return lab, err
		}
		running, runErr := a.running(ctx)
		if runErr != nil {
			return nil, err
		}
		l, pickErr := pick(running, args[0])
		if pickErr != nil {
			return nil, err
		}
		return l.asked().open(ctx, l.ref())
	}
	if len(source.Files) > 0 {
		return source.open(ctx, "")
	}
	running, err := a.running(ctx)
	if err != nil {
		return nil, usagef("which lab? `ddsctl lab list` shows the catalogue")
	}
	l, err := pick(running, "")
	if err != nil {
		return nil, err
	}
	return l.asked().open(ctx, l.ref())
}

func shown(lab *labs.Lab) labShown {
	s := labShown{Slug: lab.Slug, Title: lab.Title, Source: lab.Source, Services: []serviceShown{}, Links: append([]format.Link{}, lab.Links()...),
		Workloads: append([]workload.Spec{}, lab.Workloads()...), Exercises: []exerciseShown{}, Variants: []variantShown{},
		Addresses: append([]labs.Address{}, lab.Addresses()...), Try: append([]format.Try{}, lab.Try()...), Guide: lab.Guide()}
	for _, name := range lab.Project.ServiceNames() {
		known, config := lab.Service(name), lab.Project.Services[name]
		s.Services = append(s.Services, serviceShown{name, known.Kind, known.Role, config.Image, config.GetScale()})
	}
	if f := lab.Format; f != nil {
		s.Chapter, s.Pattern, s.Summary = f.Chapter, f.Pattern, f.Summary
		for _, e := range f.Exercises {
			s.Exercises = append(s.Exercises, exerciseShown{e.ID, e.Title})
		}
		for _, name := range slices.Sorted(maps.Keys(f.Variants)) {
			s.Variants = append(s.Variants, variantShown{name, f.Variants[name].About})
		}
	}
	return s
}

// outline is what stands for the guide of a lab that has none.
func outline(lab *labs.Lab) string {
	s := shown(lab)
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\nA Compose project in `%s`.\n\n| service | image | nodes |\n| --- | --- | --- |\n", s.Title, s.Source)
	for _, service := range s.Services {
		fmt.Fprintf(&b, "| %s | %s | %d |\n", service.Name, service.Image, service.Replicas)
	}
	if len(s.Links) > 0 {
		b.WriteString("\n## Links\n\n")
		for _, l := range s.Links {
			fmt.Fprintln(&b, strings.TrimSpace(fmt.Sprintf("- %s to %s %s", l.From, l.To, l.Label)))
		}
	}
	if len(s.Addresses) > 0 {
		b.WriteString("\n## Addresses\n\n")
		for _, x := range s.Addresses {
			fmt.Fprintf(&b, "- %s: `%s`\n", x.Service, x.URL)
		}
	}
	fmt.Fprintf(&b, "\n## Next\n\n    ddsctl lab up %s\n", s.Source)
	return b.String()
}
