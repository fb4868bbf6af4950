package queue

import "time"

// place is an item's in the line of those that wait.
type place struct {
	name     string
	due      time.Time
	sequence uint64
}

// line is a heap of places, the one that is due first on top.
type line []place

func (l line) Len() int      { return len(l) }
func (l line) Swap(i, j int) { l[i], l[j] = l[j], l[i] }
func (l line) Less(i, j int) bool {
	if c := l[i].due.Compare(l[j].due); c != 0 {
		return c < 0
	}
	return l[i].sequence < l[j].sequence
}

// Push and Pop implement heap.Interface.
func (l *line) Push(p any) { *l = append(*l, p.(place)) }

// Pop takes the last one.
func (l *line) Pop() any {
	last := (*l)[len(*l)-1]
	*l = (*l)[:len(*l)-1]
	return last
}
