package contender

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// own uses the resource until the lock is lost or ctx ends.
//
// In each round the resource is used first, and only then is it looked whether the lock is still there. Between a look and a use time passes in any
// order: whoever is stopped in between goes on with a use, in the belief of its last look.
func (c *Contender) own(ctx context.Context, client *clientv3.Client, held lease, changes clientv3.WatchChan) {
	o := c.options
	o.Log.Info("owns the lock", "token", held.token)
	c.count(func(f *Figures) { f.Holds, f.Token = true, held.token; f.Won++ })
	r := newRenewer(o, held)
	defer r.close()
	tick := time.NewTicker(o.Every)
	defer tick.Stop()
	lost := func(why string) {
		o.Log.Warn("does not own the lock any more", "token", held.token, "why", why)
		c.count(func(f *Figures) { f.Holds = false; f.Lost++ })
	}
	for {
		select {
		case <-ctx.Done():
			c.giveBack(context.WithoutCancel(ctx), client, held)
			return
		case <-tick.C:
		}
		if age := time.Since(r.asked); o.GiveUp > 0 && age > o.GiveUp {
			lost(fmt.Sprintf("no renewal was answered for %s", age.Round(time.Millisecond)))
			return
		}
		if err := c.use(ctx, held.token); errors.Is(err, ErrFenced) {
			lost(err.Error())
			return
		}
		err := r.round(ctx)
		c.count(func(f *Figures) { f.Renewals = f.Renewals + r.taken() })
		if err != nil {
			lost(err.Error())
			return
		}
		if c.yields(changes, held.token) {
			c.giveBack(ctx, client, held)
			return
		}
	}
}

func (c *Contender) use(ctx context.Context, token int64) error {
	ctx, cancel := context.WithTimeout(ctx, useMost)
	defer cancel()
	err := c.options.Use(ctx, c.options.Name, token)
	c.count(func(f *Figures) {
		switch {
		case err == nil:
			f.Uses++
		case errors.Is(err, ErrFenced):
			f.Refused++
		default:
			f.Failed++
		}
	})
	return err
}

// yields says whether somebody else was named to be the next owner, after the lock was taken.
func (c *Contender) yields(changes clientv3.WatchChan, token int64) bool {
	for {
		select {
		case answer, open := <-changes:
			if !open {
				return false
			}
			for _, e := range answer.Events {
				if e.Type == clientv3.EventTypePut && e.Kv.ModRevision > token && string(e.Kv.Key) == c.options.Lock+"/next" && string(e.Kv.Value) != c.options.Name {
					return true
				}
			}
		default:
			return false
		}
	}
}

// giveBack gives the lock back: only where it is still the one that was taken.
func (c *Contender) giveBack(ctx context.Context, client *clientv3.Client, held lease) {
	ctx, cancel := context.WithTimeout(ctx, askMost)
	defer cancel()
	owner := c.options.Lock + "/owner"
	_, err := client.Txn(ctx).If(clientv3.Compare(clientv3.CreateRevision(owner), "=", held.token)).Then(clientv3.OpDelete(owner)).Commit()
	if err == nil {
		_, err = client.Revoke(ctx, held.id)
	}
	c.options.Log.Info("gives the lock back", "token", held.token, "error", err)
	c.count(func(f *Figures) { f.Holds = false })
}

// renewer renews a lease beside the uses, so that an etcd that does not answer does not keep the owner from using the resource.
type renewer struct {
	options Options
	lease   clientv3.LeaseID
	asked   time.Time // when the renewal was asked for that was answered last
	next    time.Time
	pending chan renewal // nil while none is under way
	stop    context.CancelFunc
	client  *clientv3.Client
	done    int
}

type renewal struct {
	asked time.Time
	err   error
}

func newRenewer(o Options, held lease) *renewer {
	return &renewer{options: o, lease: held.id, asked: held.asked, next: held.asked.Add(o.Renew), stop: func() {}}
}

// round takes what came of a renewal, and begins another when it is time. An error is the end of the lock.
func (r *renewer) round(ctx context.Context) error {
	if r.pending != nil {
		select {
		case done := <-r.pending:
			r.pending = nil
			switch {
			case errors.Is(done.err, rpctypes.ErrLeaseNotFound):
				return errors.New("etcd says that the lease has run out")
			case done.err != nil:
				r.drop()
				r.next = time.Now()
			default:
				r.asked, r.next = done.asked, done.asked.Add(r.options.Renew)
				r.done++
			}
		default:
			return nil
		}
	}
	if time.Now().Before(r.next) {
		return nil
	}
	if r.client == nil {
		client, err := dial(r.options.Endpoints)
		if err != nil {
			return nil //nolint:nilerr // tried again in the next round
		}
		r.client = client
	}
	ctx, cancel := context.WithTimeout(ctx, min(r.options.Renew, renewMost))
	answer, client, asked := make(chan renewal, 1), r.client, time.Now()
	r.pending, r.stop = answer, cancel
	go func() {
		_, err := client.KeepAliveOnce(ctx, r.lease)
		cancel()
		answer <- renewal{asked, err}
	}()
	return nil
}

// taken is how many renewals were answered since it was asked last.
func (r *renewer) taken() int {
	n := r.done
	r.done = 0
	return n
}

func (r *renewer) drop() {
	if r.client != nil {
		_ = r.client.Close()
		r.client = nil
	}
}

// close waits for the renewal that is under way.
func (r *renewer) close() {
	r.stop()
	if r.pending != nil {
		<-r.pending
	}
	r.drop()
}

// HTTP uses a resource by POST BASE/use?owner=NAME&token=TOKEN; 412 says that a newer owner was there.
func HTTP(base string) func(ctx context.Context, owner string, token int64) error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}}
	return func(ctx context.Context, owner string, token int64) error {
		query := url.Values{"owner": {owner}, "token": {strconv.FormatInt(token, 10)}}
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(base, "/")+"/use?"+query.Encode(), http.NoBody)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		_ = response.Body.Close()
		switch {
		case response.StatusCode == http.StatusPreconditionFailed:
			return ErrFenced
		case response.StatusCode >= http.StatusMultipleChoices:
			return errors.New(response.Status)
		}
		return nil
	}
}
