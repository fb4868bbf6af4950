// Package queue keeps the items of a work queue, and who works on which. Each is handed out until somebody has said that it is done, and each is done once:
// what has been said yes to is on disk.
//
//	q, err := queue.Open(queue.Options{Path: "/data/queue.db", Lease: 6 * time.Second, Attempts: 3})
//	fresh, err := q.Add("film-1", "film-2")
//	item, ok, err := q.Take("worker-1")         // for a while
//	recorded, err := q.Done(item.Token, result)  // or q.Fail(item.Token, "exit status 1", false)
package queue

import (
	"cmp"
	"container/heap"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.etcd.io/bbolt"
)

// ErrStale is the answer to a token that is not that of the item's last attempt: the lease ran out, and somebody else has the item, or will have it.
var ErrStale = errors.New("the lease is over: the item is somebody else's, or waits again")

// State is where an item is. It is in one of four.
type State string

// The states.
const (
	Waiting  State = "waiting"
	InFlight State = "in_flight" // a worker has it
	Done     State = "done"
	Dead     State = "dead" // set aside: nobody tries it again by itself
)

// Item is one piece of work.
type Item struct {
	Name  string `json:"name"`
	State State  `json:"state"`
	// Attempts counts those that were begun, the one under way included.
	Attempts int `json:"attempts"`
	// Worker is the one that has it, or had it last.
	Worker string    `json:"worker,omitempty"`
	Added  time.Time `json:"added"`
	// Due is when it may be begun, while it waits; and when the lease runs out, while it is in flight.
	Due time.Time `json:"due,omitzero"`
	// Began is when the last attempt did, and Ended when the item was done or set aside.
	Began  time.Time `json:"began,omitzero"`
	Ended  time.Time `json:"ended,omitzero"`
	Error  string    `json:"error,omitempty"` // of the last attempt that failed
	Result string    `json:"result,omitempty"`
	// Token is that of the last attempt.
	Token string `json:"token,omitempty"`

	Sequence uint64 `json:"sequence"` // in which they came
}

// Options say how a Queue is kept.
type Options struct {
	// Path is the journal's file.
	Path string
	// Lease is how long a worker has an item without a sign of life.
	Lease time.Duration
	// Attempts is how often an item is begun at most; then it is set aside.
	Attempts int
	// Wait is how long an item that failed waits; twice as long after each further failure, up to 20 times.
	Wait time.Duration
	// Now tells the time; nil is the clock.
	Now func() time.Time
	// Changed is told of each change of an item, as it was and as it is, in order; nil is nobody. It must not call the Queue.
	Changed func(before, after Item)
}

// Counts are how many items are in which state. Items is how many there are, counted by themselves: the states must add up to it.
type Counts struct {
	Items    int `json:"items"`
	Waiting  int `json:"waiting"`
	InFlight int `json:"in_flight"`
	Done     int `json:"done"`
	Dead     int `json:"dead"`
	// Redone are the done ones that took more than one attempt.
	Redone int `json:"redone"`
}

// Unaccounted is how many items are in no state, or negative where some are in two.
func (c Counts) Unaccounted() int { return c.Items - c.Waiting - c.InFlight - c.Done - c.Dead }

// Queue holds items. Its methods may be called at the same time.
type Queue struct {
	options Options
	db      *bbolt.DB

	mu     sync.Mutex
	items  map[string]Item
	tokens map[string]string // the last token of each item, and the item's name
	states map[State]int
	redone int
	line   line // those that wait, and some that do not any more
	more   chan struct{}
}

var bucket = []byte("items")

// Open opens the journal, or makes it. Workers could not renew their leases while nobody had it open: each lease begins anew.
func Open(o Options) (*Queue, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Changed == nil {
		o.Changed = func(Item, Item) {}
	}
	db, err := bbolt.Open(o.Path, 0o600, &bbolt.Options{Timeout: 5 * time.Second})
	if err != nil {
		return nil, fmt.Errorf("open the journal %s: %w", o.Path, err)
	}
	q := &Queue{options: o, db: db, items: map[string]Item{}, tokens: map[string]string{}, states: map[State]int{}, more: make(chan struct{})}
	lease := o.Now().Add(o.Lease)
	err = db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists(bucket)
		if err != nil {
			return err
		}
		return b.ForEach(func(name, text []byte) error {
			var i Item
			if err := json.Unmarshal(text, &i); err != nil {
				return fmt.Errorf("item %s: %w", name, err)
			}
			if i.State == InFlight {
				i.Due = lease
			}
			q.keep(i)
			return nil
		})
	})
	if err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("read the journal %s: %w", o.Path, err)
	}
	return q, nil
}

// Close closes the journal.
func (q *Queue) Close() error { return q.db.Close() }

// write puts items on disk, and then into memory.
func (q *Queue) write(items ...Item) error {
	err := q.db.Update(func(tx *bbolt.Tx) error {
		for _, i := range items {
			text, err := json.Marshal(i)
			if err != nil {
				return err
			}
			if err := tx.Bucket(bucket).Put([]byte(i.Name), text); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	for _, i := range items {
		before := q.items[i.Name]
		q.keep(i)
		q.options.Changed(before, i)
	}
	return nil
}

// keep puts an item into memory, in place of what it was.
func (q *Queue) keep(i Item) {
	if before, known := q.items[i.Name]; known {
		q.states[before.State]--
		delete(q.tokens, before.Token)
		if before.State == Done && before.Attempts > 1 {
			q.redone--
		}
	}
	q.items[i.Name] = i
	q.states[i.State]++
	if i.Token != "" && i.State != Waiting {
		q.tokens[i.Token] = i.Name
	}
	if i.State == Done && i.Attempts > 1 {
		q.redone++
	}
	if i.State == Waiting {
		heap.Push(&q.line, place{i.Name, i.Due, i.Sequence})
		close(q.more)
		q.more = make(chan struct{})
	}
}

// Add takes items on, and says how many of them were not known. They are on disk when it returns.
func (q *Queue) Add(names ...string) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.options.Now()
	var fresh []Item
	seen := map[string]bool{}
	for _, name := range names {
		if _, known := q.items[name]; known || seen[name] {
			continue
		}
		seen[name] = true
		fresh = append(fresh, Item{Name: name, State: Waiting, Added: now, Due: now, Sequence: uint64(len(q.items) + len(fresh) + 1)}) //nolint:gosec // a length
	}
	if len(fresh) == 0 {
		return 0, nil
	}
	return len(fresh), q.write(fresh...)
}

// Take gives the item that has waited longest to a worker, for a lease; false where none is due.
func (q *Queue) Take(worker string) (Item, bool, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.options.Now()
	for q.line.Len() > 0 && !q.line[0].due.After(now) {
		first := q.line[0]
		i := q.items[first.name]
		if i.State != Waiting || !i.Due.Equal(first.due) {
			heap.Pop(&q.line) // it does not wait there any more
			continue
		}
		i.State, i.Worker, i.Token, i.Began, i.Due = InFlight, worker, rand.Text(), now, now.Add(q.options.Lease)
		i.Attempts++
		if err := q.write(i); err != nil {
			return Item{}, false, err
		}
		heap.Pop(&q.line)
		return i, true, nil
	}
	return Item{}, false, nil
}

// Next is when the next item that waits is due, and false where none waits; more is closed when another one comes.
func (q *Queue) Next() (due time.Time, waits bool, more <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.line.Len() > 0 {
		due, waits = q.line[0].due, true
	}
	return due, waits, q.more
}

// held is the item whose last token it is, where a worker has it.
func (q *Queue) held(token string) (Item, error) {
	i, known := q.items[q.tokens[token]]
	if !known || i.State != InFlight {
		return Item{}, ErrStale
	}
	return i, nil
}

// Renew begins the lease anew.
func (q *Queue) Renew(token string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	i, err := q.held(token)
	if err != nil {
		return err
	}
	// Not on disk: Open begins all leases anew anyway.
	i.Due = q.options.Now().Add(q.options.Lease)
	q.items[i.Name] = i
	return nil
}

// Done records the result of an item. Whoever says it again with the same token is told that it was recorded before: false, and no error.
func (q *Queue) Done(token, result string) (recorded bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if i := q.items[q.tokens[token]]; i.State == Done {
		return false, nil
	}
	i, err := q.held(token)
	if err != nil {
		return false, err
	}
	i.State, i.Result, i.Ended, i.Error = Done, result, q.options.Now(), ""
	return true, q.write(i)
}

// Fail says that an attempt failed. The item waits for another one, or is set aside: where it has had all of its attempts, and where final says that it would
// fail again. It gives the item as it is then.
func (q *Queue) Fail(token, reason string, final bool) (Item, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	i, err := q.held(token)
	if err != nil {
		return Item{}, err
	}
	i = q.failed(i, reason, final)
	return i, q.write(i)
}

func (q *Queue) failed(i Item, reason string, final bool) Item {
	now := q.options.Now()
	i.Error = reason
	if final || i.Attempts >= q.options.Attempts {
		i.State, i.Ended, i.Due = Dead, now, time.Time{}
		return i
	}
	wait := q.options.Wait << min(i.Attempts-1, 10)
	i.State, i.Due = Waiting, now.Add(min(wait, 20*q.options.Wait))
	return i
}

// Release gives an item back as if it had never been taken.
func (q *Queue) Release(token string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	i, err := q.held(token)
	if err != nil {
		return err
	}
	i.State, i.Due = Waiting, q.options.Now()
	i.Attempts--
	return q.write(i)
}

// Expire ends the leases that ran out: their attempts failed. It says how many they were.
func (q *Queue) Expire() (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.options.Now()
	var late []Item
	for _, name := range q.tokens {
		if i := q.items[name]; i.State == InFlight && !i.Due.After(now) {
			late = append(late, q.failed(i, fmt.Sprintf("no sign of life of %s for %s", i.Worker, q.options.Lease), false))
		}
	}
	if len(late) == 0 {
		return 0, nil
	}
	slices.SortFunc(late, bySequence)
	return len(late), q.write(late...)
}

// Revive has the items that were set aside wait again, with all attempts before them, and says how many they are.
func (q *Queue) Revive() (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var again []Item
	for _, i := range q.items {
		if i.State == Dead {
			i.State, i.Attempts, i.Due, i.Ended = Waiting, 0, q.options.Now(), time.Time{}
			again = append(again, i)
		}
	}
	if len(again) == 0 {
		return 0, nil
	}
	slices.SortFunc(again, bySequence)
	return len(again), q.write(again...)
}

// Counts tells how many items are in which state.
func (q *Queue) Counts() Counts {
	q.mu.Lock()
	defer q.mu.Unlock()
	return Counts{Items: len(q.items), Waiting: q.states[Waiting], InFlight: q.states[InFlight], Done: q.states[Done], Dead: q.states[Dead], Redone: q.redone}
}

// Items are those that keep says yes to, as they were at one instant, in the order in which they came.
func (q *Queue) Items(keep func(Item) bool) []Item {
	q.mu.Lock()
	defer q.mu.Unlock()
	found := []Item{}
	for _, i := range q.items {
		if keep(i) {
			found = append(found, i)
		}
	}
	slices.SortFunc(found, bySequence)
	return found
}

func bySequence(a, b Item) int { return cmp.Compare(a.Sequence, b.Sequence) }
