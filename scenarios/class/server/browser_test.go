package server

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/scenarios/class/client"
)

const chromium = "/usr/bin/chromium"

// browser is a headless Chromium that is driven through a pair of pipes: DevTools messages as JSON, a zero byte after each.
type browser struct {
	t       *testing.T
	out     *os.File
	session string
	changed chan struct{} // a message has come

	mu       sync.Mutex
	next     int
	answers  map[int]message
	problems []string // what a person would see in red in the console
}

type message struct {
	ID        int             `json:"id,omitempty"`
	Method    string          `json:"method,omitempty"`
	SessionID string          `json:"sessionId,omitempty"`
	Params    json.RawMessage `json:"params,omitempty"`
	Result    json.RawMessage `json:"result,omitempty"`
	Error     json.RawMessage `json:"error,omitempty"`
}

func openBrowser(t *testing.T) *browser {
	t.Helper()
	if _, err := os.Stat(chromium); err != nil {
		t.Skip("there is no " + chromium)
	}
	toRead, toWrite, err := os.Pipe()
	require.NoError(t, err)
	fromRead, fromWrite, err := os.Pipe()
	require.NoError(t, err)
	// The sandbox needs a user other than root; the server's certificate is its own, and tested elsewhere.
	cmd := exec.Command(chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--ignore-certificate-errors",
		"--no-first-run", "--disable-background-networking", "--user-data-dir="+t.TempDir(), "--remote-debugging-pipe", "about:blank")
	cmd.ExtraFiles = []*os.File{toRead, fromWrite}
	require.NoError(t, cmd.Start())
	require.NoError(t, toRead.Close())
	require.NoError(t, fromWrite.Close())
	b := &browser{t: t, out: toWrite, answers: map[int]message{}, changed: make(chan struct{}, 1)}
	read := make(chan struct{})
	go func() {
		defer close(read)
		b.read(bufio.NewReader(fromRead))
	}()
	t.Cleanup(func() {
		_ = toWrite.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = fromRead.Close()
		<-read
	})
	var target struct{ TargetID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		b.call(domain+".enable", nil, nil)
	}
	return b
}

func (b *browser) read(r *bufio.Reader) {
	for {
		text, err := r.ReadBytes(0)
		if err != nil {
			return
		}
		var m message
		if json.Unmarshal(text[:len(text)-1], &m) != nil {
			continue
		}
		b.mu.Lock()
		switch {
		case m.ID != 0:
			b.answers[m.ID] = m
		case strings.Contains(string(m.Params), "ERR_NETWORK_CHANGED"):
			// Another test has made or removed a network of this machine; Chromium then drops all connections, and the page comes back.
		case m.Method == "Runtime.exceptionThrown", m.Method == "Log.entryAdded", m.Method == "Network.loadingFailed":
			b.problems = append(b.problems, m.Method+" "+string(m.Params))
		case m.Method == "Runtime.consoleAPICalled":
			b.problems = append(b.problems, string(m.Params))
		case m.Method == "Network.requestWillBeSent":
			var sent struct{ Request struct{ URL string } }
			if json.Unmarshal(m.Params, &sent) == nil && !strings.Contains(sent.Request.URL, "://127.0.0.1:") && !strings.HasPrefix(sent.Request.URL, "about:") {
				b.problems = append(b.problems, "asks elsewhere: "+sent.Request.URL)
			}
		}
		b.mu.Unlock()
		select {
		case b.changed <- struct{}{}:
		default:
		}
	}
}

func (b *browser) call(method string, params, into any) {
	b.t.Helper()
	if params == nil {
		params = struct{}{}
	}
	text, err := json.Marshal(params)
	require.NoError(b.t, err)
	b.mu.Lock()
	b.next++
	id := b.next
	b.mu.Unlock()
	m, err := json.Marshal(message{ID: id, Method: method, SessionID: b.session, Params: text})
	require.NoError(b.t, err)
	_, err = b.out.Write(append(m, 0))
	require.NoError(b.t, err)
	patience := time.After(time.Minute)
	for {
		b.mu.Lock()
		answer, there := b.answers[id]
		b.mu.Unlock()
		if there {
			require.Empty(b.t, answer.Error, method)
			if into != nil {
				require.NoError(b.t, json.Unmarshal(answer.Result, into))
			}
			return
		}
		select {
		case <-b.changed:
		case <-patience:
			b.t.Fatalf("the browser does not answer %s", method)
		}
	}
}

// value is what an expression is in the page.
func (b *browser) value(expression string) string {
	b.t.Helper()
	var out struct {
		Result struct {
			Value any
		}
		ExceptionDetails json.RawMessage
	}
	b.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true}, &out)
	if len(out.ExceptionDetails) > 0 {
		return "" // the page is on its way to another
	}
	return fmt.Sprint(out.Result.Value)
}

// open goes to a page until an expression has a value there. It goes there again when nothing comes of it, as a person does: where other
// tests change the networks of this machine, Chromium drops whatever it was loading.
func (b *browser) open(url, expression, want string) {
	b.t.Helper()
	for range 5 {
		b.call("Page.navigate", map[string]any{"url": "about:blank"}, nil)
		b.call("Page.navigate", map[string]any{"url": url}, nil)
		for end := time.Now().Add(15 * time.Second); time.Now().Before(end); {
			if b.value(expression) == want {
				return
			}
			select {
			case <-b.changed:
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	b.t.Fatalf("%s never became %q at %s; seen: %v; page: %s", expression, want, url, b.seen(), b.value("document.documentElement.outerHTML"))
}

// until waits until an expression has a value in the page.
func (b *browser) until(expression, want string) {
	b.t.Helper()
	got := ""
	require.Eventually(b.t, func() bool {
		got = b.value(expression)
		return got == want
	}, time.Minute, 50*time.Millisecond, "%s should become %q", expression, want)
}

func (b *browser) seen() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string{}, b.problems...)
}

func TestThePageInABrowserIsLiveAndSilent(t *testing.T) {
	r := serve(t, nil)
	ada := r.join("Ada <img src=x onerror=alert(1)>")
	b := openBrowser(t)
	link := client.Link{Server: r.link.Server, Token: r.tokens.Instructor, Pin: r.link.Pin}
	b.open(link.String("/"), `document.querySelector("#state")?.dataset.live`, "yes")

	b.until(`document.querySelector("h1")?.textContent`, "Systems <b>101</b>")
	b.until(`document.querySelector("#roster tbody th")?.textContent`, "Ada <img src=x onerror=alert(1)>")
	require.Equal(t, r.link.Server+"/", b.value("location.href"), "the token is gone from the address")
	require.NotContains(t, b.value("document.cookie"), "class", "scripts do not see the ticket")

	// What happens now shows without a reload.
	b.value(`window.stays = "yes"`)
	_, err := ada.Submit(t.Context(), ada.ID, work(t, 5))
	require.NoError(t, err)
	grace := r.join("Grace")
	b.until(`document.querySelector("#students").textContent`, "2")
	b.until(`document.querySelector("#submissions").textContent`, "1")
	b.until(`document.querySelector("tr[data-student='`+ada.ID+`'] progress")?.value`, "1")
	b.until(`document.querySelector("#hardest tbody th")?.textContent`, "share")
	// A reader's choice of order survives what changes.
	b.value(`[...document.querySelectorAll("#roster thead th")].find((h) => h.textContent === "Points").click()`)
	b.until(`document.querySelector("#roster tbody th").textContent.slice(0, 3)`, "Ada")
	better := work(t, 5)
	better.Exercises["eject"] = better.Exercises["share"]
	better.Evidence = nil
	_, err = grace.Submit(t.Context(), grace.ID, better)
	require.NoError(t, err)
	b.until(`document.querySelector("#roster tbody th").textContent`, "Grace")
	require.Equal(t, "yes", b.value("window.stays"), "the page was never loaded anew")
	require.Empty(t, b.seen(), "nothing is in the console, and nothing was asked of others")

	// What a page may not do, it does not: the policy holds.
	b.value(`{ const s = document.createElement("script"); s.textContent = "window.inline = 'ran'"; document.head.append(s); }`)
	require.NotEqual(t, "ran", b.value("window.inline"))
	require.Eventually(t, func() bool { return strings.Contains(strings.Join(b.seen(), " "), "Content Security Policy") }, time.Minute, 50*time.Millisecond,
		"a script in the text is refused, and this test would have seen a problem")
}

func TestTheJoinPageShowsTheCommandAndKeepsTheToken(t *testing.T) {
	r := serve(t, nil)
	b := openBrowser(t)
	link := r.link.String("/join")
	b.open(link, `document.querySelector("#join")?.textContent`, "ddsctl class join '"+link+"' --name 'NAME'")
	require.Empty(t, b.seen())
	require.NotContains(t, r.audit.String()+r.errors.String(), r.tokens.Join)
}
