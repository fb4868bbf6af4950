package drive

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/ddsctl/ddsctl/labs/workload"
	"github.com/ddsctl/ddsctl/scenarios/history"
)

// etcdStore asks one member. A lock is a key that is made only where it is not, under a lease; its token is the revision at which it
// was made. A counter is a key swapped by its revision. Queue and set are keys below a prefix.
//
// It calls the generated client, since clientv3's own KV repeats reads that failed.
type etcdStore struct {
	client *clientv3.Client
	kv     pb.KVClient
	holder string
	queued int

	unguarded, serializable bool

	mu     sync.Mutex
	leases map[string]clientv3.LeaseID
}

func openEtcd(target workload.Target, client int, timeout time.Duration) (*etcdStore, error) {
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{target.Address()}, DialTimeout: timeout, Username: target.User, Password: target.Password,
		Logger: zap.NewNop()})
	if err != nil {
		return nil, err
	}
	return &etcdStore{client: c, kv: pb.NewKVClient(c.ActiveConnection()), holder: strconv.Itoa(client), leases: map[string]clientv3.LeaseID{}}, nil
}

func (s *etcdStore) close() { _ = s.client.Close() }

// certain marks errors after which nothing happened.
func (s *etcdStore) certain(err error) error {
	if err == nil {
		return nil
	}
	refusal := errors.Is(rpctypes.Error(err), rpctypes.ErrNoLeader) || errors.Is(rpctypes.Error(err), rpctypes.ErrTooManyRequests)
	if st, ok := status.FromError(err); ok && st.Code() == codes.Unavailable &&
		(strings.Contains(st.Message(), "connection refused") || strings.Contains(st.Message(), "no route to host")) {
		refusal = true
	}
	if refusal {
		return fmt.Errorf("%w: %w", history.ErrRefused, err)
	}
	return err
}

func (s *etcdStore) get(ctx context.Context, key string) (value *string, revision int64, err error) {
	answer, err := s.kv.Range(ctx, &pb.RangeRequest{Key: []byte(key), Serializable: s.serializable})
	if err != nil || len(answer.Kvs) == 0 {
		return nil, 0, s.certain(err)
	}
	v := string(answer.Kvs[0].Value)
	return &v, answer.Kvs[0].ModRevision, nil
}

func (s *etcdStore) read(ctx context.Context, key string) (*string, error) {
	v, _, err := s.get(ctx, key)
	return v, err
}

func (s *etcdStore) write(ctx context.Context, key, value string) error {
	_, err := s.kv.Put(ctx, &pb.PutRequest{Key: []byte(key), Value: []byte(value)})
	return s.certain(err)
}

// swap writes where the condition holds, and gives the revision; errEmpty where it does not.
func (s *etcdStore) swap(ctx context.Context, condition *pb.Compare, key, value string, lease clientv3.LeaseID) (int64, error) {
	answer, err := s.kv.Txn(ctx, &pb.TxnRequest{Compare: []*pb.Compare{condition}, Success: []*pb.RequestOp{{
		Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: []byte(key), Value: []byte(value), Lease: int64(lease)}}}}})
	if err != nil {
		return 0, s.certain(err)
	}
	if !answer.Succeeded {
		return 0, errEmpty
	}
	return answer.Header.Revision, nil
}

func revisionIs(key string, revision int64) *pb.Compare {
	return &pb.Compare{Key: []byte(key), Target: pb.Compare_MOD, Result: pb.Compare_EQUAL, TargetUnion: &pb.Compare_ModRevision{ModRevision: revision}}
}

func (s *etcdStore) cas(ctx context.Context, key string, expected *string, value string) error {
	condition := revisionIs(key, 0) // there is none
	if expected != nil {
		condition = &pb.Compare{Key: []byte(key), Target: pb.Compare_VALUE, Result: pb.Compare_EQUAL, TargetUnion: &pb.Compare_Value{Value: []byte(*expected)}}
	}
	_, err := s.swap(ctx, condition, key, value, 0)
	return err
}

func (s *etcdStore) acquire(ctx context.Context, key string, ttl time.Duration) (int64, error) {
	lease, err := s.client.Grant(ctx, max(1, int64(ttl.Seconds())))
	if err != nil { // the lock itself was not asked for yet
		return 0, fmt.Errorf("%w: %w", history.ErrRefused, err)
	}
	token, err := s.swap(ctx, revisionIs(key, 0), key, s.holder, lease.ID)
	if err != nil {
		if errors.Is(err, history.ErrRefused) {
			_, _ = s.client.Revoke(ctx, lease.ID) // else it runs out by itself
		}
		return 0, err
	}
	s.mu.Lock()
	s.leases[key] = lease.ID
	s.mu.Unlock()
	return token, nil
}

func (s *etcdStore) release(ctx context.Context, key string) error {
	s.mu.Lock()
	lease, held := s.leases[key]
	delete(s.leases, key)
	s.mu.Unlock()
	if !held {
		return errEmpty
	}
	_, err := s.client.Revoke(ctx, lease)
	return s.certain(err)
}

func (s *etcdStore) enqueue(ctx context.Context, key, value string) error {
	s.queued++
	return s.write(ctx, fmt.Sprintf("%s/%s-%06d", key, s.holder, s.queued), value)
}

func below(key string) *pb.RangeRequest {
	return &pb.RangeRequest{Key: []byte(key + "/"), RangeEnd: []byte(clientv3.GetPrefixRangeEnd(key + "/")),
		SortTarget: pb.RangeRequest_CREATE, SortOrder: pb.RangeRequest_ASCEND}
}

// dequeue takes the oldest item. Whoever finds it gone already tries the next.
func (s *etcdStore) dequeue(ctx context.Context, key string) (string, error) {
	ask := below(key)
	ask.Limit = 1
	for {
		answer, err := s.kv.Range(ctx, ask)
		if err != nil { // nothing was taken
			return "", fmt.Errorf("%w: %w", history.ErrRefused, err)
		}
		if len(answer.Kvs) == 0 {
			return "", errEmpty
		}
		item := answer.Kvs[0]
		taken, err := s.kv.Txn(ctx, &pb.TxnRequest{Compare: []*pb.Compare{revisionIs(string(item.Key), item.ModRevision)}, Success: []*pb.RequestOp{{
			Request: &pb.RequestOp_RequestDeleteRange{RequestDeleteRange: &pb.DeleteRangeRequest{Key: item.Key}}}}})
		if err != nil {
			return "", s.certain(err)
		}
		if taken.Succeeded {
			return string(item.Value), nil
		}
	}
}

// add swaps until it wins. A swap whose outcome is not known ends it: another try might count twice.
func (s *etcdStore) add(ctx context.Context, key string, delta int64) error {
	for {
		v, revision, err := s.get(ctx, key)
		if err != nil {
			return fmt.Errorf("%w: %w", history.ErrRefused, err)
		}
		n := int64(0)
		if v != nil {
			if n, err = strconv.ParseInt(*v, 10, 64); err != nil {
				return fmt.Errorf("%w: %w", history.ErrRefused, err)
			}
		}
		sum := strconv.FormatInt(n+delta, 10)
		if s.unguarded {
			return s.write(ctx, key, sum)
		}
		if _, err = s.swap(ctx, revisionIs(key, revision), key, sum, 0); !errors.Is(err, errEmpty) {
			return err
		}
	}
}

func (s *etcdStore) sum(ctx context.Context, key string) (int64, error) {
	v, _, err := s.get(ctx, key)
	if err != nil || v == nil {
		return 0, err
	}
	return strconv.ParseInt(*v, 10, 64)
}

func (s *etcdStore) insert(ctx context.Context, key, item string) error {
	return s.write(ctx, key+"/"+item, item)
}

func (s *etcdStore) items(ctx context.Context, key string) ([]string, error) {
	answer, err := s.kv.Range(ctx, below(key))
	if err != nil {
		return nil, s.certain(err)
	}
	var all []string
	for _, kv := range answer.Kvs {
		all = append(all, string(kv.Value))
	}
	return all, nil
}
