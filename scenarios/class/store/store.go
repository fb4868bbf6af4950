// Package store keeps a class in etcd: embedded in the process, or a cluster elsewhere.
//
// A submission is one key that is written once and never changed: sending it again finds it there. What a class has reached is summed
// up from the submissions (class/board) and is not stored, so that several servers can work on one cluster without agreeing on anything.
//
//	PREFIX/class                            Class: hashes of the tokens
//	PREFIX/student/ID                       class.Student
//	PREFIX/name/FOLDED                      the ID of the student who has that name
//	PREFIX/submission/ID/KEY                class.Record
//	PREFIX/evidence/ID/LAB/EXERCISE/DIGEST  compressed evidence
package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/ddsctl/ddsctl/scenarios/class"
	"github.com/ddsctl/ddsctl/scenarios/class/secret"
)

// DefaultPrefix is where a class is kept when nothing else is said.
const DefaultPrefix = "/ddsctl/class"

// What a student can ask for and not get.
var (
	// ErrNameTaken says that somebody has joined by that name.
	ErrNameTaken = errors.New("somebody has joined by that name")
	// ErrNoStudent says that there is no such student (any more).
	ErrNoStudent = errors.New("there is no such student")
	// ErrKeyUsed says that a submission has the key of another with other contents.
	ErrKeyUsed = errors.New("the key belongs to another submission")
	// ErrNoEvidence says that no evidence was submitted.
	ErrNoEvidence = errors.New("no such evidence was submitted")
)

// Class is what is kept of the class itself.
type Class struct {
	Name       string        `json:"name"`
	Made       time.Time     `json:"made"`
	Instructor secret.Hashed `json:"instructor"`
	Join       secret.Hashed `json:"join"`
	// Tickets is the key that browser sessions are signed with.
	Tickets []byte `json:"tickets"`
}

// Store is a class in etcd. It is safe for concurrent use.
type Store struct {
	client *clientv3.Client
	prefix string
	group  *group
	close  func() error
}

func newStore(client *clientv3.Client, prefix string, shut func() error) *Store {
	if prefix == "" {
		prefix = DefaultPrefix
	}
	return &Store{client: client, prefix: prefix, group: newGroup(client), close: shut}
}

// Close waits for what is being written, and lets etcd go.
func (s *Store) Close() error {
	s.group.close()
	return s.close()
}

func (s *Store) key(parts ...string) string {
	key := s.prefix
	for _, p := range parts {
		key += "/" + url.PathEscape(p)
	}
	return key
}

// Class is what is kept of the class; found is false where none was made.
func (s *Store) Class(ctx context.Context) (c Class, found bool, err error) {
	answer, err := s.client.Get(ctx, s.key("class"))
	if err != nil {
		return c, false, fmt.Errorf("read the class: %w", err)
	}
	if len(answer.Kvs) == 0 {
		return c, false, nil
	}
	if err := json.Unmarshal(answer.Kvs[0].Value, &c); err != nil {
		return c, false, fmt.Errorf("read the class: %w", err)
	}
	return c, true, nil
}

// SetClass keeps the class. Where another server has made one meanwhile, and replace is not set, that one stays: made is false.
func (s *Store) SetClass(ctx context.Context, c Class, replace bool) (made bool, err error) {
	text, err := json.Marshal(c)
	if err != nil {
		return false, err
	}
	txn := s.client.Txn(ctx)
	if !replace {
		txn = txn.If(absent(s.key("class")))
	}
	answer, err := txn.Then(clientv3.OpPut(s.key("class"), string(text))).Commit()
	if err != nil {
		return false, fmt.Errorf("keep the class: %w", err)
	}
	return answer.Succeeded, nil
}

func absent(key string) clientv3.Cmp  { return clientv3.Compare(clientv3.CreateRevision(key), "=", 0) }
func present(key string) clientv3.Cmp { return clientv3.Compare(clientv3.CreateRevision(key), ">", 0) }

// Join adds a student. ErrNameTaken where the name is taken.
func (s *Store) Join(ctx context.Context, who class.Student) error {
	text, err := json.Marshal(who)
	if err != nil {
		return err
	}
	name := s.key("name", class.Fold(who.Name))
	answer, err := s.client.Txn(ctx).If(absent(name), absent(s.key("student", who.ID))).
		Then(clientv3.OpPut(name, who.ID), clientv3.OpPut(s.key("student", who.ID), string(text))).Commit()
	switch {
	case err != nil:
		return fmt.Errorf("keep the student: %w", err)
	case !answer.Succeeded:
		return ErrNameTaken
	}
	return nil
}

// Student reads a student. ErrNoStudent where there is none.
func (s *Store) Student(ctx context.Context, id string) (class.Student, error) {
	var who class.Student
	answer, err := s.client.Get(ctx, s.key("student", id))
	switch {
	case err != nil:
		return who, fmt.Errorf("read the student: %w", err)
	case len(answer.Kvs) == 0:
		return who, ErrNoStudent
	}
	if err := json.Unmarshal(answer.Kvs[0].Value, &who); err != nil {
		return who, fmt.Errorf("read the student: %w", err)
	}
	return who, nil
}

// Reset gives a student a new secret, for one who has lost it. What was submitted stays.
func (s *Store) Reset(ctx context.Context, id string, kept secret.Hashed) error {
	who, err := s.Student(ctx, id)
	if err != nil {
		return err
	}
	who.Secret = kept
	text, err := json.Marshal(who)
	if err != nil {
		return err
	}
	key := s.key("student", id)
	answer, err := s.client.Txn(ctx).If(present(key)).Then(clientv3.OpPut(key, string(text))).Commit()
	switch {
	case err != nil:
		return fmt.Errorf("keep the student: %w", err)
	case !answer.Succeeded:
		return ErrNoStudent
	}
	return nil
}

// Remove forgets a student with all that was submitted; the name is free again.
func (s *Store) Remove(ctx context.Context, id string) error {
	who, err := s.Student(ctx, id)
	if err != nil {
		return err
	}
	_, err = s.client.Txn(ctx).Then(
		clientv3.OpDelete(s.key("student", id)),
		clientv3.OpDelete(s.key("name", class.Fold(who.Name))),
		clientv3.OpDelete(s.key("submission", id)+"/", clientv3.WithPrefix()),
		clientv3.OpDelete(s.key("evidence", id)+"/", clientv3.WithPrefix()),
	).Commit()
	if err != nil {
		return fmt.Errorf("remove the student: %w", err)
	}
	return nil
}

// Submit keeps a submission, or finds that it is kept: both return the record that is kept, which is then on disk. What came before under
// the same key with other contents is ErrKeyUsed.
func (s *Store) Submit(ctx context.Context, student string, submission class.Submission, now time.Time) (r class.Record, again bool, err error) {
	record, err := submission.Record(student, now)
	if err != nil {
		return r, false, err
	}
	text, err := json.Marshal(record)
	if err != nil {
		return r, false, err
	}
	key := s.key("submission", student, submission.Key)
	w := write{
		conditions: []clientv3.Cmp{absent(key), present(s.key("student", student))},
		puts:       []clientv3.Op{clientv3.OpPut(key, string(text))},
		keys:       []string{key},
		otherwise:  clientv3.OpGet(key),
		size:       len(text),
	}
	for exercise, e := range submission.Evidence {
		at := s.key("evidence", student, submission.Lab, exercise, e.Digest)
		w.puts = append(w.puts, clientv3.OpPut(at, string(e.Gzip)))
		w.keys = append(w.keys, at)
		w.size += len(e.Gzip)
	}
	there, err := s.group.do(ctx, w)
	switch {
	case err != nil:
		return r, false, fmt.Errorf("keep the submission: %w", err)
	case there.done:
		return record, false, nil
	case len(there.value) == 0:
		return r, false, ErrNoStudent
	}
	if err := json.Unmarshal(there.value, &r); err != nil {
		return r, false, fmt.Errorf("read the submission: %w", err)
	}
	if r.Digest != record.Digest {
		return class.Record{}, false, ErrKeyUsed
	}
	return r, true, nil
}

// Evidence reads evidence that was submitted for an exercise, compressed. An exercise that was passed twice may have two, with a digest each.
func (s *Store) Evidence(ctx context.Context, student, lab, exercise, digest string) ([]byte, error) {
	answer, err := s.client.Get(ctx, s.key("evidence", student, lab, exercise, digest))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the evidence: %w", err)
	case len(answer.Kvs) == 0:
		return nil, ErrNoEvidence
	}
	return answer.Kvs[0].Value, nil
}

// Snapshot is a copy of the whole database, as `etcdctl snapshot save` makes it. The reader has to be closed.
func (s *Store) Snapshot(ctx context.Context) (io.ReadCloser, error) {
	r, err := s.client.Snapshot(ctx)
	if err != nil {
		return nil, fmt.Errorf("copy the database: %w", err)
	}
	return r, nil
}

// kind splits a key into what it is of and its parts.
func (s *Store) kind(key string) (kind string, parts []string) {
	rest, ok := strings.CutPrefix(key, s.prefix+"/")
	if !ok {
		return "", nil
	}
	for part := range strings.SplitSeq(rest, "/") {
		plain, err := url.PathUnescape(part)
		if err != nil {
			return "", nil
		}
		parts = append(parts, plain)
	}
	return parts[0], parts[1:]
}
