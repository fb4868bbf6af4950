// Package gather makes submissions of what a learner has done.
package gather

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/ddsctl/ddsctl/scenarios/class"
	"github.com/ddsctl/ddsctl/scenarios/class/queue"
	"github.com/ddsctl/ddsctl/scenarios/class/secret"
	"github.com/ddsctl/ddsctl/scenarios/exercise/progress"
)

// evidenceMost is how many bytes of evidence go into one submission, so that it stays below class.MaxBody as JSON.
const evidenceMost = 384 << 10

// Lab is what a learner has done with a lab, and what is known of the lab.
type Lab struct {
	Done progress.Lab
	// Worth is what an exercise is worth, 0 where that is not known.
	Worth func(id string) int
	// Evidence is that of a passed attempt, nil where there is none.
	Evidence func(id string) ([]byte, error)
}

// Gathered is what there is to submit for a lab.
type Gathered struct {
	Submissions []class.Submission
	Remember    queue.Remembered
	// Left are exercises whose evidence is too large to be submitted; their points are.
	Left []string
}

// Submissions gives what has changed in a lab since the last time. Nothing is in it when nothing has.
func Submissions(lab Lab, before queue.Remembered, now time.Time) (Gathered, error) {
	if !class.ID(lab.Done.Lab) {
		return Gathered{}, fmt.Errorf("%q cannot be the name of a lab in a class", lab.Done.Lab)
	}
	out := Gathered{Remember: queue.Remembered{Evidence: map[string]string{}}}
	states, fresh := map[string]class.Exercise{}, map[string]class.Evidence{}
	for id, e := range lab.Done.Exercises {
		if e == nil || !class.ID(id) || len(e.Attempts) == 0 && e.Hints == 0 && e.Revealed == nil {
			continue
		}
		state := stateOf(*e, lab.Worth(id))
		if e.Passed != nil {
			text, err := lab.Evidence(id)
			if err != nil {
				return Gathered{}, err
			}
			if len(text) > 0 {
				packed, err := class.Pack(text)
				switch {
				case errors.Is(err, class.ErrTooLarge):
					out.Left = append(out.Left, id)
				case err != nil:
					return Gathered{}, err
				default:
					state.Evidence = packed.Digest
					out.Remember.Evidence[id] = packed.Digest
					if before.Evidence[id] != packed.Digest {
						fresh[id] = packed
					}
				}
			}
		}
		states[id] = state
	}
	slices.Sort(out.Left)
	text, err := json.Marshal(states)
	if err != nil {
		return Gathered{}, err
	}
	out.Remember.State = class.Digest(text)
	if len(states) == 0 || out.Remember.State == before.State {
		return out, nil
	}
	out.Submissions = split(lab.Done.Lab, states, fresh, now)
	return out, nil
}

func stateOf(e progress.Exercise, worth int) class.Exercise {
	if worth == 0 { // the lab is not here any more
		worth = max(1, int(math.Ceil(e.Best)))
	}
	return class.Exercise{Attempts: len(e.Attempts), Points: min(e.Best, float64(worth)), Worth: worth, Hints: e.Hints, Revealed: e.Revealed, Passed: e.Passed}
}

// split makes submissions that are within the bounds.
func split(lab string, states map[string]class.Exercise, evidence map[string]class.Evidence, now time.Time) []class.Submission {
	var list []class.Submission
	size := 0
	for _, id := range slices.Sorted(maps.Keys(states)) {
		packed, with := evidence[id]
		last := len(list) - 1
		if last < 0 || len(list[last].Exercises) == class.MaxExercises || with && (len(list[last].Evidence) == class.MaxEvidence || size+len(packed.Gzip) > evidenceMost) {
			list = append(list, class.Submission{Version: class.Version, Key: secret.Key(), Lab: lab, Time: now.UTC(),
				Exercises: map[string]class.Exercise{}, Evidence: map[string]class.Evidence{}})
			last, size = last+1, 0
		}
		list[last].Exercises[id] = states[id]
		if with {
			list[last].Evidence[id] = packed
			size += len(packed.Gzip)
		}
	}
	return list
}
