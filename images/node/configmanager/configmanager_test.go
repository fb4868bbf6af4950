package configmanager

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// store is one key of etcd, in memory. It can be out of reach.
type store struct {
	mu       sync.Mutex
	value    *string
	revision int64
	down     bool
	watchers []chan clientv3.WatchResponse
}

func (s *store) Get(context.Context, string, ...clientv3.OpOption) (*clientv3.GetResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return nil, errors.New("out of reach")
	}
	answer := &clientv3.GetResponse{Header: &etcdserverpb.ResponseHeader{Revision: s.revision}}
	if s.value != nil {
		answer.Kvs = []*mvccpb.KeyValue{{Value: []byte(*s.value), ModRevision: s.revision}}
	}
	return answer, nil
}

func (s *store) Put(_ context.Context, _, value string, _ ...clientv3.OpOption) (*clientv3.PutResponse, error) {
	s.change(&value)
	return &clientv3.PutResponse{}, nil
}

func (s *store) Watch(ctx context.Context, _ string, _ ...clientv3.OpOption) clientv3.WatchChan {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := make(chan clientv3.WatchResponse, 100)
	s.watchers = append(s.watchers, c)
	context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if i := slices.Index(s.watchers, c); i >= 0 {
			s.watchers = slices.Delete(s.watchers, i, i+1)
			close(c)
		}
	})
	return c
}

// change sets the key, or removes it.
func (s *store) change(value *string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.value = value
	s.revision++
	event := &clientv3.Event{Type: clientv3.EventTypeDelete, Kv: &mvccpb.KeyValue{ModRevision: s.revision}}
	if value != nil {
		event.Type, event.Kv.Value = clientv3.EventTypePut, []byte(*value)
	}
	for _, w := range s.watchers {
		w <- clientv3.WatchResponse{Events: []*clientv3.Event{event}}
	}
}

// fall ends every watch; the store is out of reach until it is told otherwise.
func (s *store) fall(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
	for _, w := range s.watchers {
		close(w)
	}
	s.watchers = nil
}

// set runs a Manager on the store for as long as the test runs.
func set(t *testing.T, s Store, tell Teller) (file string, wrote <-chan int64) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "app.conf")
	written := make(chan int64, 100)
	m := New(s, Options{Key: "app/config", File: file, Tell: tell, Again: time.Millisecond, Check: 10 * time.Millisecond, Wrote: func(r int64) { written <- r }})
	ctx, cancel := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() { require.NoError(t, m.Run(ctx)) })
	t.Cleanup(func() { cancel(); run.Wait() })
	return file, written
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(text)
}

func text(s string) *string { return &s }

func TestAChangeReachesTheFileAndTheApplication(t *testing.T) {
	s := &store{}
	s.change(text("one"))
	told := make(chan string, 100)
	var file string
	var ready sync.WaitGroup
	ready.Add(1)
	file, wrote := set(t, s, func(context.Context) error {
		ready.Wait()
		told <- read(t, file)
		return nil
	})
	ready.Done()
	<-wrote
	require.Equal(t, "one", <-told, "told after the file was written, not before")
	s.change(text("two"))
	<-wrote
	require.Equal(t, "two", <-told)
	files, err := os.ReadDir(filepath.Dir(file))
	require.NoError(t, err)
	require.Len(t, files, 1, "nothing half-written is left")
}

func TestWhatIsTheSameIsNotToldAgain(t *testing.T) {
	s := &store{}
	s.change(text("one"))
	tells := make(chan struct{}, 100)
	_, wrote := set(t, s, func(context.Context) error { tells <- struct{}{}; return nil })
	<-wrote
	s.change(text("one"))
	s.change(text("two"))
	<-wrote
	require.Len(t, tells, 2)
}

func TestAKeyThatIsRemovedLeavesTheFile(t *testing.T) {
	s := &store{}
	s.change(text("one"))
	file, wrote := set(t, s, nil)
	<-wrote
	s.change(nil)
	s.change(text("two"))
	<-wrote
	require.Equal(t, "two", read(t, file))
}

func TestWhileTheStoreIsOutOfReachTheFileStaysAndLaterItCatchesUp(t *testing.T) {
	s := &store{}
	s.change(text("one"))
	file, wrote := set(t, s, nil)
	<-wrote
	s.fall(true)
	s.change(text("two")) // nobody hears of it
	require.Never(t, func() bool { return read(t, file) != "one" }, 50*time.Millisecond, time.Millisecond)
	s.fall(false)
	require.EqualValues(t, 2, <-wrote)
	require.Equal(t, "two", read(t, file))
}

func TestAKeyThatIsMissingIsMadeAtTheBeginningOnly(t *testing.T) {
	s := &store{}
	file, made := filepath.Join(t.TempDir(), "app.conf"), make(chan struct{}, 100)
	wrote := make(chan int64, 100)
	m := New(s, Options{Key: "app/config", File: file, Check: time.Millisecond, Wrote: func(r int64) { wrote <- r }, Missing: func(context.Context) error {
		made <- struct{}{}
		s.change(text("first"))
		return nil
	}})
	ctx, cancel := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() { require.NoError(t, m.Run(ctx)) })
	<-wrote
	require.Equal(t, "first", read(t, file))
	s.change(nil)
	require.Never(t, func() bool { return len(made) > 1 }, 30*time.Millisecond, time.Millisecond, "many looks at a key that is not there")
	cancel()
	run.Wait()
	require.Len(t, made, 1)
	require.Equal(t, "first", read(t, file))
}

func TestWhatWasWrittenByHandIsSetRight(t *testing.T) {
	s := &store{}
	s.change(text("one"))
	file, wrote := set(t, s, nil)
	<-wrote
	require.NoError(t, os.WriteFile(file, []byte("by hand"), 0o600))
	<-wrote
	require.Equal(t, "one", read(t, file))
}

func TestAnApplicationThatDoesNotHearIsToldAgain(t *testing.T) {
	s := &store{}
	s.change(text("one"))
	var tries int
	_, wrote := set(t, s, func(context.Context) error {
		if tries++; tries < 3 {
			return errors.New("deaf")
		}
		return nil
	})
	<-wrote
	require.Equal(t, 3, tries)
}

func TestCallTellsByAPost(t *testing.T) {
	code := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "POST /reload", r.Method+" "+r.URL.Path)
		w.WriteHeader(code)
	}))
	defer server.Close()
	require.NoError(t, Call(server.URL+"/reload")(t.Context()))
	code = http.StatusServiceUnavailable
	require.ErrorContains(t, Call(server.URL+"/reload")(t.Context()), "503")
}

func TestLagIsHowLongAChangeTakesToBeSeen(t *testing.T) {
	s := &store{}
	s.change(text("color: blue\n"))
	file, wrote := set(t, s, nil)
	<-wrote
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		text, _ := os.ReadFile(file)
		_, _ = fmt.Fprint(w, string(text))
	}))
	defer server.Close()
	for range 2 {
		lag, err := Lag(t.Context(), s, "app/config", server.URL)
		require.NoError(t, err)
		require.Positive(t, lag)
	}
	require.Regexp(t, `\Acolor: blue\n# lag \w+\n\z`, read(t, file), "one mark, and what was there before")

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := Lag(ctx, s, "app/config", server.URL+"/"+string([]byte{0x7f}))
	require.Error(t, err)
	_, err = Lag(t.Context(), &store{}, "app/config", server.URL)
	require.ErrorContains(t, err, "no such key")
}
