package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func newExerciseWatchCommand(a *app) *cobra.Command {
	var lab string
	var keep bool
	every := 3 * time.Second
	cmd := &cobra.Command{
		Use:   "watch [EXERCISE]",
		Short: "Check tasks again and again while you work, until they are passed",
		Long: `Checks the tasks that are open, and again when a file of the lab's folder changes or some time has passed, until all are passed or you press
Ctrl-C.`,
		Example:           `  ddsctl exercise watch eject`,
		Args:              positional(cobra.MaximumNArgs(1)),
		ValidArgsFunction: a.completeExercises(&lab),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.exerciseWatch(cmd.Context(), lab, args, every, keep)
		},
	}
	submitFlag(cmd, &keep)
	cmd.Flags().DurationVar(&every, "every", every, "how long between two checks at most")
	a.labFlag(cmd, &lab)
	return cmd
}

func (a *app) exerciseWatch(ctx context.Context, name string, args []string, every time.Duration, keep bool) error {
	last := map[string]string{}
	for {
		l, err := a.exercises(ctx, name)
		if err != nil {
			return err
		}
		tasks, err := l.tasks(args)
		if err != nil {
			return err
		}
		open := 0
		for _, ex := range tasks {
			if l.done.Of(ex.ID).Passed != nil && len(args) == 0 {
				continue
			}
			result, err := a.attempt(ctx, l, ex, "")
			if ctx.Err() != nil {
				return nil
			}
			if err != nil {
				return err
			}
			if !result.Passed() {
				open++
			}
			text, err := json.Marshal(result)
			if err != nil {
				return err
			}
			if last[ex.ID] != string(text) {
				last[ex.ID] = string(text)
				if err := a.sayResult(l, ex, result); err != nil {
					return err
				}
				if result.Passed() {
					a.submitPassed(ctx, l.Slug, keep)
				}
			}
		}
		if open == 0 {
			a.say("%s", a.paintErr("everything that is open is passed", okStyle))
			return nil
		}
		if err := untilChanged(ctx, l, every); err != nil {
			return nil //nolint:nilerr // the user pressed Ctrl-C
		}
	}
}

// untilChanged returns when a file of the lab's folder has changed, or after a while.
func untilChanged(ctx context.Context, l *exerciseLab, most time.Duration) error {
	before := fingerprintOf(l.folder())
	enough := time.NewTimer(most)
	defer enough.Stop()
	look := time.NewTicker(200 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-enough.C:
			return nil
		case <-look.C:
			if fingerprintOf(l.folder()) != before {
				return nil
			}
		}
	}
}

// fingerprintOf tells whether a folder's files have changed.
func fingerprintOf(folder fs.FS) string {
	if folder == nil {
		return ""
	}
	var b strings.Builder
	_ = fs.WalkDir(folder, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // gone meanwhile
		}
		if strings.Count(path, "/") > 4 {
			return filepath.SkipDir
		}
		if info, err := entry.Info(); err == nil {
			fmt.Fprintln(&b, path, info.Size(), info.ModTime().UnixNano())
		}
		return nil
	})
	return b.String()
}
