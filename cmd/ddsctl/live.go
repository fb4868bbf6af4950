package main

import (
	"context"
	"fmt"
	"time"

	"github.com/ddsctl/ddsctl/labs"
	"github.com/ddsctl/ddsctl/runtime/engine"
	"github.com/ddsctl/ddsctl/scenarios/live"
)

// openLive gives a handle on a running lab, whose definition is read in the way it was asked for.
func (a *app) openLive(ctx context.Context, lab runningLab) (*live.Lab, error) {
	client, err := a.engine(ctx)
	if err != nil {
		return nil, err
	}
	return live.Open(ctx, client, lab.name, live.Options{
		Address: client.Address(),
		Keep:    a.leaveKeeper,
		Definition: func(ctx context.Context, _ string, state engine.State) (*labs.Lab, error) {
			lab := lab
			lab.state = state
			opened, ok := a.definition(ctx, lab)
			if !ok {
				return nil, fmt.Errorf("the files of %s cannot be read any more", lab.name)
			}
			return opened, nil
		},
	})
}

// pickLive opens the lab that arguments of the form [LAB] WORD... are about, and gives the other words.
func (a *app) pickLive(ctx context.Context, args []string) (*live.Lab, []string, error) {
	lab, words, err := a.pickWords(ctx, args)
	if err != nil {
		return nil, nil, err
	}
	handle, err := a.openLive(ctx, lab)
	return handle, words, err
}

// clockTime is an instant as a person reads it on this day.
func clockTime(t time.Time) string { return t.Local().Format("15:04:05") }
