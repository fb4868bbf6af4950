package protocol

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.etcd.io/etcd/server/v3/embed"

	"github.com/ddsctl/ddsctl/labs/workload"
)

var (
	read      = workload.Operation{Operation: workload.Read}
	write     = workload.Operation{Operation: workload.Write}
	remove    = workload.Operation{Operation: workload.Delete}
	increment = workload.Operation{Operation: workload.Increment}
	ping      = workload.Operation{Operation: workload.Ping}
)

// store asks a key-value store everything about a key's life.
func (c *client) store(counts bool) {
	c.t.Helper()
	t := c.t
	require.Equal(t, FoundMiss, c.must(read, "a", "").Found)
	require.Equal(t, FoundUnknown, c.must(write, "a", "value").Found)
	require.Equal(t, FoundHit, c.must(read, "a", "").Found)
	c.must(write, "large", strings.Repeat("v", 100_000))
	require.Equal(t, FoundHit, c.must(read, "large", "").Found)
	c.must(write, "empty", "")
	require.Equal(t, FoundHit, c.must(read, "empty", "").Found)
	if counts {
		c.must(write, "n", "41")
		c.must(increment, "n", "")
		_, err := c.do(increment, "a", "")
		require.Equal(t, KindServer, KindOf(err))
		require.False(t, Broken(err))
		c.must(ping, "", "")
	}
	c.must(remove, "a", "")
	require.Equal(t, FoundMiss, c.must(read, "a", "").Found)
}

func TestRedisItself(t *testing.T) {
	address := local(t, "redis-server", "--port", "$PORT", "--bind", "$HOST", "--save", "", "--requirepass", "secret", "--databases", "4")
	c := opened(t, "redis://:secret@"+address+"/3")
	c.store(true)
	require.Equal(t, FoundMiss, c.must(workload.Operation{Operation: "command", Command: []string{"HGET", "h:{key}", "f{number}"}}, "k", "").Found)
	c.must(workload.Operation{Operation: "command", Command: []string{"HSET", "h:{key}", "f{number}", "{value}"}}, "k", "v v")
	require.Equal(t, FoundHit, c.must(workload.Operation{Operation: "command", Command: []string{"HGET", "h:{key}", "f7"}}, "k", "").Found)
	c.must(workload.Operation{Operation: "command", Command: []string{"HELLO", "3"}}, "", "")
	c.must(workload.Operation{Operation: "command", Command: []string{"HGETALL", "h:{key}"}}, "k", "")
	require.Equal(t, FoundMiss, c.must(workload.Operation{Operation: "command", Command: []string{"GET", "none"}}, "", "").Found)
	_, err := c.do(workload.Operation{Operation: "command", Command: []string{"NONSENSE"}}, "", "")
	require.ErrorContains(t, err, "NONSENSE")

	_, err = made(t, "redis://:wrong@"+address).protocol.Open(t.Context())
	require.Equal(t, KindServer, KindOf(err))
	_, err = made(t, "redis://:secret@"+address+"/9").protocol.Open(t.Context())
	require.Equal(t, KindServer, KindOf(err), "there are four databases")
}

func TestMemcachedItself(t *testing.T) {
	address := local(t, "memcached", "-l", "$HOST", "-p", "$PORT", "-U", "0", "-u", "nobody")
	c := opened(t, "memcache://"+address)
	c.store(true)
	require.Equal(t, FoundMiss, c.must(increment, "none", "").Found)
	require.Equal(t, FoundMiss, c.must(remove, "none", "").Found)
	_, err := c.do(write, "big", strings.Repeat("x", 2<<20))
	require.Equal(t, KindServer, KindOf(err), "the default limit of an item is 1 MiB: %v", err)
}

func TestARedisDatabaseIsANumber(t *testing.T) {
	target, err := workload.ParseTarget("redis://a/shop")
	require.NoError(t, err)
	_, err = newRedis(Config{Target: target})
	require.ErrorContains(t, err, "number of a database")
}

// answers serves texts for requests of any kind: one for each read that brings something.
func answers(texts ...string) func(net.Conn) {
	return func(conn net.Conn) {
		buffer := make([]byte, 4096)
		for _, text := range texts {
			if _, err := conn.Read(buffer); err != nil {
				return
			}
			if _, err := io.WriteString(conn, text); err != nil {
				return
			}
		}
		_, _ = io.Copy(io.Discard, conn)
	}
}

func TestRedisAnswersEndWhereTheyShould(t *testing.T) {
	for name, test := range map[string]struct {
		answer string
		found  Found
		kind   string
	}{
		"string":          {"$3\r\nabc\r\n", FoundHit, ""},
		"null":            {"$-1\r\n", FoundMiss, ""},
		"null of RESP3":   {"_\r\n", FoundMiss, ""},
		"null array":      {"*-1\r\n", FoundMiss, ""},
		"nested":          {"*2\r\n*1\r\n$1\r\na\r\n%1\r\n+k\r\n,1.5\r\n", FoundHit, ""},
		"error in array":  {"*2\r\n-ERR inner\r\n:1\r\n", FoundHit, ""},
		"push first":      {">2\r\n+invalidate\r\n+k\r\n$1\r\na\r\n", FoundHit, ""},
		"attribute first": {"|1\r\n+ttl\r\n:3\r\n$1\r\na\r\n", FoundHit, ""},
		"error":           {"-LOADING Redis is loading\r\n", FoundUnknown, KindServer},
		"long error":      {"!9\r\nSYNTAX no\r\n", FoundUnknown, KindServer},
		"not redis":       {"HTTP/1.1 400 Bad Request\r\n\r\n", FoundUnknown, KindProtocol},
		"bad length":      {"$x\r\n", FoundUnknown, KindProtocol},
		"huge length":     {"$99999999999\r\n", FoundUnknown, KindProtocol},
		"huge array":      {"*999999999\r\n", FoundUnknown, KindProtocol},
		"bottomless":      {strings.Repeat("*1\r\n", 50), FoundUnknown, KindProtocol},
		"too long":        {"$1\r\nabc\r\n", FoundUnknown, KindProtocol},
		"two answers":     {"+OK\r\n+OK\r\n", FoundUnknown, KindProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := opened(t, "redis://"+listen(t, answers(test.answer)))
			answer, err := c.do(read, "k", "")
			if test.kind == "" {
				require.NoError(t, err)
				require.Equal(t, test.found, answer.Found)
				return
			}
			require.Error(t, err)
			require.Equal(t, test.kind, KindOf(err), "%v", err)
			require.Equal(t, test.kind == KindProtocol, Broken(err))
		})
	}
}

func TestMemcachedAnswersEndWhereTheyShould(t *testing.T) {
	for name, test := range map[string]struct {
		op     workload.Operation
		answer string
		kind   string
	}{
		"value with cas": {read, "VALUE k 0 2 77\r\nab\r\nEND\r\n", ""},
		"not stored":     {write, "NOT_STORED\r\n", KindServer},
		"out of memory":  {write, "SERVER_ERROR out of memory storing object\r\n", KindServer},
		"other word":     {write, "DELETED\r\n", KindProtocol},
		"bad length":     {read, "VALUE k 0 x\r\n", KindProtocol},
		"two values":     {read, "VALUE k 0 1\r\na\r\nVALUE k 0 1\r\na\r\nEND\r\n", KindProtocol},
		"too long":       {read, "VALUE k 0 1\r\nabc\r\nEND\r\n", KindProtocol},
		"no number":      {increment, "many\r\n", KindProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := opened(t, "memcache://"+listen(t, answers(test.answer)))
			_, err := c.do(test.op, "k", "v")
			if test.kind == "" {
				require.NoError(t, err)
				return
			}
			require.Error(t, err)
			require.Equal(t, test.kind, KindOf(err), "%v", err)
		})
	}
}

func TestTCPEchoAndConnect(t *testing.T) {
	address := listen(t, func(conn net.Conn) { _, _ = io.Copy(conn, conn) })
	c := opened(t, "tcp://"+address)
	c.must(workload.Operation{Operation: workload.Connect}, "", "")
	echo := workload.Operation{Operation: workload.Echo}
	c.must(echo, "", "")
	for _, size := range []int{1, inputBuffer, 3*inputBuffer + 5} {
		c.must(echo, "", strings.Repeat("ab", size))
	}
	c = opened(t, "tcp://"+listen(t, func(conn net.Conn) {
		in := bufio.NewReader(conn)
		if _, err := in.ReadByte(); err == nil {
			_, _ = conn.Write([]byte{'?'})
		}
	}))
	_, err := c.do(echo, "", "x")
	require.Equal(t, KindProtocol, KindOf(err))
}

func TestMySQLItself(t *testing.T) {
	dir := t.TempDir()
	address := local(t, "mariadbd", "--no-defaults", "--datadir="+dir, "--port=$PORT", "--bind-address=$HOST", "--skip-grant-tables", "--skip-networking=0",
		"--socket="+dir+"/s", "--pid-file="+dir+"/p", "--user=root", "--innodb-buffer-pool-size=16M", "--innodb-log-file-size=4M", "--skip-log-bin")
	c := opened(t, "mysql://root@"+address, within(20*time.Second))
	statement := func(text string) workload.Operation {
		return workload.Operation{Operation: workload.Statement, Statement: text}
	}
	for _, text := range []string{"CREATE DATABASE shop", "CREATE TABLE shop.t (k VARCHAR(50) PRIMARY KEY, n BIGINT, v BLOB)"} {
		c.must(statement(text), "", "")
	}
	c = opened(t, "mysql://root@"+address+"/shop", within(20*time.Second))
	c.must(ping, "", "")
	find := statement("SELECT * FROM t WHERE k = {key}")
	require.Equal(t, FoundMiss, c.must(find, "it's", "").Found)
	insert := statement("INSERT INTO t VALUES ({key}, {number}, {value})")
	c.must(insert, "it's", "a 'value'")
	require.Equal(t, FoundHit, c.must(find, "it's", "").Found)
	require.Equal(t, FoundHit, c.must(statement("SELECT v FROM t WHERE n = {number}"), "", "").Found)
	_, err := c.do(insert, "it's", "again")
	require.Equal(t, KindServer, KindOf(err))
	require.False(t, Broken(err))
	_, err = c.do(statement("SELEKT 1"), "", "")
	require.Equal(t, KindServer, KindOf(err))
	require.Equal(t, FoundUnknown, c.must(statement("SELECT 1"), "", "").Found)

	c = opened(t, "mysql://root@"+address+"/shop", within(200*time.Millisecond))
	_, err = c.do(statement("SELECT SLEEP(5)"), "", "")
	require.Equal(t, KindTimeout, KindOf(err), "%v", err)
	require.True(t, Broken(err))
}

// member starts an etcd in this process.
func member(t *testing.T) string {
	t.Helper()
	config := embed.NewConfig()
	config.Dir = t.TempDir()
	config.LogLevel = "panic"
	config.LogOutputs = []string{"/dev/null"}
	at := func() url.URL { return url.URL{Scheme: "http", Host: free(t)} }
	own, peer := at(), at()
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{own}, []url.URL{own}
	config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	server, err := embed.StartEtcd(config)
	require.NoError(t, err)
	t.Cleanup(server.Close)
	<-server.Server.ReadyNotify()
	return own.Host
}

func TestEtcdItself(t *testing.T) {
	c := opened(t, "etcd://"+member(t))
	c.store(false)
	c.must(write, "s", "v")
	require.Equal(t, FoundHit, c.must(workload.Operation{Operation: workload.Read, Serializable: true}, "s", "").Found)
	_, err := c.do(write, "", "a key is needed")
	require.Equal(t, KindServer, KindOf(err), "%v", err)
	require.False(t, Broken(err))

	var running sync.WaitGroup
	for i := range 20 { // requests share the connection
		running.Go(func() {
			compiled, _ := c.protocol.Compile(write)
			if err := c.conn.Do(t.Context(), &Request{Op: compiled, Key: []byte(strconv.Itoa(i)), Now: time.Now()}, &Answer{}); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	_, err = made(t, "etcd://user:wrong@"+strings.TrimPrefix(c.conn.(*etcdConn).config.Target.Address(), "")).protocol.Open(t.Context())
	require.Equal(t, KindServer, KindOf(err), "authentication is not enabled: %v", err)
}

func TestKafkaRecordsAreAppendedAndTaken(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.SeedTopics(2, "orders"))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	address := cluster.ListenAddrs()[0]
	c := opened(t, "kafka://"+address+"/orders")
	for i := range 20 {
		for _, acks := range []string{"all", "leader", "none"} {
			c.must(workload.Operation{Operation: workload.Produce, Acks: acks}, fmt.Sprint("key:", i), "value")
		}
	}
	consume := workload.Operation{Operation: workload.Consume}
	require.Equal(t, FoundHit, c.must(consume, "", "").Found)
	require.Eventually(t, func() bool { return c.must(consume, "", "").Found == FoundMiss }, 20*time.Second, time.Millisecond)

	reader, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.ConsumeTopics("orders"), kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()))
	require.NoError(t, err)
	t.Cleanup(reader.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	count := 0
	for count < 60 && ctx.Err() == nil {
		reader.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			count++
			require.Equal(t, "value", string(r.Value))
		})
	}
	require.Equal(t, 60, count)
}

func TestAKafkaClusterThatVanishesCostsErrorsWithinTheTimeout(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	require.NoError(t, err)
	c := opened(t, "kafka://"+cluster.ListenAddrs()[0]+"/orders", within(300*time.Millisecond))
	produce := workload.Operation{Operation: workload.Produce, Acks: "all"}
	c.must(produce, "k", "v")
	cluster.Close()
	for range 3 {
		began := time.Now()
		_, err = c.do(produce, "k", "v")
		require.Error(t, err)
		require.Less(t, time.Since(began), 5*time.Second)
	}
	require.Equal(t, KindRefused, KindOf(err), "%v", err)
}
