package root

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/ddsctl/ddsctl/images/node/search/index"
	"github.com/ddsctl/ddsctl/images/node/search/leaf"
)

// keeper finds the leaves and sees to it that each holds its part.
type keeper struct {
	root *Root
	// found are the addresses of a name that stands alone, as they were at the last look.
	found []string
	old   *tree // what leaves hold besides, until its questions are answered
}

const (
	lookEvery    = time.Second
	lookFirst    = 100 * time.Millisecond // until there is a tree
	resolveMost  = 2 * time.Second
	holdMost     = 30 * time.Second // of a leaf that has to make its index
	checkMost    = 3 * time.Second  // of one that may have it; it goes on making it if that takes longer
	holdAtATime  = 8
	answerMost   = 64 << 20
	statusAnswer = 1 << 20
)

// run keeps the tree until ctx ends.
func (k *keeper) run(ctx context.Context) {
	for {
		k.look(ctx)
		every := lookEvery
		if k.root.tree.Load() == nil {
			every = lookFirst
		}
		timer := time.NewTimer(every)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// look looks once where the leaves are and what they hold.
func (k *keeper) look(ctx context.Context) {
	t := k.root.tree.Load()
	if len(k.root.config.Leaves) > 1 {
		if t == nil {
			t = k.listed()
		}
		k.resolve(ctx, t)
	} else {
		t = k.discovered(ctx, t)
	}
	if t == nil {
		return
	}
	held := k.assign(ctx, t, k.root.tree.Load())
	if current := k.root.tree.Load(); t != current && held > 0 {
		k.root.log.Info("the corpus is divided", "leaves", len(t.branches), "divisions", t.divisions)
		k.old = current
		k.root.tree.Store(t)
		return
	}
	if k.old != nil { // nobody asks by the old division any more
		k.old = nil
		for _, b := range t.branches {
			b.doubt()
		}
	}
}

// listed is the tree of leaves that are named one by one.
func (k *keeper) listed() *tree {
	var branches []*branch
	for _, name := range k.root.config.Leaves {
		branches = append(branches, &branch{name: name, doubtful: true})
	}
	return newTree(k.root.config, branches)
}

// resolve looks each leaf's name up. One without an address stays where it was last.
func (k *keeper) resolve(ctx context.Context, t *tree) {
	var wait sync.WaitGroup
	for _, b := range t.branches {
		wait.Go(func() {
			if addresses := k.addresses(ctx, b.name); len(addresses) > 0 {
				b.moved(addresses[0])
			}
		})
	}
	wait.Wait()
}

// discovered is the tree of all leaves of one name: the present one, unless others were seen twice in a row.
func (k *keeper) discovered(ctx context.Context, present *tree) *tree {
	now := k.addresses(ctx, k.root.config.Leaves[0])
	again := slices.Equal(now, k.found)
	k.found = now
	if len(now) == 0 || !again {
		return present
	}
	known := map[string]*branch{}
	if present != nil {
		for _, b := range present.branches {
			known[b.at()] = b
		}
	}
	var branches []*branch
	for _, address := range now {
		b := known[address]
		if b == nil {
			b = &branch{name: address, address: address, doubtful: true}
		}
		branches = append(branches, b)
	}
	if present != nil && slices.Equal(branches, present.branches) {
		return present
	}
	return newTree(k.root.config, branches)
}

// addresses are those of a name, sorted; none where it has none.
func (k *keeper) addresses(ctx context.Context, hostport string) []string {
	ctx, cancel := context.WithTimeout(ctx, resolveMost)
	defer cancel()
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		return nil
	}
	found, err := k.root.resolver(ctx, host)
	if err != nil {
		return nil
	}
	var all []string
	for _, ip := range found {
		all = append(all, net.JoinHostPort(ip, port))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// assign tells leaves what to hold: all of them where the tree is a new one, else those in doubt. It returns how many hold what they should.
func (k *keeper) assign(ctx context.Context, t, current *tree) (held int) {
	var wait sync.WaitGroup
	var mu sync.Mutex
	slots := make(chan struct{}, holdAtATime)
	for place, b := range t.branches {
		if t == current && !b.inDoubt() {
			held++
			continue
		}
		want, most := t.holding(place), holdMost
		if t == current {
			most = checkMost
		}
		if t != current && current != nil {
			if i := slices.Index(current.branches, b); i >= 0 {
				want = want.Join(current.holding(i))
			}
		}
		wait.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			status, err := k.hold(ctx, b, want, most)
			if err != nil {
				k.root.log.Warn("a leaf does not take its part", "leaf", b.name, "error", err)
				return
			}
			b.holds()
			mu.Lock()
			defer mu.Unlock()
			held++
			k.root.corpus.Store(int64(status.Size.Corpus))
		})
	}
	wait.Wait()
	return held
}

func (k *keeper) hold(ctx context.Context, b *branch, want index.Holding, most time.Duration) (leaf.Status, error) {
	var status leaf.Status
	address := b.at()
	if address == "" {
		return status, errors.New("its name has no address")
	}
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	body, err := json.Marshal(want)
	if err != nil {
		return status, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://"+address+"/hold", bytes.NewReader(body))
	if err != nil {
		return status, err
	}
	resp, err := k.root.client.Do(req)
	if err != nil {
		return status, err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, statusAnswer))
	if err != nil {
		return status, err
	}
	if resp.StatusCode != http.StatusOK {
		return status, fmt.Errorf("it answers %s: %s", resp.Status, bytes.TrimSpace(answer))
	}
	return status, json.Unmarshal(answer, &status)
}
