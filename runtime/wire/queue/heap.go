//go:build linux

package queue

// packet is one that the kernel holds for the queue.
type packet struct {
	leaves int64  // when
	number uint64 // in the order of arrival, which breaks ties
	came   int64
	line   *line
	id     uint32 // the kernel's
	bytes  uint32 // of the IP packet
	behind bool   // came while the one before was still being sent
}

func (p *packet) before(q *packet) bool {
	return p.leaves < q.leaves || p.leaves == q.leaves && p.number < q.number
}

// heap holds packets, the next to leave first. It is written out because container/heap would allocate for each of them.
type heap []packet

func (h *heap) push(p packet) {
	*h = append(*h, p)
	all := *h
	for i := len(all) - 1; i > 0; {
		parent := (i - 1) / 2
		if !all[i].before(&all[parent]) {
			return
		}
		all[i], all[parent] = all[parent], all[i]
		i = parent
	}
}

func (h *heap) pop() packet {
	all := *h
	first := all[0]
	last := len(all) - 1
	all[0] = all[last]
	all[last] = packet{} // holds no line
	*h = all[:last]
	h.down(0)
	return first
}

func (h *heap) down(i int) {
	all := *h
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(all); child++ {
			if all[child].before(&all[least]) {
				least = child
			}
		}
		if least == i {
			return
		}
		all[i], all[least] = all[least], all[i]
		i = least
	}
}

// take removes those that match, in the order in which they would have left, and gives each to f.
func (h *heap) take(match func(*packet) bool, f func(*packet)) {
	var stay heap
	for len(*h) > 0 {
		p := h.pop()
		if match(&p) {
			f(&p)
		} else {
			stay = append(stay, p) // sorted, and so a heap
		}
	}
	*h = stay
}
