package main

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/labs"
	"github.com/ddsctl/ddsctl/labs/export"
	"github.com/ddsctl/ddsctl/tui/blueprint"
)

// formatSVG is drawn by the floor above the lab's own formats.
const formatSVG = "svg"

func newLabExportCommand(a *app) *cobra.Command {
	var o openOptions
	as := ""
	formats := []string{formatSVG}
	for _, f := range export.Formats() {
		formats = append(formats, string(f))
	}
	slices.Sort(formats)
	cmd := &cobra.Command{
		Use:   "export LAB|DIR --format FORMAT",
		Short: "Say a lab in other words: Compose, Kubernetes, Mermaid, Graphviz, SVG",
		Long: `Writes a lab, a Compose project, or a project that is attached, in another language. The same lab gives the same text.

  compose      one file that needs no other: variables, extends and configs are written into it
  kubernetes   Deployments, StatefulSets, Jobs, Services, ConfigMaps, Secrets, claims, and NetworkPolicies from the lab's links; what Kubernetes
               has no word for is said in a comment at the top
  mermaid      a flowchart that GitHub and GitLab draw
  dot          a graph for Graphviz
  svg          a picture of the topology`,
		Example: `  ddsctl lab export sharded-redis --format kubernetes | kubectl apply -f -
  ddsctl lab export ./shop --format mermaid
  ddsctl lab export topz --format svg > topz.svg`,
		Args:              positional(cobra.ExactArgs(1)),
		ValidArgsFunction: completeSources,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.labExport(cmd.Context(), o, args[0], as, formats)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&as, "format", "", "one of "+strings.Join(formats, ", "))
	flags.StringArrayVarP(&o.Files, "file", "f", nil, "a Compose file to read instead of the folder's own (may be repeated)")
	flags.StringArrayVar(&o.Profiles, "profile", nil, "a profile of the Compose file to enable (may be repeated)")
	flags.StringVar(&o.Variant, "variant", "", "one of the lab's other forms, as lab show names them")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("variant", completeVariants)
	return cmd
}

func (a *app) labExport(ctx context.Context, o openOptions, ref, as string, formats []string) error {
	if !slices.Contains(formats, as) {
		return usagef("--format %q: there are %s", as, strings.Join(formats, ", "))
	}
	o.Trust = true // nothing of it is run
	lab, err := a.described(ctx, o, ref)
	if err != nil {
		return err
	}
	if as == formatSVG {
		return blueprint.Draw(a.stdout, export.GraphOf(lab))
	}
	text, err := export.Of(lab, export.Format(as))
	if err != nil {
		return err
	}
	_, err = a.stdout.Write(text)
	return err
}

// described is the lab that a word means: of the catalogue, a folder, or a project that is attached.
func (a *app) described(ctx context.Context, o openOptions, ref string) (*labs.Lab, error) {
	lab, err := o.open(ctx, ref)
	if err == nil || looksLikePath(ref) {
		return lab, err
	}
	running, unreachable := a.running(ctx)
	if unreachable != nil {
		return nil, err
	}
	for _, l := range running {
		if l.name == ref && l.attached() {
			if lab, ok := a.definition(ctx, l); ok {
				return lab, nil
			}
		}
	}
	return nil, err
}
