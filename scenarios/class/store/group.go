package store

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// How writes are grouped. etcd takes at most 128 operations in a transaction and 1.5 MiB in a request, unless told otherwise; conditions
// and the operations under them count together, so that 90 writes leave room for the 21 that one submission may need.
const (
	groupWrites  = 90
	groupBytes   = 1 << 20
	groupFlights = 4                     // transactions under way at once: some are built and sent while the disk takes another
	groupSpacing = 10 * time.Millisecond // between two transactions: many small ones cost the processor more than the wait is worth
	tryFor       = 5 * time.Second
	retryAfter   = 100 * time.Millisecond
)

var errClosed = errors.New("the store is being closed")

// write is one conditional write. It has the same effect when it is done twice.
type write struct {
	conditions []clientv3.Cmp
	puts       []clientv3.Op
	keys       []string // that are put
	otherwise  clientv3.Op
	size       int // bytes

	ctx  context.Context
	told chan outcome
}

func (w write) op() clientv3.Op {
	return clientv3.OpTxn(w.conditions, w.puts, []clientv3.Op{w.otherwise})
}

// written is what became of a write: done, or the value that was there.
type written struct {
	done  bool
	value []byte
}

type outcome struct {
	written
	err error
}

// group puts writes that come at the same time into one transaction, so that they cost one entry of the log and one sync of the disk. A
// write that comes alone does not wait for others; those that follow closely go together.
type group struct {
	kv      clientv3.KV
	pending chan write
	flights chan struct{}
	stop    context.CancelFunc
	ctx     context.Context
	all     sync.WaitGroup
}

func newGroup(kv clientv3.KV) *group {
	ctx, stop := context.WithCancel(context.Background()) // ends with close, not with whoever opened the store
	g := &group{kv: kv, pending: make(chan write), flights: make(chan struct{}, groupFlights), ctx: ctx, stop: stop}
	g.all.Go(g.run)
	return g
}

// close ends what is under way and waits for it.
func (g *group) close() {
	g.stop()
	g.all.Wait()
}

// do has a write done and waits for it. Where ctx ends before, the write may still be done.
func (g *group) do(ctx context.Context, w write) (written, error) {
	w.ctx, w.told = ctx, make(chan outcome, 1)
	select {
	case g.pending <- w:
	case <-ctx.Done():
		return written{}, ctx.Err()
	case <-g.ctx.Done():
		return written{}, errClosed
	}
	select {
	case o := <-w.told:
		return o.written, o.err
	case <-ctx.Done():
		return written{}, ctx.Err()
	}
}

func (g *group) run() {
	var waiting []write
	spaced := true // the last transaction is long enough ago
	spacing := time.NewTimer(0)
	defer spacing.Stop()
	for {
		var flight chan<- struct{}
		if len(waiting) > 0 && (spaced || len(waiting) >= groupWrites) {
			flight = g.flights
		}
		incoming := g.pending
		if len(waiting) >= 4*groupWrites {
			incoming = nil // whoever comes now waits in do, where their context counts
		}
		select {
		case <-g.ctx.Done():
			for _, w := range waiting {
				w.told <- outcome{err: errClosed}
			}
			return
		case <-spacing.C:
			spaced = true
		case w := <-incoming:
			waiting = append(waiting, w)
		case flight <- struct{}{}:
			var batch []write
			batch, waiting = take(waiting)
			spaced = false
			spacing.Reset(groupSpacing)
			g.all.Go(func() {
				defer func() { <-g.flights }()
				g.commit(batch)
			})
		}
	}
}

// take is what fits into one transaction. Two writes of the same key do not: etcd refuses that.
func take(waiting []write) (batch, rest []write) {
	used, size := map[string]bool{}, 0
	for _, w := range waiting {
		fits := len(batch) < groupWrites && (len(batch) == 0 || size+w.size <= groupBytes)
		for _, k := range w.keys {
			fits = fits && !used[k]
		}
		// What is left out keeps its keys: a later write of the same key must not overtake it.
		for _, k := range w.keys {
			used[k] = true
		}
		if !fits {
			rest = append(rest, w)
			continue
		}
		batch, size = append(batch, w), size+w.size
	}
	return batch, rest
}

// commit carries writes out, and says to each what became of it.
func (g *group) commit(batch []write) {
	for start := time.Now(); ; {
		answers, err := g.try(batch)
		switch {
		case err == nil:
			for i, w := range batch {
				w.told <- outcome{written: answers[i]}
			}
			return
		case g.ctx.Err() != nil:
			err = errClosed
		case passing(err) && time.Since(start) < 4*tryFor && anybodyWaits(batch):
			pause := time.NewTimer(retryAfter)
			select {
			case <-pause.C:
			case <-g.ctx.Done():
				pause.Stop()
			}
			continue
		case len(batch) > 1 && !passing(err): // one of them is refused: the others need not suffer
			for _, w := range batch {
				g.commit([]write{w})
			}
			return
		}
		for _, w := range batch {
			w.told <- outcome{err: err}
		}
		return
	}
}

func (g *group) try(batch []write) ([]written, error) {
	ctx, cancel := context.WithTimeout(g.ctx, tryFor)
	defer cancel()
	ops := make([]clientv3.Op, len(batch))
	for i, w := range batch {
		ops[i] = w.op()
	}
	answer, err := g.kv.Txn(ctx).Then(ops...).Commit()
	if err != nil {
		return nil, err
	}
	out := make([]written, len(batch))
	for i, response := range answer.Responses {
		inner := response.GetResponseTxn()
		if out[i].done = inner.Succeeded; inner.Succeeded {
			continue
		}
		if kvs := inner.Responses[0].GetResponseRange().Kvs; len(kvs) > 0 {
			out[i].value = kvs[0].Value
		}
	}
	return out, nil
}

// passing says whether an error may be gone when the same is tried again: no leader, a member lost, too much at once.
func passing(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	var etcd rpctypes.EtcdError
	code := status.Code(err)
	if errors.As(err, &etcd) {
		code = etcd.Code()
	}
	switch code {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled, codes.Aborted:
		return true
	case codes.ResourceExhausted:
		return !errors.Is(err, rpctypes.ErrNoSpace)
	}
	return false
}

func anybodyWaits(batch []write) bool {
	for _, w := range batch {
		if w.ctx.Err() == nil {
			return true
		}
	}
	return false
}
