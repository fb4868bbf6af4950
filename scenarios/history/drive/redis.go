package drive

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strconv"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/ddsctl/ddsctl/labs/workload"
	"github.com/ddsctl/ddsctl/scenarios/history"
)

// redisStore keeps registers as strings, queues as lists, sets as sets, and a lock as a string that names its holder, with a time to
// live and a counter beside it for tokens. The lock's keys carry one hash tag, so that a proxy or a cluster keeps them together.
type redisStore struct {
	client *redis.Client
	holder string

	unguarded bool
}

func openRedis(target workload.Target, client int, timeout time.Duration) *redisStore {
	options := &redis.Options{Addr: target.Address(), Username: target.User, Password: target.Password, Protocol: 2, DisableIdentity: true,
		MaxRetries: -1, PoolSize: 1, DialTimeout: timeout, ReadTimeout: timeout, WriteTimeout: timeout, ContextTimeoutEnabled: true}
	if target.TLS {
		options.TLSConfig = &tls.Config{ServerName: target.Host, MinVersion: tls.VersionTLS12}
	}
	return &redisStore{client: redis.NewClient(options), holder: fmt.Sprintf("client-%d", client)}
}

func (s *redisStore) close() { _ = s.client.Close() }

// certain marks errors after which nothing happened: no connection, and refusals of the server itself.
func (s *redisStore) certain(err error) error {
	switch {
	case err == nil, errors.Is(err, redis.Nil):
		return nil
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.EHOSTUNREACH):
		return fmt.Errorf("%w: %w", history.ErrRefused, err)
	}
	return refused(err, "READONLY", "LOADING", "MOVED", "ASK", "CLUSTERDOWN", "WRONGTYPE", "OOM", "NOAUTH", "MISCONF")
}

func (s *redisStore) read(ctx context.Context, key string) (*string, error) {
	v, err := s.client.Get(ctx, key).Result()
	if err != nil {
		return nil, s.certain(err)
	}
	return &v, nil
}

func (s *redisStore) write(ctx context.Context, key, value string) error {
	return s.certain(s.client.Set(ctx, key, value, 0).Err())
}

const casScript = `local is = redis.call('GET', KEYS[1])
if (ARGV[1] == '0' and not is) or (ARGV[1] == '1' and is == ARGV[2]) then redis.call('SET', KEYS[1], ARGV[3]) return 1 end
return 0`

func (s *redisStore) cas(ctx context.Context, key string, expected *string, value string) error {
	known, want := "0", ""
	if expected != nil {
		known, want = "1", *expected
	}
	done, err := s.client.Eval(ctx, casScript, []string{key}, known, want, value).Int()
	if err == nil && done == 0 {
		return errEmpty
	}
	return s.certain(err)
}

const acquireScript = `if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return redis.call('INCR', KEYS[2]) end
return 0`

func lockKeys(key string) []string { return []string{"{" + key + "}", "{" + key + "}:token"} }

func (s *redisStore) acquire(ctx context.Context, key string, ttl time.Duration) (int64, error) {
	token, err := s.client.Eval(ctx, acquireScript, lockKeys(key), s.holder, ttl.Milliseconds()).Int64()
	if err == nil && token == 0 {
		return 0, errEmpty
	}
	return token, s.certain(err)
}

const releaseScript = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`

func (s *redisStore) release(ctx context.Context, key string) error {
	done, err := s.client.Eval(ctx, releaseScript, lockKeys(key)[:1], s.holder).Int()
	if err == nil && done == 0 {
		return errEmpty
	}
	return s.certain(err)
}

func (s *redisStore) enqueue(ctx context.Context, key, value string) error {
	return s.certain(s.client.LPush(ctx, key, value).Err())
}

func (s *redisStore) dequeue(ctx context.Context, key string) (string, error) {
	v, err := s.client.RPop(ctx, key).Result()
	if errors.Is(err, redis.Nil) {
		return "", errEmpty
	}
	return v, s.certain(err)
}

func (s *redisStore) add(ctx context.Context, key string, delta int64) error {
	if s.unguarded {
		n, err := s.sum(ctx, key)
		if err != nil && !errors.Is(err, redis.Nil) { // nothing was written
			return fmt.Errorf("%w: %w", history.ErrRefused, err)
		}
		return s.write(ctx, key, strconv.FormatInt(n+delta, 10))
	}
	return s.certain(s.client.IncrBy(ctx, key, delta).Err())
}

func (s *redisStore) sum(ctx context.Context, key string) (int64, error) {
	n, err := s.client.Get(ctx, key).Int64()
	return n, s.certain(err)
}

func (s *redisStore) insert(ctx context.Context, key, item string) error {
	return s.certain(s.client.SAdd(ctx, key, item).Err())
}

func (s *redisStore) items(ctx context.Context, key string) ([]string, error) {
	all, err := s.client.SMembers(ctx, key).Result()
	return all, s.certain(err)
}
