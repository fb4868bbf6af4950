// Package queue keeps the deliveries of events to functions until they are done: each at least once, whatever dies in between. What it has
// said yes to is on disk.
//
//	q, err := queue.Open("/data/events.db")
//	err = q.Add(event, "welcome", "newsletter")
//	d, err := q.Next(ctx, "welcome")        // the one that is due first
//	err = q.Done(d)                          // or q.Retry(d, in, "timeout"), or q.Bury(d, "refused")
package queue

import (
	"cmp"
	"container/heap"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.etcd.io/bbolt"
)

// Event is something that happened.
type Event struct {
	// ID tells events apart, and stays the same over all deliveries.
	ID   string          `json:"id"`
	Type string          `json:"type"`
	Time time.Time       `json:"time"`
	Data json.RawMessage `json:"data,omitempty"`
}

// Delivery is an event on its way to a function.
type Delivery struct {
	Event    Event  `json:"event"`
	Function string `json:"function"`
	// Attempt is the number of the next attempt, or of the one under way, from 1.
	Attempt int       `json:"attempt"`
	Due     time.Time `json:"due"`
	// Error is what the last attempt ended with.
	Error string `json:"error,omitempty"`

	sequence uint64
}

// Addressed is an event and the functions that it goes to.
type Addressed struct {
	Event     Event
	Functions []string
}

var pending, dead = []byte("pending"), []byte("dead")

// Queue holds deliveries.
type Queue struct {
	db *bbolt.DB

	mu      sync.Mutex
	waiting map[string]*line
	taken   map[string]int
	dead    int
}

// line are a function's deliveries that are not under way.
type line struct {
	byDue   []Delivery
	changed chan struct{} // one that may be due earlier has come
}

func (l *line) Len() int           { return len(l.byDue) }
func (l *line) Less(i, j int) bool { return compare(l.byDue[i], l.byDue[j]) < 0 }
func (l *line) Swap(i, j int)      { l.byDue[i], l.byDue[j] = l.byDue[j], l.byDue[i] }

// Push and Pop implement heap.Interface.
func (l *line) Push(d any) { l.byDue = append(l.byDue, d.(Delivery)) }

// Pop takes the last one.
func (l *line) Pop() any {
	last := l.byDue[len(l.byDue)-1]
	l.byDue = l.byDue[:len(l.byDue)-1]
	return last
}

func compare(a, b Delivery) int {
	return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.sequence, b.sequence))
}

// Open opens the file at path, or makes it. Deliveries that were under way when it was last closed, or left, are due again.
func Open(path string) (*Queue, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: 5 * time.Second})
	if err != nil {
		return nil, fmt.Errorf("open the queue %s: %w", path, err)
	}
	q := &Queue{db: db, waiting: map[string]*line{}, taken: map[string]int{}}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{pending, dead} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		q.dead = tx.Bucket(dead).Stats().KeyN
		return each(tx.Bucket(pending), func(d Delivery) error { q.push(d); return nil })
	})
	if err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("read the queue %s: %w", path, err)
	}
	return q, nil
}

// Close closes the file.
func (q *Queue) Close() error { return q.db.Close() }

func each(b *bbolt.Bucket, do func(Delivery) error) error {
	return b.ForEach(func(key, value []byte) error {
		var d Delivery
		if err := json.Unmarshal(value, &d); err != nil {
			return fmt.Errorf("delivery %x: %w", key, err)
		}
		d.sequence = binary.BigEndian.Uint64(key)
		return do(d)
	})
}

func put(b *bbolt.Bucket, d Delivery) error {
	text, err := json.Marshal(d)
	if err != nil {
		return err
	}
	return b.Put(binary.BigEndian.AppendUint64(nil, d.sequence), text)
}

func remove(b *bbolt.Bucket, d Delivery) error {
	return b.Delete(binary.BigEndian.AppendUint64(nil, d.sequence))
}

func (q *Queue) line(function string) *line {
	l := q.waiting[function]
	if l == nil {
		l = &line{changed: make(chan struct{}, 1)}
		q.waiting[function] = l
	}
	return l
}

func (q *Queue) push(d Delivery) {
	l := q.line(d.Function)
	heap.Push(l, d)
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// Add takes an event on, for each of the functions. It is on disk when Add returns.
func (q *Queue) Add(event Event, functions ...string) error {
	return q.change(nil, Addressed{event, functions})
}

// Done forgets a delivery that Next gave, and takes on what came out of it, in one step: neither without the other.
func (q *Queue) Done(d Delivery, emitted ...Addressed) error {
	return q.change(&d, emitted...)
}

func (q *Queue) change(done *Delivery, added ...Addressed) error {
	var fresh []Delivery
	err := q.db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(pending)
		fresh = nil
		if done != nil {
			if err := remove(b, *done); err != nil {
				return err
			}
		}
		for _, a := range added {
			for _, function := range a.Functions {
				n, err := b.NextSequence()
				if err != nil {
					return err
				}
				d := Delivery{Event: a.Event, Function: function, Attempt: 1, Due: a.Event.Time, sequence: n}
				if err := put(b, d); err != nil {
					return err
				}
				fresh = append(fresh, d)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("write the queue: %w", err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if done != nil {
		q.taken[done.Function]--
	}
	for _, d := range fresh {
		q.push(d)
	}
	return nil
}

// Next waits until a delivery to the function is due, and takes it.
func (q *Queue) Next(ctx context.Context, function string) (Delivery, error) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		q.mu.Lock()
		l := q.line(function)
		later := time.Duration(-1)
		if l.Len() > 0 {
			later = time.Until(l.byDue[0].Due)
			if later <= 0 {
				d := heap.Pop(l).(Delivery)
				q.taken[function]++
				if l.Len() > 0 { // for another one that waits here
					select {
					case l.changed <- struct{}{}:
					default:
					}
				}
				q.mu.Unlock()
				return d, nil
			}
		}
		q.mu.Unlock()
		timer.Stop()
		if later > 0 {
			timer.Reset(later)
		}
		select {
		case <-l.changed:
		case <-timer.C:
		case <-ctx.Done():
			return Delivery{}, ctx.Err()
		}
	}
}

// Retry gives a delivery back, to be due again after a while, and says why.
func (q *Queue) Retry(d Delivery, in time.Duration, reason string) error {
	d.Attempt++
	d.Due, d.Error = time.Now().Add(in), reason
	if err := q.db.Update(func(tx *bbolt.Tx) error { return put(tx.Bucket(pending), d) }); err != nil {
		return fmt.Errorf("write the queue: %w", err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.taken[d.Function]--
	q.push(d)
	return nil
}

// Bury sets a delivery aside: nobody tries it again by itself.
func (q *Queue) Bury(d Delivery, reason string) error {
	d.Error = reason
	err := q.db.Update(func(tx *bbolt.Tx) error {
		return errors.Join(remove(tx.Bucket(pending), d), put(tx.Bucket(dead), d))
	})
	if err != nil {
		return fmt.Errorf("write the queue: %w", err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.taken[d.Function]--
	q.dead++
	return nil
}

// Dead are the deliveries that were set aside, the oldest first.
func (q *Queue) Dead() ([]Delivery, error) {
	all := []Delivery{}
	err := q.db.View(func(tx *bbolt.Tx) error {
		return each(tx.Bucket(dead), func(d Delivery) error { all = append(all, d); return nil })
	})
	slices.SortFunc(all, func(a, b Delivery) int { return cmp.Compare(a.sequence, b.sequence) })
	return all, err
}

// Revive makes the deliveries that were set aside due again, with as many attempts as new ones, and says how many they are.
func (q *Queue) Revive() (int, error) {
	var again []Delivery
	err := q.db.Update(func(tx *bbolt.Tx) error {
		again = nil
		err := each(tx.Bucket(dead), func(d Delivery) error {
			d.Attempt, d.Due = 1, time.Now()
			again = append(again, d)
			return nil
		})
		for _, d := range again {
			err = errors.Join(err, remove(tx.Bucket(dead), d), put(tx.Bucket(pending), d))
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("write the queue: %w", err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.dead -= len(again)
	for _, d := range again {
		q.push(d)
	}
	return len(again), nil
}

// Counts are how many deliveries there are: Pending by function, those under way included.
type Counts struct {
	Pending map[string]int
	Dead    int
}

// Counts tells how many there are.
func (q *Queue) Counts() Counts {
	q.mu.Lock()
	defer q.mu.Unlock()
	c := Counts{Pending: map[string]int{}, Dead: q.dead}
	for function, l := range q.waiting {
		if n := l.Len() + q.taken[function]; n > 0 {
			c.Pending[function] = n
		}
	}
	return c
}
