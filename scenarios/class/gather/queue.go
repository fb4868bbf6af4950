package gather

import (
	"fmt"
	"time"

	"github.com/ddsctl/ddsctl/scenarios/class/queue"
	"github.com/ddsctl/ddsctl/scenarios/exercise/progress"
)

// Queued is what was put into the queue.
type Queued struct {
	Submissions int
	// Left are exercises, LAB/EXERCISE, whose evidence is too large to be submitted.
	Left []string
	// Skipped is why labs are not submitted.
	Skipped []error
}

// Into puts what has changed in these labs into a queue. worth tells what an exercise is worth, 0 where that is not known.
func Into(q queue.Queue, store progress.Store, names []string, worth func(lab, id string) int, now time.Time) (Queued, error) {
	var out Queued
	memory := q.Memory()
	for _, name := range names {
		done, err := store.Load(name)
		if err != nil {
			out.Skipped = append(out.Skipped, err)
			continue
		}
		found, err := Submissions(Lab{
			Done:     done,
			Worth:    func(id string) int { return worth(done.Lab, id) },
			Evidence: func(id string) ([]byte, error) { return store.Evidence(done.Lab, id) },
		}, memory[done.Lab], now)
		if err != nil {
			out.Skipped = append(out.Skipped, fmt.Errorf("%s: %w", name, err))
			continue
		}
		for _, id := range found.Left {
			out.Left = append(out.Left, done.Lab+"/"+id)
		}
		for _, s := range found.Submissions {
			if err := q.Add(s); err != nil {
				return out, err
			}
			out.Submissions++
		}
		// After the submissions are on disk: a crash in between sends them twice, and they count once.
		memory[done.Lab] = found.Remember
		if err := q.Remember(memory); err != nil {
			return out, err
		}
	}
	return out, nil
}
