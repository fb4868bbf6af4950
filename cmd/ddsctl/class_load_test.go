package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/ddsctl/ddsctl/scenarios/class"
	"github.com/ddsctl/ddsctl/scenarios/class/client"
	"github.com/ddsctl/ddsctl/scenarios/class/host"
	"github.com/ddsctl/ddsctl/scenarios/class/secret"
)

// How a class is simulated; bench/class.sh has it larger.
func setting(t *testing.T, name string, otherwise int) int {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, name)
	return n
}

// classProcess is `ddsctl class serve` as a process of its own.
type classProcess struct {
	t             *testing.T
	program, data string
	listen        string
	running       *exec.Cmd
	instructor    *client.Client
	link          client.Link
}

func startClass(t *testing.T, arguments ...string) *classProcess {
	program, err := built()
	require.NoError(t, err)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &classProcess{t: t, program: program, data: t.TempDir(), listen: free.Addr().String()}
	require.NoError(t, free.Close())
	t.Cleanup(func() {
		if p.running != nil {
			_ = p.running.Process.Kill()
			_ = p.running.Wait()
		}
	})
	p.start(arguments...)
	return p
}

func (p *classProcess) start(arguments ...string) {
	p.t.Helper()
	p.running = exec.Command(p.program, append([]string{"class", "serve", "--data", p.data, "--listen", p.listen}, arguments...)...)
	p.running.Stdout, p.running.Stderr = os.Stderr, os.Stderr
	require.NoError(p.t, p.running.Start())
	require.Eventually(p.t, func() bool {
		links, err := host.LoadLinks(p.data)
		if err != nil {
			return false
		}
		if p.link, err = client.ParseLink(links.Join); err != nil {
			return false
		}
		to, err := client.ParseLink(links.Instructor)
		if err != nil {
			return false
		}
		if p.instructor, err = client.New(to, to.Token); err != nil {
			return false
		}
		_, err = p.instructor.Roster(p.t.Context())
		return err == nil
	}, time.Minute, 50*time.Millisecond)
}

// kill ends the server as a power cut does, as far as a process can.
func (p *classProcess) kill() {
	require.NoError(p.t, p.running.Process.Kill())
	_ = p.running.Wait()
}

// simulated is a student that submits once a second.
type simulated struct {
	id           string
	client       *client.Client
	acknowledged map[string]class.Receipt
	latency      *hdrhistogram.Histogram // in microseconds, from when a submission was due
	evidence     class.Evidence
	tries        int
}

func (p *classProcess) students(n int) []*simulated {
	list := make([]*simulated, n)
	all, ctx := errgroup.WithContext(p.t.Context())
	all.SetLimit(50)
	for i := range list {
		all.Go(func() (err error) {
			list[i], err = p.student(ctx, fmt.Sprintf("Student %04d", i))
			return err
		})
	}
	require.NoError(p.t, all.Wait())
	for _, s := range list {
		p.t.Cleanup(s.client.Close)
	}
	return list
}

func (p *classProcess) student(ctx context.Context, name string) (*simulated, error) {
	c, err := client.New(p.link, "")
	if err != nil {
		return nil, err
	}
	defer c.Close()
	joined, err := c.Join(ctx, p.link.Token, name)
	if err != nil {
		return nil, err
	}
	mine, err := client.New(p.link, joined.ID+"."+joined.Secret)
	if err != nil {
		return nil, err
	}
	if _, err := mine.Student(ctx, joined.ID); err != nil { // the connection is open when the clock starts
		return nil, err
	}
	// Made once: it is the server's work that is measured.
	packed, err := class.Pack(fmt.Appendf(nil, `{"version":1,"lab":"sharded-redis","exercise":"which-shard","answer":"%s"}`, joined.ID))
	if err != nil {
		return nil, err
	}
	return &simulated{id: joined.ID, client: mine, evidence: packed, acknowledged: map[string]class.Receipt{}, latency: hdrhistogram.New(1, 60_000_000, 3)}, nil
}

func (s *simulated) submission(number int) class.Submission {
	passed := time.Unix(1_800_000_000, 0).UTC()
	return class.Submission{Version: class.Version, Key: secret.Key(), Lab: "sharded-redis", Time: time.Now().UTC(),
		Exercises: map[string]class.Exercise{
			"which-shard":  {Attempts: number + 1, Points: 1, Worth: 2, Passed: &passed, Evidence: s.evidence.Digest},
			"when-it-dies": {Attempts: number + 1, Worth: 1},
		},
		Evidence: map[string]class.Evidence{"which-shard": s.evidence}}
}

// work submits once a second, and sends again what was not acknowledged, with the same key.
func (s *simulated) work(ctx context.Context, long time.Duration) error {
	due := time.Now().Add(rand.N(time.Second))
	for number := 0; time.Duration(number)*time.Second < long; number++ {
		at := due.Add(time.Duration(number) * time.Second)
		if !sleepUntil(ctx, at) {
			return ctx.Err()
		}
		one := s.submission(number)
		for {
			s.tries++
			receipt, err := s.client.Submit(ctx, s.id, one)
			if err == nil {
				s.acknowledged[one.Key] = receipt
				_ = s.latency.RecordValue(max(1, time.Since(at).Microseconds())) // within a minute
				break
			}
			if !client.Later(err) {
				return err
			}
			if !sleepUntil(ctx, time.Now().Add(200*time.Millisecond+rand.N(200*time.Millisecond))) {
				return ctx.Err()
			}
		}
	}
	return nil
}

func sleepUntil(ctx context.Context, at time.Time) bool {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func TestNothingAcknowledgedIsLostUnderLoadNorWhenTheServerIsKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("loads both processors for a while")
	}
	students := setting(t, "DDSCTL_CLASS_STUDENTS", 200)
	long := time.Duration(setting(t, "DDSCTL_CLASS_SECONDS", 10)) * time.Second
	kills := setting(t, "DDSCTL_CLASS_KILLS", 1)

	p := startClass(t)
	list := p.students(students)
	ctx, cancel := context.WithTimeout(t.Context(), 10*long+time.Minute)
	defer cancel()
	errs := make(chan error, students)
	for _, s := range list {
		go func() { errs <- s.work(ctx, long) }()
	}
	for i := range kills {
		require.True(t, sleepUntil(ctx, time.Now().Add(long/time.Duration(kills+1))))
		t.Logf("kill %d", i+1)
		p.kill()
		p.start()
	}
	for range list {
		require.NoError(t, <-errs)
	}

	marks, err := p.instructor.Export(t.Context())
	require.NoError(t, err)
	total, tries := 0, 0
	latency := hdrhistogram.New(1, 60_000_000, 3)
	for _, s := range list {
		kept := map[string]bool{}
		for _, key := range marks.Submissions[s.id] {
			kept[key] = true
		}
		for key := range s.acknowledged {
			require.True(t, kept[key], "submission %s of student %s was acknowledged and is lost", key, s.id)
		}
		require.Len(t, kept, len(s.acknowledged), "what was sent twice counts once")
		total, tries = total+len(s.acknowledged), tries+s.tries
		latency.Merge(s.latency)
	}
	require.Equal(t, students*int(long/time.Second), total)
	require.Len(t, marks.Students, students)
	p.kill() // whose state then says what it cost
	state := p.running.ProcessState
	t.Logf("class: %d students, %d acknowledged, %d tries, p50 %.1f ms, p99 %.1f ms, max %.1f ms, server %.1f s of processor", students, total, tries,
		float64(latency.ValueAtQuantile(50))/1000, float64(latency.ValueAtQuantile(99))/1000, float64(latency.Max())/1000, (state.UserTime() + state.SystemTime()).Seconds())
}

func TestAClassThatIsRestoredKnowsItsStudents(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the binary")
	}
	p := startClass(t)
	ada := p.students(1)[0]
	one := ada.submission(1)
	told, err := ada.client.Submit(t.Context(), ada.id, one)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "class.db")
	text, err := exec.Command(p.program, "class", "backup", "--data", p.data, file).CombinedOutput()
	require.NoError(t, err, string(text))
	p.kill()

	old := p.data
	p.data = t.TempDir()
	text, err = exec.Command(p.program, "class", "restore", "--data", p.data, file).CombinedOutput()
	require.NoError(t, err, string(text))
	require.NoError(t, os.CopyFS(filepath.Join(p.data, "tls"), os.DirFS(filepath.Join(old, "tls"))))
	links, err := os.ReadFile(host.LinksFile(old))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(host.LinksFile(p.data), links, 0o600))
	p.start()
	again, err := ada.client.Submit(t.Context(), ada.id, one)
	require.NoError(t, err, "the student's secret and the pin of the authority are good still")
	require.Equal(t, told, again)
}
