package lifecycle_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/ddsctl/ddsctl/runtime/engine/fake"
)

// newSandbox is an engine in memory. What a container does stands in its image's name: "done" exits with 0, "bad" exits with 3 after a
// word, any other runs until it is stopped. Commands in containers succeed.
func newSandbox() *fake.Engine {
	return fake.New(fake.Options{Program: func(ctx context.Context, p fake.Process) int {
		switch {
		case p.Exec || p.Container.Image == "done":
			return 0
		case p.Container.Image == "bad":
			_, _ = fmt.Fprintf(p.Stdout, "%s says goodbye\n", p.Container.Name)
			return 3
		}
		<-ctx.Done()
		return 0
	}})
}

// quick is a clock on which every pause is over at once, and what is longer than a second never ends.
type quick struct {
	mu  sync.Mutex
	now time.Time
}

func (q *quick) Now() time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.now
}

func (q *quick) After(d time.Duration) <-chan time.Time {
	if d > time.Second {
		return nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.now = q.now.Add(d)
	over := make(chan time.Time, 1)
	over <- q.now
	return over
}
