package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/spf13/cobra"

	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/runtime/helper"
)

// Pauses of a keeper: it sleeps until the next fault is due, but looks now and then whether somebody else has healed it, and tries again
// when something went wrong.
const (
	keeperLooks = 5 * time.Second
	keeperAgain = 500 * time.Millisecond
	keeperLeast = 20 * time.Millisecond
)

// keeperPatience is how long a keeper tries to reach a lab that does not answer: an engine that is being restarted comes back.
const keeperPatience = 10 * time.Minute

func newFaultKeepCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:    "keep PROJECT",
		Short:  "Heal the faults on a lab's nodes when they are due, then end",
		Hidden: true,
		Args:   positional(cobra.ExactArgs(1)),
		RunE:   func(cmd *cobra.Command, args []string) error { return a.keepFaults(cmd.Context(), args[0]) },
	}
}

// keepFaults is what `fault inject --for` leaves behind for faults on nodes. See docs/adr/0002-where-a-fault-expires.md.
func (a *app) keepFaults(ctx context.Context, project string) error {
	lost := time.Now()
	for {
		wait, err := a.keepRound(ctx, project)
		switch {
		case err == nil && wait == 0:
			return nil
		case errors.Is(err, engine.ErrNotFound), errors.Is(err, helper.ErrAbsent):
			return nil // the lab is gone, and its faults with it
		case err == nil:
			lost = time.Now()
		case time.Since(lost) > keeperPatience:
			return err
		default:
			wait = keeperAgain
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// keepRound heals what is due, and says when to look again; 0 means that nothing is left to heal.
func (a *app) keepRound(ctx context.Context, project string) (time.Duration, error) {
	lab, err := a.openLive(ctx, runningLab{name: project})
	if err != nil {
		return 0, err
	}
	defer lab.Close() // what was done stands
	_, next, err := lab.Injector().HealOverdue(ctx)
	if err != nil || next == nil {
		return 0, err
	}
	return min(max(time.Until(*next), keeperLeast), keeperLooks), nil
}

// leaveKeeper starts a keeper in a session of its own: neither a closed terminal nor a kill -9 of this process reaches it.
func (a *app) leaveKeeper(_ context.Context, project string, _ time.Time) error {
	path, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find ddsctl's own file: %w", err)
	}
	args := []string{"fault", "keep", project}
	if a.host != "" {
		args = append(args, "--host", a.host)
	}
	keeper := exec.Command(path, args...) //nolint:gosec // ourselves
	keeper.Dir = string(os.PathSeparator)
	keeper.SysProcAttr = ownSession()
	if err := keeper.Start(); err != nil {
		return err
	}
	return keeper.Process.Release()
}
