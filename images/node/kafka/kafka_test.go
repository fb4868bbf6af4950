package kafka_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ddsctl/ddsctl/images/node/kafka"
	"github.com/ddsctl/ddsctl/images/node/kafka/consumer"
	"github.com/ddsctl/ddsctl/images/node/kafka/counter"
	"github.com/ddsctl/ddsctl/images/node/kafka/producer"
	"github.com/ddsctl/ddsctl/images/node/kafka/topics"
)

// patience bounds what a test waits for, on a machine that is busy with others.
const patience = 40 * time.Second

// brokers are a cluster in memory, with a topic of four partitions.
func brokers(t *testing.T) []string {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)
	addresses := cluster.ListenAddrs()
	client, err := kafka.Client(addresses)
	require.NoError(t, err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	made := []topics.Topic{{Name: "orders", Partitions: 4, Copies: 1, InSync: 1}}
	require.NoError(t, topics.Make(ctx, client, made))
	require.NoError(t, topics.Make(ctx, client, made), "what is there is left as it is")
	return addresses
}

// served runs something until stop is called, or the test is over.
func served(t *testing.T, serve func(context.Context, net.Listener) error) (url string, stop func()) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	wait.Go(func() {
		if err := serve(ctx, listener); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	stop = sync.OnceFunc(func() { cancel(); wait.Wait() })
	t.Cleanup(stop)
	return "http://" + listener.Addr().String(), stop
}

func member(t *testing.T, addresses []string, o consumer.Options) (*consumer.Consumer, func()) {
	o.Brokers, o.Group, o.Topics = addresses, "billing", []string{"orders"}
	c, err := consumer.New(o)
	require.NoError(t, err)
	_, stop := served(t, c.Serve)
	return c, stop
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	require.Eventually(t, holds, patience, 20*time.Millisecond, what)
}

func text(t *testing.T, url string) string {
	answer, err := http.Get(url) //nolint:gosec // the test's own server
	require.NoError(t, err)
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return string(body)
}

func TestWhatWasAcknowledgedIsReadByOneOfTheGroup(t *testing.T) {
	addresses := brokers(t)
	count := counter.New()
	countURL, _ := served(t, count.Serve)
	p, err := producer.New(producer.Options{Name: "o", Brokers: addresses, Topic: "orders", Rate: 200, Keys: 20})
	require.NoError(t, err)
	producerURL, _ := served(t, p.Serve)
	one, _ := member(t, addresses, consumer.Options{Name: "one", Deliver: consumer.HTTP(countURL)})
	two, stopTwo := member(t, addresses, consumer.Options{Name: "two", Deliver: consumer.HTTP(countURL), Every: 50 * time.Millisecond})
	eventually(t, "the partitions are divided", func() bool { return one.Figures().Partitions == 2 && two.Figures().Partitions == 2 })
	eventually(t, "both read", func() bool { return one.Figures().Records > 0 && two.Figures().Records > 0 })
	stopTwo()
	eventually(t, "who stays has all", func() bool { return one.Figures().Partitions == 4 })
	eventually(t, "and goes on", func() bool { return count.Counts().Distinct > 200 })

	r, err := counter.Audit(t.Context(), counter.AuditOptions{Producer: producerURL, Counter: countURL, Within: patience})
	require.NoError(t, err)
	require.Positive(t, r.Acked)
	require.Equal(t, r.Sent, r.Acked)
	require.Equal(t, r.Acked, r.Read)
	require.Zero(t, r.Lost+r.Repeated+r.Surplus+r.Waiting+r.GivenUp, "%s: who leaves keeps its place", r)
	require.False(t, p.Status().Paused, "it goes on afterwards")
	require.Contains(t, text(t, producerURL+"/metrics"), "\nproducer_given_up 0\n")
	require.Contains(t, text(t, countURL+"/metrics"), "\ncounter_repeated 0\n")
}

func TestWhatNobodyHasMadeIsPassedOver(t *testing.T) {
	addresses := brokers(t)
	client, err := kafka.Client(addresses, kgo.DefaultProduceTopic("orders"))
	require.NoError(t, err)
	defer client.Close()
	for _, value := range []string{"hello", `{"source":"a","number":0}`, `{"source":"a","number":7}`} {
		require.NoError(t, client.ProduceSync(t.Context(), kgo.StringRecord(value)).FirstErr())
	}
	var mu sync.Mutex
	var got []kafka.Record
	c, _ := member(t, addresses, consumer.Options{Deliver: func(_ context.Context, list []kafka.Record) error {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, list...)
		return nil
	}})
	eventually(t, "all are read", func() bool { f := c.Figures(); return f.Records == 1 && f.Foreign == 2 })
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, []kafka.Record{{Source: "a", Number: 7}}, got)
}

// A member that ends in the middle of its work does it once more, or never, as it is told to keep its place.
func TestWhenThePlaceIsKeptDecidesWhetherWorkIsDoneTwiceOrNever(t *testing.T) {
	for commit, again := range map[string]bool{consumer.CommitAfter: true, consumer.CommitBefore: false} {
		t.Run(commit, func(t *testing.T) {
			addresses := brokers(t)
			client, err := kafka.Client(addresses, kgo.DefaultProduceTopic("orders"))
			require.NoError(t, err)
			defer client.Close()
			send := func(value string) {
				require.NoError(t, client.ProduceSync(t.Context(), &kgo.Record{Key: []byte("k"), Value: []byte(value)}).FirstErr())
			}
			send(`{"source":"a","number":1}`)
			begun := make(chan struct{})
			_, stop := member(t, addresses, consumer.Options{Commit: commit, Deliver: func(ctx context.Context, _ []kafka.Record) error {
				close(begun)
				<-ctx.Done() // it never gets done
				return ctx.Err()
			}})
			<-begun
			stop()
			send(`{"source":"a","number":2}`)
			seen := make(chan int64, 10)
			member(t, addresses, consumer.Options{Commit: commit, Deliver: func(_ context.Context, list []kafka.Record) error {
				for _, r := range list {
					seen <- r.Number
				}
				return nil
			}})
			if again {
				require.EqualValues(t, 1, <-seen)
			}
			require.EqualValues(t, 2, <-seen)
		})
	}
}

func TestAProducerBeginsAnewPausesAndChangesItsRate(t *testing.T) {
	p, err := producer.New(producer.Options{Name: "o", Brokers: brokers(t), Topic: "orders", Rate: 300})
	require.NoError(t, err)
	url, _ := served(t, p.Serve)
	post := func(path string) (s producer.Status, code int) {
		answer, err := http.Post(url+path, "", nil) //nolint:gosec // the test's own server
		require.NoError(t, err)
		defer func() { _ = answer.Body.Close() }()
		if answer.StatusCode == http.StatusOK {
			require.NoError(t, json.NewDecoder(answer.Body).Decode(&s))
		}
		return s, answer.StatusCode
	}
	eventually(t, "records are acknowledged", func() bool { return p.Status().Acked > 20 })
	post("/pause")
	eventually(t, "none is on its way", func() bool { return p.Status().Waiting == 0 })
	first := p.Acked()
	require.Equal(t, first.Acked, first.Sent)
	again, _ := post("/begin")
	require.NotEqual(t, first.Source, again.Source)
	require.Zero(t, again.Sent)
	s, _ := post("/rate?per_second=500")
	require.InDelta(t, 500, s.Rate, 0)
	for _, wrong := range []string{"", "x", "-1", "NaN", "1e9"} {
		_, code := post("/rate?per_second=" + wrong)
		require.Equal(t, http.StatusBadRequest, code, wrong)
	}
	require.Zero(t, p.Status().Sent, "it is paused still")
	post("/resume")
	eventually(t, "and goes on", func() bool { return p.Status().Acked > 0 })
	require.Contains(t, text(t, url+"/acked"), `"numbers":[{"first":1,`)
}

// Whatever was acknowledged and never read is lost; what was read and never acknowledged is surplus.
func TestAnAuditCountsWhatIsLostAndWhatIsTooMuch(t *testing.T) {
	paused := false
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) { kafka.Say(w, map[string]any{"source": "s"}) })
	mux.HandleFunc("POST /pause", func(http.ResponseWriter, *http.Request) { paused = true })
	mux.HandleFunc("POST /resume", func(http.ResponseWriter, *http.Request) { paused = false })
	mux.HandleFunc("GET /acked", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"source":"s","topic":"orders","sent":12,"given_up":1,"numbers":[{"first":1,"last":8}]}`)
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	count := counter.New()
	countURL, _ := served(t, count.Serve)
	for _, n := range []int64{1, 2, 3, 3, 6, 7, 11} {
		require.NoError(t, count.Add([]counter.Entry{{Source: "s", Number: n}, {Source: "other", Number: n}}))
	}
	r, err := counter.Audit(t.Context(), counter.AuditOptions{Producer: server.URL, Counter: countURL, Within: time.Millisecond})
	require.NoError(t, err)
	require.Equal(t, counter.Result{Topic: "orders", Sent: 12, Acked: 8, GivenUp: 1, Read: 6, Lost: 3, Repeated: 1, Surplus: 1}, r)
	require.Equal(t, "orders: 8 acknowledged, 3 lost (37.5 %), 1 read more than once, 1 read without an acknowledgement; 1 without an answer", r.String())
	require.False(t, paused)

	_, err = counter.Audit(t.Context(), counter.AuditOptions{Producer: countURL, Counter: countURL})
	require.ErrorContains(t, err, "404")
}

func TestACounterTakesAllOrNothing(t *testing.T) {
	count := counter.New()
	url, _ := served(t, count.Serve)
	post := func(body string) int {
		answer, err := http.Post(url+"/seen", "application/json", strings.NewReader(body)) //nolint:gosec // the test's own server
		require.NoError(t, err)
		_ = answer.Body.Close()
		return answer.StatusCode
	}
	require.Equal(t, http.StatusBadRequest, post(`[{"source":"a","number":1},{"source":"a","number":0}]`))
	require.Equal(t, http.StatusBadRequest, post(`{`))
	require.Equal(t, counter.Counts{}, count.Counts())
	sent := time.Now().Add(-time.Hour).Format(time.RFC3339Nano)
	require.Equal(t, http.StatusNoContent, post(`[{"source":"a","number":1,"sent":"`+sent+`"},{"source":"a","number":1}]`))
	c := count.Counts()
	require.GreaterOrEqual(t, c.DelaySeconds, 3600.0)
	require.Equal(t, counter.Counts{Records: 2, Distinct: 1, Repeated: 1, DelaySeconds: c.DelaySeconds}, c)
	require.JSONEq(t, `{"records":0,"distinct":0,"repeated":0,"delay_seconds":0,"numbers":[]}`, text(t, url+"/seen?source=b"))
}

func TestMistakesInOptionsAreNamed(t *testing.T) {
	for text, want := range map[string]string{"orders": "want NAME", "orders:0:1": "want NAME", "orders:1:2:3": "cannot be in sync", ":1:1": "want NAME", "a:1:1:1:1": "want NAME"} {
		_, err := topics.Parse(text)
		require.ErrorContains(t, err, want, text)
	}
	parsed, err := topics.Parse("orders:6:3:2")
	require.NoError(t, err)
	require.Equal(t, topics.Topic{Name: "orders", Partitions: 6, Copies: 3, InSync: 2}, parsed)
	_, err = consumer.New(consumer.Options{Commit: "sometimes"})
	require.ErrorContains(t, err, "after or before")
	_, err = consumer.New(consumer.Options{Balance: "fair"})
	require.ErrorContains(t, err, "sticky or range")
	_, err = producer.New(producer.Options{Acks: "some"})
	require.ErrorContains(t, err, "all or leader")
	_, err = producer.New(producer.Options{Rate: -1})
	require.ErrorContains(t, err, "rate")
}
