package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/cmd/ddsctl/output"
	"github.com/ddsctl/ddsctl/scenarios/expect"
	"github.com/ddsctl/ddsctl/scenarios/record"
	"github.com/ddsctl/ddsctl/scenarios/report"
	"github.com/ddsctl/ddsctl/scenarios/report/scene"
	"github.com/ddsctl/ddsctl/scenarios/store"
)

// reportOptions say what is made of runs.
type reportOptions struct {
	html, pictures string
	png            bool
	scale          float64
}

func newScenarioReportCommand(a *app) *cobra.Command {
	o := reportOptions{scale: 2}
	cmd := &cobra.Command{
		Use:   "report [RUN...]",
		Short: "Draw the report of a run, or of several side by side",
		Long: `Writes the report of a run as one page that needs no network and no script: throughput, latency percentiles and heat map, errors, links,
topology, faults as bands, and each expectation with its verdict. Several runs are drawn side by side on the same scales. RUN is a scenario
(its latest run), SCENARIO/TIME, or a folder. Without RUN, the runs there are.`,
		Example: `  ddsctl scenario report                                   the runs there are
  ddsctl scenario report shard-loss                        its latest run
  ddsctl scenario report shard-loss/20260102-120000 shard-loss --html compared.html
  ddsctl scenario report shard-loss --pictures ./out --png single pictures
  ddsctl scenario report shard-loss -o json                everything that was recorded`,
		ValidArgsFunction: completeRuns,
		RunE:              func(_ *cobra.Command, args []string) error { return a.scenarioReport(o, args) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.html, "html", "", "write the page to this file (default: report.html in the run's folder)")
	flags.StringVar(&o.pictures, "pictures", "", "write each picture to this folder, as SVG")
	flags.BoolVar(&o.png, "png", false, "write pictures as PNG instead of SVG")
	flags.Float64Var(&o.scale, "scale", o.scale, "pixels of a PNG for each of the picture's own")
	a.formatFlag(cmd)
	return cmd
}

func completeRuns(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var list []cobra.Completion
	all, _ := store.New("").List("") // a store that cannot be read completes nothing
	for _, f := range all {
		list = append(list, f.Scenario+"/"+f.Name)
	}
	return list, cobra.ShellCompDirectiveNoFileComp
}

// runEntry is the JSON form of a run in a list: part of the contract.
type runEntry struct {
	Run     string         `json:"run"`
	Verdict expect.Verdict `json:"verdict"`
	Start   time.Time      `json:"start"`
	Seed    uint64         `json:"seed"`
	Variant string         `json:"variant,omitempty"`
	Folder  string         `json:"folder"`
}

func (a *app) scenarioReport(o reportOptions, args []string) error {
	runs := store.New("")
	if len(args) == 0 {
		return a.listRuns(runs)
	}
	var records []record.Record
	var folders []store.Folder
	for _, ref := range args {
		r, folder, err := runs.Load(ref)
		if err != nil {
			return err
		}
		records, folders = append(records, r), append(folders, folder)
	}
	if a.format != output.Table {
		return a.print(records, nil, nil)
	}
	if o.pictures != "" {
		return a.writePictures(o, records)
	}
	page := func(w io.Writer) error { return report.HTML(w, records...) }
	if o.html != "" {
		dir, name := filepath.Split(o.html)
		if dir == "" {
			dir = "."
		}
		if err := (store.Folder{Path: dir}).Write(name, page); err != nil {
			return err
		}
	} else {
		o.html = filepath.Join(folders[0].Path, store.ReportFile)
		if err := folders[0].Write(store.ReportFile, page); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(a.stdout, o.html)
	return err
}

func (a *app) listRuns(runs store.Store) error {
	folders, err := runs.List("")
	if err != nil {
		return err
	}
	entries, rows := []runEntry{}, [][]string{}
	for _, f := range folders {
		name := f.Scenario + "/" + f.Name
		r, _, err := runs.Load(f.Path)
		if err != nil {
			a.say("%v", err)
			continue
		}
		entries = append(entries, runEntry{name, r.Verdict, r.Start, r.Seed, r.Variant, f.Path})
		rows = append(rows, []string{name, string(r.Verdict), r.Start.Local().Format(time.DateTime), r.Variant})
	}
	if len(entries) == 0 && a.format == output.Table {
		a.say("no scenario was run yet: ddsctl scenario run shard-loss")
		return nil
	}
	return a.print(entries, []string{"RUN", "VERDICT", "STARTED", "VARIANT"}, rows)
}

func (a *app) writePictures(o reportOptions, records []record.Record) error {
	if err := os.MkdirAll(o.pictures, 0o755); err != nil {
		return fmt.Errorf("make the folder for pictures: %w", err)
	}
	for i, r := range records {
		for _, piece := range report.Pieces(r) {
			name, draw := piece.Name+".svg", func(s *scene.Scene) func(io.Writer) error { return s.SVG }
			if o.png {
				name, draw = piece.Name+".png", func(s *scene.Scene) func(io.Writer) error {
					return func(w io.Writer) error { return s.PNG(w, o.scale) }
				}
			}
			if len(records) > 1 {
				name = fmt.Sprintf("%d-%s", i+1, name)
			}
			if err := (store.Folder{Path: o.pictures}).Write(name, draw(piece.Scene)); err != nil {
				return err
			}
			if _, err := fmt.Fprintln(a.stdout, filepath.Join(o.pictures, name)); err != nil {
				return err
			}
		}
	}
	return nil
}
