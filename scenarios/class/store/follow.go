package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/ddsctl/ddsctl/scenarios/class"
)

// Change is one thing that happened to a class. One field is set.
type Change struct {
	// Reset says that everything is told anew: what was known is void.
	Reset     bool
	Joined    *class.Student
	Left      string // the student's ID
	Submitted *class.Record
	Class     *Class
}

const page = 1000 // keys that are read at once

// Read tells the whole class as it is at one revision of the store.
func (s *Store) Read(ctx context.Context, tell func(Change)) error {
	_, err := s.read(ctx, tell)
	return err
}

// ReadStudent tells one student and what they submitted, as it is at one revision of the store.
func (s *Store) ReadStudent(ctx context.Context, id string, tell func(Change)) error {
	who := s.key("student", id)
	_, err := s.ranges(ctx, [][2]string{{who, who + "\x00"}, prefixed(s.key("submission", id) + "/")}, tell)
	return err
}

func (s *Store) read(ctx context.Context, tell func(Change)) (revision int64, err error) {
	one := s.key("class")
	return s.ranges(ctx, [][2]string{{one, one + "\x00"}, prefixed(s.key("student") + "/"), prefixed(s.key("submission") + "/")}, tell)
}

// prefixed is the range of keys that begin with a prefix.
func prefixed(prefix string) [2]string {
	return [2]string{prefix, clientv3.GetPrefixRangeEnd(prefix)}
}

func (s *Store) ranges(ctx context.Context, list [][2]string, tell func(Change)) (revision int64, err error) {
	for _, r := range list {
		from, end := r[0], r[1]
		for {
			options := []clientv3.OpOption{clientv3.WithRange(end), clientv3.WithLimit(page)}
			if revision > 0 {
				options = append(options, clientv3.WithRev(revision))
			}
			answer, err := s.client.Get(ctx, from, options...)
			if err != nil {
				return 0, fmt.Errorf("read the class: %w", err)
			}
			if revision == 0 {
				revision = answer.Header.Revision
			}
			for _, kv := range answer.Kvs {
				if err := s.tell(kv, false, tell); err != nil {
					return 0, err
				}
			}
			if !answer.More {
				break
			}
			from = string(answer.Kvs[len(answer.Kvs)-1].Key) + "\x00"
		}
	}
	return revision, nil
}

// tell says what a key means.
func (s *Store) tell(kv *mvccpb.KeyValue, deleted bool, tell func(Change)) error {
	kind, parts := s.kind(string(kv.Key))
	switch {
	case kind == "student" && len(parts) == 1 && deleted:
		tell(Change{Left: parts[0]})
	case deleted:
	case kind == "class" && len(parts) == 0:
		return say(kv, func(c *Class) { tell(Change{Class: c}) })
	case kind == "student" && len(parts) == 1:
		return say(kv, func(who *class.Student) { tell(Change{Joined: who}) })
	case kind == "submission" && len(parts) == 2:
		return say(kv, func(r *class.Record) { tell(Change{Submitted: r}) })
	}
	return nil
}

func say[T any](kv *mvccpb.KeyValue, tell func(*T)) error {
	value := new(T)
	if err := json.Unmarshal(kv.Value, value); err != nil {
		return fmt.Errorf("read %s: %w", kv.Key, err)
	}
	tell(value)
	return nil
}

// Follow tells the class as it is, then every change as it happens, until ctx ends. told is called after each group of changes. Changes
// come from etcd's watch: those of other servers too.
func (s *Store) Follow(ctx context.Context, tell func(Change), told func()) error {
	for {
		tell(Change{Reset: true})
		revision, err := s.read(ctx, tell)
		if err != nil {
			return err
		}
		told()
		err = s.watch(ctx, revision+1, tell, told)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !errors.Is(err, rpctypes.ErrCompacted) { // away for so long that the history is gone: everything anew
			return err
		}
	}
}

func (s *Store) watch(ctx context.Context, from int64, tell func(Change), told func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for answer := range s.client.Watch(ctx, s.prefix+"/", clientv3.WithPrefix(), clientv3.WithRev(from)) {
		if err := answer.Err(); err != nil {
			return fmt.Errorf("watch the class: %w", err)
		}
		for _, event := range answer.Events {
			if err := s.tell(event.Kv, event.Type == clientv3.EventTypeDelete, tell); err != nil {
				return err
			}
		}
		told()
	}
	return errors.New("watch the class: etcd ended it")
}
