// Package leaf is a leaf of a search tree: it holds a part of a corpus, which the root tells it, and answers questions about that part.
//
//	l, err := leaf.New(leaf.Options{Name: "leaf-1", Corpus: "/corpus/kjv.txt"})
//	err = l.Serve(ctx, listener)
//
// images/node/search/README.md is its API.
package leaf

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ddsctl/ddsctl/images/node/search/index"
	"github.com/ddsctl/ddsctl/images/node/serving"
)

// Options say what a leaf works on.
type Options struct {
	// Name is in each answer. It also fixes, with Seed, which answers are slow, so that no two leaves are slow together.
	Name string
	// Corpus is the file of all documents.
	Corpus string
	Config Config
	Seed   uint64
	Log    *slog.Logger // nil discards
}

// Leaf is one leaf.
type Leaf struct {
	options Options
	workers chan struct{}
	index   atomic.Pointer[index.Index]
	// building is held while an index is made: one at a time.
	building sync.Mutex

	mu   sync.Mutex
	dice *rand.Rand

	registry *prometheus.Registry
	requests *prometheus.CounterVec
	slow     prometheus.Counter
	canceled prometheus.Counter
	size     *prometheus.GaugeVec
}

// New returns a leaf that holds nothing yet. The corpus must be there.
func New(options Options) (*Leaf, error) {
	if err := options.Config.check(); err != nil {
		return nil, err
	}
	if _, err := os.Stat(options.Corpus); err != nil {
		return nil, fmt.Errorf("look for the corpus: %w", err)
	}
	options.Log = cmp.Or(options.Log, slog.New(slog.DiscardHandler))
	h := fnv.New64a()
	_, _ = h.Write([]byte(options.Name))
	l := &Leaf{options: options, dice: rand.New(rand.NewPCG(options.Seed, h.Sum64())), registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "leaf_requests_total", Help: "Questions, by what was asked for."}, []string{"what"}),
		slow:     prometheus.NewCounter(prometheus.CounterOpts{Name: "leaf_slow_total", Help: "Answers that were made slow."}),
		canceled: prometheus.NewCounter(prometheus.CounterOpts{Name: "leaf_canceled_total", Help: "Questions whose asker went away before the answer."}),
		size:     prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "leaf_held", Help: "What is held."}, []string{"what"}),
	}
	l.registry.MustRegister(l.requests, l.slow, l.canceled, l.size)
	if n := options.Config.Workers; n > 0 {
		l.workers = make(chan struct{}, n)
	}
	return l, nil
}

// Hold makes the leaf hold a part of the corpus, in place of what it held. Until it is ready, questions are answered from what was held
// before.
func (l *Leaf) Hold(holding index.Holding) (*index.Index, error) {
	l.building.Lock()
	defer l.building.Unlock()
	if have := l.index.Load(); have != nil && have.Holding().Equal(holding) {
		return have, nil
	}
	begin := time.Now()
	x, err := l.build(holding)
	if err != nil {
		return nil, err
	}
	l.index.Store(x)
	// What was read and not kept is much more than what was kept, and leaves share a machine.
	debug.FreeOSMemory()
	size := x.Size()
	for what, n := range map[string]int{"documents": size.Documents, "words": size.Words, "postings": size.Postings} {
		l.size.WithLabelValues(what).Set(float64(n))
	}
	l.options.Log.Info("holding", "documents", holding.Documents, "words", holding.Words, "size", size, "took", time.Since(begin))
	return x, nil
}

func (l *Leaf) build(holding index.Holding) (*index.Index, error) {
	corpus, err := index.Read(l.options.Corpus)
	if err != nil {
		return nil, err
	}
	return index.Build(corpus, holding), nil
}

// Serve answers on listener until ctx ends, and what is under way then.
func (l *Leaf) Serve(ctx context.Context, listener net.Listener) error {
	return serving.HTTP(ctx, listener, l.Handler(), serving.Options{})
}

// work waits for a worker, and takes the time that an answer takes; done gives the worker back. It fails where the asker went away.
func (l *Leaf) work(ctx context.Context, words int) (done func(), err error) {
	done = func() {}
	if l.workers != nil {
		select {
		case l.workers <- struct{}{}:
			done = func() { <-l.workers }
		case <-ctx.Done():
			l.canceled.Inc()
			return nil, ctx.Err()
		}
	}
	l.mu.Lock()
	took, slow := l.options.Config.draw(l.dice, words)
	l.mu.Unlock()
	if slow {
		l.slow.Inc()
	}
	if took <= 0 {
		return done, nil
	}
	timer := time.NewTimer(took)
	defer timer.Stop()
	select {
	case <-timer.C:
		return done, nil
	case <-ctx.Done():
		l.canceled.Inc()
		done()
		return nil, ctx.Err()
	}
}
