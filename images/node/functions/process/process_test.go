package process

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// behaviour makes this test's own executable a function: it behaves as the variable says.
const behaviour = "DDSCTL_TEST_FUNCTION"

func TestMain(m *testing.M) {
	if how := os.Getenv(behaviour); how != "" {
		behave(how)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func behave(how string) {
	out := os.NewFile(3, "answers")
	switch how {
	case "never-ready":
		time.Sleep(time.Minute)
	case "dies":
		fmt.Println("no such table")
		os.Exit(3)
	}
	fmt.Fprintln(out, "ready")
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, Most)
	for in.Scan() {
		switch text := in.Text(); {
		case text == "die":
			os.Exit(1)
		case text == "hang":
			time.Sleep(time.Minute)
		case text == "log":
			fmt.Print("one\ntwo")
			fmt.Fprintln(out, "logged")
		case text == "child":
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), behaviour+"=never-ready")
			_ = cmd.Start()
			fmt.Fprintln(out, cmd.Process.Pid)
		default:
			fmt.Fprintln(out, strings.ToUpper(text))
		}
	}
	if how == "deaf" {
		time.Sleep(time.Minute)
	}
}

func options(how string) Options {
	return Options{Command: []string{os.Args[0]}, Environment: []string{behaviour + "=" + how}, Within: time.Minute}
}

func started(t *testing.T, o Options) *Process {
	t.Helper()
	p, err := Start(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(p.Stop)
	return p
}

func TestAFunctionAnswersOneRequestAfterAnother(t *testing.T) {
	p := started(t, options("well"))
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[xyz]{0,20}`).Draw(t, "request")
		answer, err := p.Call(context.Background(), []byte(text))
		require.NoError(t, err)
		require.Equal(t, strings.ToUpper(text), string(answer))
	})
	large := strings.Repeat("x", 1<<20)
	answer, err := p.Call(t.Context(), []byte(large))
	require.NoError(t, err)
	require.Equal(t, strings.ToUpper(large), string(answer))
}

func TestOneThatEndsInsteadOfAnAnswerIsAnError(t *testing.T) {
	p := started(t, options("well"))
	_, err := p.Call(t.Context(), []byte("die"))
	require.ErrorIs(t, err, ErrEnded)
	<-p.Ended()
	_, err = p.Call(t.Context(), []byte("x"))
	require.ErrorIs(t, err, ErrEnded)
}

func TestOneThatTakesTooLongIsKilled(t *testing.T) {
	p := started(t, options("well"))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := p.Call(ctx, []byte("hang"))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	<-p.Ended()
}

func TestAStartThatFailsLeavesNothingBehind(t *testing.T) {
	for how, want := range map[string]string{"never-ready": "not ready", "dies": "not ready"} {
		o := options(how)
		if how == "never-ready" {
			o.Within = 20 * time.Millisecond
		}
		_, err := Start(t.Context(), o)
		require.ErrorContains(t, err, want)
	}
	_, err := Start(t.Context(), Options{Command: []string{"/no/such/program"}})
	require.ErrorContains(t, err, "/no/such/program")
	_, err = Start(t.Context(), Options{})
	require.Error(t, err)
}

func TestStopEndsOneThatDoesNotListen(t *testing.T) {
	p := started(t, options("deaf"))
	p.Stop()
	p.Stop()
	select {
	case <-p.Ended():
	default:
		t.Fatal("it runs on")
	}
}

func TestStopEndsWhatItStarted(t *testing.T) {
	p := started(t, options("well"))
	answer, err := p.Call(t.Context(), []byte("child"))
	require.NoError(t, err)
	child, err := strconv.Atoi(string(answer))
	require.NoError(t, err)
	p.Stop()
	require.Eventually(t, func() bool { return gone(child) }, 10*time.Second, 10*time.Millisecond)
}

// gone says whether a process has ended, although nobody may have collected it.
func gone(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	return strings.HasPrefix(rest, "Z")
}

func TestItsLogComesLineByLine(t *testing.T) {
	var mu sync.Mutex
	var lines []string
	o := options("well")
	o.Say = func(line string) {
		mu.Lock()
		defer mu.Unlock()
		lines = append(lines, line)
	}
	p := started(t, o)
	_, err := p.Call(t.Context(), []byte("log"))
	require.NoError(t, err)
	p.Stop()
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, []string{"one", "two"}, lines)
}
