package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/ddsctl/ddsctl/tui/pane"
)

// dashStudy reads what a lab gives a learner, as the command line lists it.
type dashStudy struct {
	commander     dashCommander
	project, slug string
}

// Exercises are the lab's exercises, and how far the learner is.
func (s dashStudy) Exercises(ctx context.Context) ([]pane.Exercise, error) {
	var entries []exerciseEntry
	if err := s.list(ctx, &entries, "exercise", "list", s.project); err != nil {
		return nil, err
	}
	out := make([]pane.Exercise, 0, len(entries))
	for _, e := range entries {
		note := fmt.Sprintf("%s of %d", points(e.Points), e.Worth)
		if e.State == "locked" && len(e.Needs) > 0 {
			note = "after " + e.Needs[0]
		}
		out = append(out, pane.Exercise{ID: e.ID, Title: e.Title, Question: e.Kind != "do", State: e.State, Note: note})
	}
	return out, nil
}

// Scenarios are the names of those of the lab.
func (s dashStudy) Scenarios(ctx context.Context) ([]string, error) {
	var entries []scenarioEntry
	if err := s.list(ctx, &entries, "scenario", "list"); err != nil {
		return nil, err
	}
	names := []string{}
	for _, e := range entries {
		if e.Lab == s.slug {
			names = append(names, e.Name)
		}
	}
	return names, nil
}

func (s dashStudy) list(ctx context.Context, into any, args ...string) error {
	var out, words bytes.Buffer
	if err := s.commander.run(ctx, s.project, append(args, "-o", "json"), &out, &words); err != nil {
		return err
	}
	return json.Unmarshal(out.Bytes(), into)
}
