package store

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
	"go.etcd.io/etcd/client/pkg/v3/types"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/etcdutl/v3/snapshot"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/ddsctl/ddsctl/runtime/hint"
)

const (
	memberName = "class"
	// The embedded member has no peers and listens nowhere. etcd wants an address for it nevertheless; this one is never dialled.
	memberURL    = "http://localhost:0"
	quota        = 8 << 30 // bytes: the most that etcd's makers advise
	startMost    = 30 * time.Second
	connectMost  = 10 * time.Second
	compactAfter = "1h" // of history that nobody reads
)

// Embedded opens the class in a folder, which is made where it is not there. One process at a time has it. etcd listens on no port: it
// is called inside the process.
func Embedded(ctx context.Context, dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	guard, err := hold(dir)
	if err != nil {
		return nil, err
	}
	log, err := logger(filepath.Join(dir, "etcd.log"))
	if err != nil {
		_ = guard.Unlock()
		return nil, err
	}
	config := embed.NewConfig()
	config.Name, config.Dir = memberName, filepath.Join(dir, "etcd")
	config.ListenPeerUrls, config.ListenClientUrls = nil, nil
	address, err := url.Parse(memberURL)
	if err != nil {
		return nil, err
	}
	config.AdvertisePeerUrls, config.AdvertiseClientUrls = []url.URL{*address}, []url.URL{*address}
	config.InitialCluster = config.InitialClusterFromName(memberName)
	config.TickMs, config.ElectionMs = 50, 500 // there is nobody to wait for
	config.QuotaBackendBytes = quota
	config.AutoCompactionMode, config.AutoCompactionRetention = embed.CompactorModePeriodic, compactAfter
	config.EnableGRPCGateway = false
	config.ZapLoggerBuilder = embed.NewZapLoggerBuilder(log)
	server, err := embed.StartEtcd(config)
	if err != nil {
		_ = guard.Unlock()
		return nil, fmt.Errorf("start etcd in %s: %w", config.Dir, err)
	}
	shut := func() error {
		server.Close()
		_ = log.Sync()
		return guard.Unlock()
	}
	ready := time.NewTimer(startMost)
	defer ready.Stop()
	select {
	case <-server.Server.ReadyNotify():
	case err = <-server.Err():
	case <-ctx.Done():
		err = ctx.Err()
	case <-ready.C:
		err = fmt.Errorf("it was not ready after %v", startMost)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start etcd in %s: %w", config.Dir, err), shut())
	}
	client := v3client.New(server.Server)
	return newStore(client, "", func() error {
		_ = client.Close() // it has no connection; it says that its context has ended
		return shut()
	}), nil
}

// hold takes a data folder for this process.
func hold(dir string) (*flock.Flock, error) {
	guard := flock.New(filepath.Join(dir, "lock"))
	switch held, err := guard.TryLock(); {
	case err != nil:
		return nil, fmt.Errorf("lock the data folder: %w", err)
	case !held:
		return nil, hint.Wrap(fmt.Errorf("another class server has %s open", dir), "stop it, or name another folder with --data")
	}
	return guard, nil
}

// logger writes etcd's errors to a file.
func logger(path string) (*zap.Logger, error) {
	config := zap.NewProductionConfig()
	config.Level = zap.NewAtomicLevelAt(zapcore.ErrorLevel)
	config.OutputPaths, config.ErrorOutputPaths = []string{path}, []string{path}
	log, err := config.Build()
	if err != nil {
		return nil, fmt.Errorf("open etcd's log: %w", err)
	}
	return log, nil
}

// Cluster says how an etcd cluster is reached.
type Cluster struct {
	Endpoints []string
	// TLS is nil for plain connections.
	TLS            *tls.Config
	User, Password string
	// Prefix is put before every key. "" is DefaultPrefix.
	Prefix string
}

// External opens the class in an etcd cluster. Members that are lost are gone around as long as most are there.
func External(ctx context.Context, c Cluster) (*Store, error) {
	if c.Prefix != "" && (c.Prefix[0] != '/' || c.Prefix[len(c.Prefix)-1] == '/') {
		return nil, fmt.Errorf("the prefix %q has to begin with / and must not end with it", c.Prefix)
	}
	client, err := clientv3.New(clientv3.Config{
		Endpoints: c.Endpoints, TLS: c.TLS, Username: c.User, Password: c.Password, DialTimeout: connectMost,
		DialKeepAliveTime: 5 * time.Second, DialKeepAliveTimeout: 3 * time.Second, Logger: zap.NewNop(),
	})
	if err != nil {
		return nil, fmt.Errorf("reach etcd at %v: %w", c.Endpoints, err)
	}
	s := newStore(client, c.Prefix, client.Close)
	ctx, cancel := context.WithTimeout(ctx, connectMost)
	defer cancel()
	if _, _, err := s.Class(ctx); err != nil {
		return nil, errors.Join(hint.Wrap(fmt.Errorf("reach etcd at %v: %w", c.Endpoints, err), "etcdctl endpoint status --endpoints ... says how the members are"), s.Close())
	}
	return s, nil
}

// Restore makes a data folder from a copy of the database. It refuses a folder that holds a class, and a copy that is damaged.
func Restore(dir, file string) error {
	target := filepath.Join(dir, "etcd")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	guard, err := hold(dir)
	if err != nil {
		return err
	}
	defer func() { _ = guard.Unlock() }()
	if _, err := os.Stat(target); err == nil {
		return hint.Wrap(fmt.Errorf("%s holds a class already", dir), "name an empty folder with --data, or move that one away")
	}
	peers, err := types.NewURLs([]string{memberURL})
	if err != nil {
		return err
	}
	err = snapshot.NewV3(zap.NewNop()).Restore(snapshot.RestoreConfig{
		SnapshotPath: file, Name: memberName, OutputDataDir: target,
		PeerURLs: peers.StringSlice(), InitialCluster: memberName + "=" + memberURL, InitialClusterToken: "etcd-cluster",
	})
	if err != nil {
		_ = os.RemoveAll(target) // it was not there before
		return fmt.Errorf("restore %s: %w", file, err)
	}
	return nil
}
