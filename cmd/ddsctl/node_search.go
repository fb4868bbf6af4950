package main

import (
	"cmp"
	"context"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/images/node/search/leaf"
	"github.com/ddsctl/ddsctl/images/node/search/root"
)

func newNodeSearchCommand(a *app) *cobra.Command {
	return group("search", "Document search as a tree: leaves with parts of an index, and a root that asks them",
		"Document search as a tree: each leaf holds a part of an inverted index, and the root asks them and makes one answer of theirs.",
		newNodeSearchLeafCommand(a), newNodeSearchRootCommand(a))
}

func newNodeSearchLeafCommand(a *app) *cobra.Command {
	var o leaf.Options
	listen, config := ":8080", ""
	cmd := &cobra.Command{
		Use:   "leaf",
		Short: "A leaf: it holds the part of the index that the root tells it",
		Args:  positional(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.nodeSearchLeaf(cmd.Context(), o, listen, config) },
	}
	flags := cmd.Flags()
	flags.StringVar(&listen, "listen", listen, "address to listen on")
	flags.StringVar(&o.Name, "name", "", "its name (default: the host name)")
	flags.StringVar(&o.Corpus, "corpus", "/corpus/kjv.txt", "file of all documents, one a line: title, space, text")
	flags.StringVar(&config, "config", "", "YAML file that says how long it takes")
	flags.Uint64Var(&o.Seed, "seed", 1, "with the name, fixes which answers are slow")
	return cmd
}

func (a *app) nodeSearchLeaf(ctx context.Context, o leaf.Options, listen, config string) error {
	o.Name, o.Log = cmp.Or(o.Name, hostName("leaf")), slog.New(slog.NewTextHandler(a.stderr, nil))
	if config != "" {
		var err error
		if o.Config, err = leaf.ReadConfig(config); err != nil {
			return err
		}
	}
	l, err := leaf.New(o)
	if err != nil {
		return err
	}
	listener, err := listenOn(ctx, listen)
	if err != nil {
		return err
	}
	return l.Serve(ctx, listener)
}

func newNodeSearchRootCommand(a *app) *cobra.Command {
	listen, config := ":8080", "/etc/search/root.yaml"
	cmd := &cobra.Command{
		Use:   "root",
		Short: "The root: it divides the corpus among leaves, asks them, and makes one answer",
		Args:  positional(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.nodeSearchRoot(cmd.Context(), listen, config) },
	}
	flags := cmd.Flags()
	flags.StringVar(&listen, "listen", listen, "address to listen on")
	flags.StringVar(&config, "config", config, "YAML file that says where the leaves are and how they are asked")
	return cmd
}

func (a *app) nodeSearchRoot(ctx context.Context, listen, config string) error {
	c, err := root.ReadConfig(config)
	if err != nil {
		return err
	}
	r, err := root.New(root.Options{Config: c, Log: slog.New(slog.NewTextHandler(a.stderr, nil))})
	if err != nil {
		return err
	}
	listener, err := listenOn(ctx, listen)
	if err != nil {
		return err
	}
	return r.Serve(ctx, listener)
}
