package root

import (
	"slices"
	"sync"

	"github.com/ddsctl/ddsctl/images/node/search/index"
)

// branch is a leaf as the root sees it.
type branch struct {
	name string // as the configuration has it, or its address

	mu        sync.Mutex
	address   string // IP:PORT, "" while its name is not known
	failures  int    // in a row
	suspended bool
	doubtful  bool // whether it holds what it should is not known
	failed    int  // in all
	asked     int
}

func (b *branch) at() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.address
}

// moved notes where the leaf is now. A leaf at a new address is a new one, and holds nothing.
func (b *branch) moved(address string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.address != address {
		b.address, b.doubtful, b.failures, b.suspended = address, true, 0, false
	}
}

func (b *branch) usable() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.address != "" && !b.suspended
}

func (b *branch) begin() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked++
}

func (b *branch) well() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures, b.suspended = 0, false
}

// ill notes a failure; after so many in a row the leaf is suspended, until the keeper finds it well.
func (b *branch) ill(suspendAfter int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures, b.failed, b.doubtful = b.failures+1, b.failed+1, true
	b.suspended = b.suspended || suspendAfter > 0 && b.failures >= suspendAfter
}

func (b *branch) doubt() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.doubtful = true
}

func (b *branch) inDoubt() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.doubtful
}

// holds notes that the leaf holds what it should.
func (b *branch) holds() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.doubtful, b.failures, b.suspended = false, 0, false
}

// tree is one division of the corpus among leaves. It does not change; what becomes of its branches does.
type tree struct {
	config    Config
	branches  []*branch
	divisions []int // numbers of leaves that questions may ask for, ascending; the last is all of them
}

func newTree(config Config, branches []*branch) *tree {
	t := &tree{config: config, branches: branches}
	if config.Distribution == Documents {
		for _, n := range config.Divisions {
			if n < len(branches) {
				t.divisions = append(t.divisions, n)
			}
		}
	}
	t.divisions = append(t.divisions, len(branches))
	slices.Sort(t.divisions)
	t.divisions = slices.Compact(t.divisions)
	return t
}

// holders are the leaves that hold a shard: the one of its number and those after it.
func (t *tree) holders(number int) []*branch {
	n := len(t.branches)
	all := make([]*branch, 0, min(t.config.Copies, n))
	for k := range min(t.config.Copies, n) {
		all = append(all, t.branches[(number+k)%n])
	}
	return all
}

// holding is what the leaf at that place holds.
func (t *tree) holding(place int) index.Holding {
	if t.config.Distribution == Copies {
		return index.Holding{Documents: []index.Shard{index.Whole}}
	}
	var h index.Holding
	for _, of := range t.divisions {
		for number := range of {
			if slices.Contains(t.holders(number), t.branches[place]) {
				h.Documents = append(h.Documents, index.Shard{Number: number, Of: of})
			}
		}
	}
	if t.config.Distribution == Words {
		h.Words = h.Documents
	}
	return h
}

// division is the number of leaves to ask where a question asks for so many; 0 is all. A number that no division has is refused, unless
// there are fewer leaves than that.
func (t *tree) division(leaves int) (int, bool) {
	all := len(t.branches)
	switch {
	case leaves == 0 || leaves == all:
		return all, true
	case slices.Contains(t.divisions, leaves):
		return leaves, true
	}
	return all, leaves > all && slices.Contains(t.config.Divisions, leaves)
}
