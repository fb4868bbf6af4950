package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/images"
	"github.com/ddsctl/ddsctl/labs/nearest"
	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/supply"
)

func newImageCommand(a *app) *cobra.Command {
	return group("image", "List, build and explain the images of labs",
		`The images that labs run: real components from Debian's packages, each with a page of its ports, parameters and files. A lab
builds what it needs by itself; these commands are for looking, and for building beforehand.`,
		newImageListCommand(a), newImageBuildCommand(a), newImageDocsCommand(a))
}

func (a *app) supply(ctx context.Context) (*supply.Supply, error) {
	client, err := a.engine(ctx)
	if err != nil {
		return nil, err
	}
	return supply.New(client, supply.Options{Address: client.Address()}), nil
}

func newImageListCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Aliases: []string{"ls"},
		Short: "List ddsctl's images: whether they are there, and how large they are",
		Example: `  ddsctl image list
  ddsctl image list -o json`,
		Args: positional(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.imageList(cmd.Context()) },
	}
	a.formatFlag(cmd)
	return cmd
}

func (a *app) imageList(ctx context.Context) error {
	s, err := a.supply(ctx)
	if err != nil {
		return err
	}
	list, err := s.List(ctx)
	if err != nil {
		return err
	}
	rows := make([][]string, 0, len(list))
	for _, i := range list {
		row := []string{i.Ref, i.State, "", ""}
		if i.State != supply.OwnAbsent {
			row[2], row[3] = humanize.IBytes(uint64(max(i.Size, 0))), i.Created.Local().Format(time.DateTime)
		}
		rows = append(rows, row)
	}
	return a.print(list, []string{"IMAGE", "STATE", "SIZE", "CREATED"}, rows)
}

type imageBuildOptions struct {
	force bool
	prune bool
}

// imageBuilt is the JSON form of a built image: part of the contract.
type imageBuilt struct {
	Ref string `json:"ref"`
	ID  string `json:"id"`
	How string `json:"how"` // present, pulled, built, bootstrapped, imported
}

func newImageBuildCommand(a *app) *cobra.Command {
	var o imageBuildOptions
	cmd := &cobra.Command{
		Use:   "build [IMAGE...]",
		Short: "Build ddsctl's images, all or the named ones, where they are missing or stale",
		Example: `  ddsctl image build                  all, for instance before a class without a network
  ddsctl image build redis twemproxy
  ddsctl image build --force redis    anew, with the newest packages`,
		ValidArgsFunction: completeImages,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.imageBuild(cmd.Context(), o, args) },
	}
	cmd.Flags().BoolVar(&o.force, "force", false, "build anew although nothing has changed")
	cmd.Flags().BoolVar(&o.prune, "prune", false, "afterwards remove what was replaced and nothing uses")
	a.formatFlag(cmd)
	return cmd
}

func (a *app) imageBuild(ctx context.Context, o imageBuildOptions, args []string) error {
	s, err := a.supply(ctx)
	if err != nil {
		return err
	}
	var requests []supply.Request
	for _, r := range s.All() {
		name, own := images.Own(r.Ref)
		if len(args) == 0 || own && slices.Contains(args, name) || slices.Contains(args, r.Ref) {
			r.Force = o.force
			requests = append(requests, r)
		}
	}
	if err := knownImages(s.All(), args); err != nil {
		return err
	}
	how := map[string]string{}
	progress := a.progress()
	shown := show(progress).Image
	ids, err := s.Ensure(ctx, requests, func(i engine.ImageProgress) {
		if i.Stage == engine.StageReady {
			how[i.Image] = i.Text
		}
		shown(i)
	})
	progress.Close()
	if err != nil {
		return err
	}
	if o.prune {
		removed, err := s.Prune(ctx)
		if err != nil {
			return err
		}
		a.say("removed %d replaced images", removed)
	}
	built, rows := []imageBuilt{}, [][]string{}
	for _, r := range requests {
		built = append(built, imageBuilt{r.Ref, ids[r.Ref], how[r.Ref]})
		rows = append(rows, []string{r.Ref, how[r.Ref], shortID(ids[r.Ref])})
	}
	return a.print(built, []string{"IMAGE", "HOW", "ID"}, rows)
}

// knownImages refuses words that are no image of ddsctl's own.
func knownImages(all []supply.Request, words []string) error {
	var known []string
	for _, r := range all {
		if name, own := images.Own(r.Ref); own {
			known = append(known, name)
		}
	}
	for _, word := range words {
		if slices.Contains(known, word) || slices.ContainsFunc(all, func(r supply.Request) bool { return r.Ref == word }) {
			continue
		}
		err := fmt.Errorf("no image %q", word)
		if near := nearest.Word(word, known); near != "" {
			return usageError{hint.Wrap(err, "did you mean %s?", near)}
		}
		return usageError{hint.Wrap(err, "there are %s", strings.Join(known, ", "))}
	}
	return nil
}

func shortID(id string) string {
	id = strings.TrimPrefix(id, "sha256:")
	return id[:min(12, len(id))]
}

func completeImages(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var list []cobra.Completion
	for _, name := range append(images.Names(), images.Node) {
		if !slices.Contains(args, name) {
			list = append(list, name)
		}
	}
	return list, cobra.ShellCompDirectiveNoFileComp
}

func newImageDocsCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "docs [IMAGE]",
		Short: "Show an image's page: its ports, parameters, files and user",
		Example: `  ddsctl image docs                   which images there are
  ddsctl image docs redis`,
		Args: positional(cobra.MaximumNArgs(1)),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return completeImages(cmd, args, word)
		},
		RunE: func(_ *cobra.Command, args []string) error { return a.imageDocs(args) },
	}
}

func (a *app) imageDocs(args []string) error {
	if len(args) == 0 {
		var rows [][]string
		for _, name := range append(images.Names(), images.Node) {
			text, err := images.Docs(name)
			if err != nil {
				return err
			}
			rows = append(rows, []string{name, firstSentence(text)})
		}
		return a.print(nil, []string{"IMAGE", "WHAT"}, rows)
	}
	name := strings.TrimPrefix(args[0], images.Prefix)
	text, err := images.Docs(name)
	if err != nil {
		if near := nearest.Word(name, append(images.Names(), images.Node)); near != "" {
			return usageError{hint.Wrap(err, "did you mean %s?", near)}
		}
		return usageError{err}
	}
	return a.markdown(text)
}

// firstSentence is the first one below the title of a Markdown text.
func firstSentence(text string) string {
	for _, paragraph := range strings.Split(text, "\n\n") {
		paragraph = strings.Join(strings.Fields(paragraph), " ")
		if paragraph == "" || strings.HasPrefix(paragraph, "#") {
			continue
		}
		before, _, found := strings.Cut(paragraph, ". ")
		if found {
			return before + "."
		}
		return paragraph
	}
	return ""
}
