package main

import (
	"context"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/labs"
	"github.com/ddsctl/ddsctl/labs/attached"
	"github.com/ddsctl/ddsctl/labs/format"
	"github.com/ddsctl/ddsctl/labs/origin"
	"github.com/ddsctl/ddsctl/runtime/plan"
	"github.com/ddsctl/ddsctl/runtime/ready"
	"github.com/ddsctl/ddsctl/runtime/status"
)

// openOptions say how a lab is read. They are kept with the running lab, so that `lab apply` reads it in the same way.
type openOptions struct {
	origin.Asked

	name string
}

func (o *openOptions) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVarP(&o.Files, "file", "f", nil, "a Compose file to read instead of the folder's own (may be repeated)")
	flags.StringArrayVar(&o.Profiles, "profile", nil, "a profile of the Compose file to enable (may be repeated)")
	flags.BoolVar(&o.Trust, "trust", false, "allow a folder's lab what reaches beyond its folder and its containers")
	flags.BoolVar(&o.FreePorts, "free-ports", false, "publish on free ports instead of those that the lab names")
	flags.StringVar(&o.Variant, "variant", "", "one of the lab's other forms, as lab show names them")
	_ = cmd.RegisterFlagCompletionFunc("variant", completeVariants)
}

// open reads a lab: a slug of the catalogue, a folder or a Compose file.
func (o openOptions) open(ctx context.Context, ref string) (*labs.Lab, error) {
	return o.Open(ctx, ref, o.name, environ())
}

func environ() map[string]string {
	vars := map[string]string{}
	for _, entry := range os.Environ() {
		if name, value, ok := strings.Cut(entry, "="); ok {
			vars[name] = value
		}
	}
	return vars
}

// asked is how a running lab was asked for.
func (l runningLab) asked() openOptions {
	return openOptions{Asked: origin.Of(l.state).Asked, name: l.name}
}

// ref is what a running lab was made from, as labs.Open takes it.
func (l runningLab) ref() string {
	if l.source == labs.SourceCatalogue {
		return l.slug
	}
	return l.source
}

// definition reads anew what a running lab was made from, where that is still there.
func (a *app) definition(ctx context.Context, l runningLab) (*labs.Lab, bool) {
	if l.attached() {
		lab, err := attached.Open(ctx, a.engineClient, l.name, l.state, environ())
		return lab, err == nil
	}
	if l.source == "" {
		return nil, false
	}
	lab, err := l.asked().open(ctx, l.ref())
	return lab, err == nil
}

// specOf is what a running lab was made from, where that can still be read.
func (a *app) specOf(ctx context.Context, l runningLab) (plan.Spec, bool) {
	lab, ok := a.definition(ctx, l)
	if !ok {
		return plan.Spec{}, false
	}
	return lab.Spec(), true
}

// projectName is the name under which a lab that is not running would run.
func (a *app) projectName(ctx context.Context, ref string) (string, bool) {
	lab, err := openOptions{}.open(ctx, ref)
	if err != nil {
		return "", false
	}
	return lab.Project.Name, true
}

// addressesOf are the addresses at which a running lab is reached.
func (a *app) addressesOf(ctx context.Context, l runningLab) []address {
	var urls []format.URL
	if lab, ok := a.definition(ctx, l); ok && lab.Format != nil {
		urls = lab.Format.URLs
	}
	return addresses(l.state.Containers, urls, a.engineClient.Address())
}

// lookOptions are the conditions of readiness by service, which services are meant to end, and whose network a service is in.
func lookOptions(spec plan.Spec) status.Options {
	desired, err := plan.Want(spec)
	if err != nil {
		return status.Options{Probes: spec.Probes}
	}
	o := status.Options{Probes: map[string][]ready.Probe{}, Providers: map[string]string{}, Ends: map[string]bool{}}
	for _, s := range desired.Services {
		o.Probes[s.Name], o.Ends[s.Name] = s.Probes, s.Ends
		for _, share := range s.Shares {
			if share.Namespace == plan.ShareNetwork {
				o.Providers[s.Name] = share.Service
			}
		}
	}
	return o
}

// completeSources completes LAB|DIR: the catalogue, and folders.
func completeSources(_ *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	if looksLikePath(word) {
		return nil, cobra.ShellCompDirectiveFilterDirs
	}
	return completeSlugs(), cobra.ShellCompDirectiveNoFileComp
}

func completeSlugs() []cobra.Completion {
	entries, err := labs.Catalogue()
	if err != nil {
		return nil
	}
	var list []cobra.Completion
	for _, e := range entries {
		list = append(list, cobra.CompletionWithDesc(e.Slug, e.Summary))
	}
	return list
}

// completeVariants completes --variant for the lab that was named.
func completeVariants(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	lab, err := openOptions{}.open(cmd.Context(), args[0])
	if err != nil || lab.Format == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var list []cobra.Completion
	for name, v := range lab.Format.Variants {
		list = append(list, cobra.CompletionWithDesc(name, v.About))
	}
	return list, cobra.ShellCompDirectiveNoFileComp
}
