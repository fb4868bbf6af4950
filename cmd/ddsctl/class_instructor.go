package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/cmd/ddsctl/output"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/runtime/wholefile"
	"github.com/ddsctl/ddsctl/scenarios/class"
	"github.com/ddsctl/ddsctl/scenarios/class/board"
	"github.com/ddsctl/ddsctl/scenarios/class/client"
	"github.com/ddsctl/ddsctl/scenarios/class/host"
	"github.com/ddsctl/ddsctl/scenarios/class/store"
)

// classLinkVariable holds the instructor's link, on a machine that is not the server's. It is no flag: others can read a command line.
const classLinkVariable = "DDSCTL_CLASS_LINK"

const instructorWords = `The server is the one of this machine (--data), or that of the instructor's link in DDSCTL_CLASS_LINK.`

// instructor is a client with the instructor's token.
func (a *app) instructor(data string) (*client.Client, error) {
	text := os.Getenv(classLinkVariable)
	if text == "" {
		links, err := host.LoadLinks(data)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, hint.Wrap(fmt.Errorf("no class is served from %s", data), "ddsctl class serve, or put your link into %s", classLinkVariable)
		case err != nil:
			return nil, err
		case links.Instructor == "":
			return nil, hint.Wrap(errors.New("the instructor's token is not known here"), "put your link into %s", classLinkVariable)
		}
		text = links.Instructor
	}
	link, err := client.ParseLink(text)
	if err != nil {
		return nil, fmt.Errorf("the instructor's link: %w", err)
	}
	return client.New(link, link.Token)
}

func dataFlag(cmd *cobra.Command, data *string) {
	*data = classData()
	cmd.Flags().StringVar(data, "data", *data, "the server's data folder")
}

func newClassRosterCommand(a *app) *cobra.Command {
	var data, remove, reset string
	cmd := &cobra.Command{
		Use:   "roster",
		Short: "Show who is in the class and how far; remove a student, or replace a lost secret",
		Long:  "Shows the class as the page does. " + instructorWords,
		Example: `  ddsctl class roster
  ddsctl class roster --reset 'Ada Lovelace'      prints a new secret, for ddsctl class join --as
  ddsctl class roster --remove 'Ada Lovelace'     with all that was submitted`,
		Args: positional(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if remove != "" && reset != "" {
				return usagef("either --remove or --reset")
			}
			c, err := a.instructor(data)
			if err != nil {
				return err
			}
			defer c.Close()
			view, err := c.Roster(cmd.Context())
			if err != nil {
				return err
			}
			switch {
			case remove != "":
				row, err := named(view, remove)
				if err != nil {
					return err
				}
				return c.Remove(cmd.Context(), row.ID)
			case reset != "":
				return a.classReset(cmd.Context(), c, view, reset)
			}
			return a.printRoster(view)
		},
	}
	dataFlag(cmd, &data)
	cmd.Flags().StringVar(&remove, "remove", "", "remove a student (name or ID) with all that was submitted")
	cmd.Flags().StringVar(&reset, "reset", "", "give a student (name or ID) a new secret")
	a.formatFlag(cmd)
	return cmd
}

func (a *app) classReset(ctx context.Context, c *client.Client, view board.View, who string) error {
	row, err := named(view, who)
	if err != nil {
		return err
	}
	joined, err := c.Reset(ctx, row.ID)
	if err != nil {
		return err
	}
	a.say("%s takes it with: ddsctl class join LINK --as %s", row.Name, row.ID)
	return a.print(struct {
		ID     string `json:"id"`
		Secret string `json:"secret"`
	}{joined.ID, joined.Secret}, []string{"ID", "SECRET"}, [][]string{{joined.ID, joined.Secret}})
}

// named is the student with a name or an ID.
func named(view board.View, who string) (board.Row, error) {
	for _, row := range view.Students {
		if row.ID == who || class.Fold(row.Name) == class.Fold(who) {
			return row, nil
		}
	}
	return board.Row{}, fmt.Errorf("nobody in the class is called %q", who)
}

func (a *app) printRoster(view board.View) error {
	rows := [][]string{}
	for _, s := range view.Students {
		last := "-"
		if s.Last != nil {
			last = output.Age(time.Since(*s.Last))
		}
		var progress []string
		for _, l := range s.Labs {
			progress = append(progress, fmt.Sprintf("%s %d/%d", l.Lab, l.Passed, l.Of))
		}
		passed := fmt.Sprint(s.Passed)
		if s.Doubtful > 0 {
			passed += fmt.Sprintf(" (%d doubtful)", s.Doubtful)
		}
		rows = append(rows, []string{s.Name, fmt.Sprintf("%s of %d", points(s.Points), s.Worth), passed, last, orDash(strings.Join(progress, ", "))})
	}
	if err := a.print(view, []string{"STUDENT", "POINTS", "PASSED", "LAST", "LABS"}, rows); err != nil || a.format != output.Table {
		return err
	}
	for _, h := range view.Hardest[:min(3, len(view.Hardest))] {
		a.say("hard: %s of %s, passed by %d of %d", h.Exercise, h.Lab, h.Passed, h.Tried)
	}
	return nil
}

func newClassExportCommand(a *app) *cobra.Command {
	var data, evidence string
	kind := "json"
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Export the class's marks as JSON or CSV",
		Long:  "Exports all marks. Everything that was acknowledged before is in it. " + instructorWords,
		Example: `  ddsctl class export -o csv > marks.csv
  ddsctl class export --evidence ./evidence     and what was taken from the labs, as LAB/EXERCISE/STUDENT.json`,
		Args: positional(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !slices.Contains([]string{"json", "csv"}, kind) {
				return usagef("unknown format %q: use json or csv", kind)
			}
			c, err := a.instructor(data)
			if err != nil {
				return err
			}
			defer c.Close()
			marks, err := c.Export(cmd.Context())
			if err != nil {
				return err
			}
			if evidence != "" {
				if err := a.exportEvidence(cmd.Context(), c, marks, evidence); err != nil {
					return err
				}
			}
			if kind == "csv" {
				return marks.CSV(a.stdout)
			}
			return output.Print(a.stdout, output.JSON, marks, output.Rows{})
		},
	}
	dataFlag(cmd, &data)
	cmd.Flags().StringVarP(&kind, "output", "o", kind, "json or csv")
	cmd.Flags().StringVar(&evidence, "evidence", "", "a folder to put the evidence into")
	return cmd
}

func (a *app) exportEvidence(ctx context.Context, c *client.Client, marks board.Export, dir string) error {
	written := 0
	for _, m := range marks.Marks {
		if m.Evidence == "" {
			continue
		}
		if !class.ID(m.Lab) || !class.ID(m.Exercise) || !class.StudentID(m.Student) { // they become a path
			return fmt.Errorf("the server names %q, %q, %q, which cannot be a file", m.Lab, m.Exercise, m.Student)
		}
		text, err := c.Evidence(ctx, m)
		if err != nil {
			a.say("no evidence of %s for %s/%s: %v", m.Name, m.Lab, m.Exercise, err)
			continue
		}
		if err := client.WritePrivate(filepath.Join(dir, m.Lab, m.Exercise, m.Student+".json"), text); err != nil {
			return fmt.Errorf("write the evidence: %w", err)
		}
		written++
	}
	a.say("%d pieces of evidence in %s", written, dir)
	return nil
}

func newClassBackupCommand(a *app) *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the class's database to a file, while it is served",
		Long: `Copies the whole database, as "etcdctl snapshot save" does. The copy holds hashes of secrets and tokens, not themselves. The certificate
authority and the links are in the data folder, not in the database: keep DATA/tls and DATA/links.json too. ` + instructorWords,
		Example: `  ddsctl class backup class.db
  ddsctl class restore class.db --data ./restored`,
		Args: positional(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.instructor(data)
			if err != nil {
				return err
			}
			defer c.Close()
			return a.classBackup(cmd.Context(), c, args[0])
		},
	}
	dataFlag(cmd, &data)
	return cmd
}

func (a *app) classBackup(ctx context.Context, c *client.Client, file string) error {
	var n int64
	err := wholefile.Write(file, 0o600, func(w io.Writer) (err error) {
		n, err = c.Backup(ctx, w)
		return err
	})
	if err != nil {
		return fmt.Errorf("write the backup: %w", err)
	}
	a.say("%s: %.1f MB", file, float64(n)/1e6)
	return nil
}

func newClassRestoreCommand(a *app) *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Make a data folder from a backup",
		Long: `Makes the class anew in a folder that holds none; "class serve --data" then serves it. Put DATA/tls and DATA/links.json of the old folder
beside it, and the old links and the students' trust stay good; without them, students join again (--new-tokens). A cluster is restored with
etcd's own etcdutl.`,
		Example: `  ddsctl class restore class.db --data ./restored`,
		Args:    positional(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := store.Restore(data, args[0]); err != nil {
				return err
			}
			a.say("restored; ddsctl class serve --data %s", data)
			return nil
		},
	}
	dataFlag(cmd, &data)
	return cmd
}
