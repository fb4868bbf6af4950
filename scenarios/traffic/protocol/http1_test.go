package protocol

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ddsctl/ddsctl/labs/workload"
)

func get(path string) workload.Operation {
	return workload.Operation{Operation: workload.Request, Method: "GET", Path: path}
}

// mirror answers with what it was asked, in headers.
func mirror(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Saw", fmt.Sprintf("%s %s %s %q %s", r.Method, r.RequestURI, r.Header.Get("X-Key"), body, r.Host))
	switch r.URL.Path {
	case "/missing":
		w.WriteHeader(http.StatusNotFound)
	case "/none":
		w.WriteHeader(http.StatusNoContent)
	case "/close":
		w.Header().Set("Connection", "close")
	case "/chunked":
		for range 3 {
			_, _ = io.WriteString(w, strings.Repeat("x", 5000))
			w.(http.Flusher).Flush()
		}
	case "/early":
		w.WriteHeader(http.StatusEarlyHints)
		_, _ = io.WriteString(w, "late")
	case "/slow":
		select {
		case <-r.Context().Done():
		case <-time.After(20 * time.Second):
		}
	case "/cut":
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, "short")
		panic(http.ErrAbortHandler)
	default:
		_, _ = io.WriteString(w, strings.Repeat("y", 40_000))
	}
}

func saw(c *Config) { c.AnsweredBy = "Saw" }

func TestHTTPRequestsArriveAsTheWorkloadSaysThem(t *testing.T) {
	for _, server := range []string{"http", "h2c"} {
		t.Run(server, func(t *testing.T) {
			s := httptest.NewUnstartedServer(http.HandlerFunc(mirror))
			s.Config.Protocols = new(http.Protocols)
			s.Config.Protocols.SetHTTP1(true)
			s.Config.Protocols.SetUnencryptedHTTP2(true)
			s.Start()
			t.Cleanup(s.Close)
			address := s.Listener.Addr().String()
			c := opened(t, server+"://"+address+"/base?q={key}", saw)
			require.Equal(t, `GET /base?q=a%2Fb%20c  "" `+address, c.must(workload.Operation{Operation: "request", Method: "GET"}, "a/b c", "").By)
			put := workload.Operation{Operation: "request", Method: "PUT", Path: "/item/{number}", Body: "{key}={value}",
				Headers: map[string]string{"X-Key": "<{key}>", "Host": "shop.example"}}
			require.Equal(t, `PUT /item/7 <k> "k=v" shop.example`, c.must(put, "k", "v").By)
			require.Equal(t, `POST /  "" `+address, c.must(workload.Operation{Operation: "request", Method: "POST", Path: "/"}, "k", "v").By)
			for _, path := range []string{"/chunked", "/none", "/early"} {
				c.must(get(path), "", "")
			}
			require.Contains(t, c.must(workload.Operation{Operation: "request", Method: "HEAD", Path: "/"}, "", "").By, "HEAD /")

			_, err := c.do(get("/missing"), "", "")
			require.Equal(t, "status_404", KindOf(err))
			require.False(t, Broken(err), "an answer with a status of 404 is an answer")
			c.must(get("/"), "", "")

			_, err = c.do(get("/cut"), "", "")
			require.Contains(t, []string{KindEOF, KindReset}, KindOf(err))
		})
	}
}

func TestAnHTTPRequestEndsWithItsTimeout(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(mirror))
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	c := opened(t, "http://"+s.Listener.Addr().String(), within(100*time.Millisecond))
	_, err := c.do(get("/slow"), "", "")
	require.Equal(t, KindTimeout, KindOf(err))
	require.True(t, Broken(err), "the answer may still come, and would be taken for the next one's")

	c = opened(t, "h2c://"+s.Listener.Addr().String(), within(100*time.Millisecond))
	_, err = c.do(get("/slow"), "", "")
	require.Equal(t, KindTimeout, KindOf(err))
	require.False(t, Broken(err), "other requests go on")
	c.must(get("/"), "", "")
}

func TestAConnectionThatTheServerClosedIsFoundStaleBeforeARequestIsSent(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(mirror))
	t.Cleanup(s.Close)
	c := opened(t, s.URL)
	c.must(get("/close"), "", "")
	_, err := c.do(get("/"), "", "")
	require.ErrorIs(t, err, ErrStale)

	c.reopen()
	c.must(get("/"), "", "")
	s.CloseClientConnections()
	compiled, err := c.protocol.Compile(get("/"))
	require.NoError(t, err)
	require.Eventually(t, func() bool { // the end may be on its way still
		err = c.conn.Do(t.Context(), &Request{Op: compiled, Now: time.Now().Add(time.Second)}, &Answer{})
		return err != nil
	}, 5*time.Second, 10*time.Millisecond)
	require.ErrorIs(t, err, ErrStale)
}

func TestTLSIsCheckedAgainstTheAuthoritiesGiven(t *testing.T) {
	for scheme, h2 := range map[string]bool{"https": false, "h2": true} {
		s := httptest.NewUnstartedServer(http.HandlerFunc(mirror))
		s.EnableHTTP2 = h2
		s.Config.ErrorLog = nil
		s.StartTLS()
		t.Cleanup(s.Close)
		url := scheme + "://" + s.Listener.Addr().String()
		trusted := x509.NewCertPool()
		trusted.AddCert(s.Certificate())
		c := opened(t, url, func(c *Config) {
			c.TLS = &tls.Config{RootCAs: trusted, ServerName: "example.com", MinVersion: tls.VersionTLS12}
		})
		c.must(get("/"), "", "")

		c = made(t, url, func(c *Config) {
			c.TLS = &tls.Config{RootCAs: trusted, ServerName: "other.test", MinVersion: tls.VersionTLS12}
		})
		_, err := c.protocol.Open(t.Context())
		require.Equal(t, KindTLS, KindOf(err), "%v", err)
	}
	plain := httptest.NewServer(http.HandlerFunc(mirror))
	t.Cleanup(plain.Close)
	c := made(t, "https://"+plain.Listener.Addr().String(), func(c *Config) { c.TLS = &tls.Config{ServerName: "x", MinVersion: tls.VersionTLS12} })
	_, err := c.protocol.Open(t.Context())
	require.Equal(t, KindTLS, KindOf(err))
}

func TestAServerThatOffersNoHTTP2IsToldSo(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(mirror))
	t.Cleanup(s.Close)
	c := made(t, "h2://"+s.Listener.Addr().String(), func(c *Config) { c.TLS = &tls.Config{InsecureSkipVerify: true} }) //nolint:gosec // a test server
	_, err := c.protocol.Open(t.Context())
	require.Error(t, err)
	require.Contains(t, []string{KindProtocol, KindTLS}, KindOf(err))
}

func TestHTTP1AnswersEndWhereTheyShould(t *testing.T) {
	for name, test := range map[string]struct {
		answer string
		kind   string // "" for success
		ends   bool   // the server closes after the answer
		next   error  // of a second request on the same connection; nil when it is sent
	}{
		"length":              {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "", false, nil},
		"bare line ends":      {"HTTP/1.1 200 OK\nContent-Length: 3\n\nabc", "", false, nil},
		"no reason":           {"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "", false, nil},
		"chunks":              {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nTrailer: 1\r\n\r\n", "", false, nil},
		"coding beats length": {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "", false, nil},
		"to the end":          {"HTTP/1.1 200 OK\r\n\r\nwhatever", "", true, ErrStale},
		"old":                 {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", "", true, ErrStale},
		"old, kept alive":     {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\na", "", false, nil},
		"not modified":        {"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", "", false, nil},
		"continue":            {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", false, nil},
		"server error":        {"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", "status_503", false, nil},
		"odd status":          {"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n", "status_999", false, nil},
		"two lengths":         {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", KindProtocol, false, nil},
		"no length":           {"HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\n", KindProtocol, false, nil},
		"negative length":     {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", KindProtocol, false, nil},
		"bad chunk":           {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", KindProtocol, false, nil},
		"chunk too long":      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n", KindProtocol, false, nil},
		"more than asked":     {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nabc", KindProtocol, false, nil},
		"another protocol":    {"SSH-2.0-OpenSSH_9.9\r\n", KindProtocol, false, nil},
		"switch":              {"HTTP/1.1 101 Switching Protocols\r\n\r\n", KindProtocol, false, nil},
		"nothing":             {"", KindEOF, true, nil},
		"half a header":       {"HTTP/1.1 200 OK\r\nContent-Le", KindEOF, true, nil},
		"half a body":         {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", KindEOF, true, nil},
		"endless header":      {"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", inputBuffer), KindProtocol, false, nil},
		"endless headers":     {"HTTP/1.1 200 OK\r\n" + strings.Repeat("X: "+strings.Repeat("x", 1000)+"\r\n", 300), KindProtocol, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			texts := []string{test.answer, test.answer}
			if test.ends {
				texts = texts[:1]
			}
			address := listen(t, answering(texts...))
			c := opened(t, "http://"+address)
			_, err := c.do(get("/"), "", "")
			if test.kind != "" {
				require.Error(t, err)
				require.Equal(t, test.kind, KindOf(err), "%v", err)
				if strings.HasPrefix(test.kind, "status_") {
					require.False(t, Broken(err))
				} else {
					require.True(t, Broken(err))
				}
				return
			}
			require.NoError(t, err)
			_, err = c.do(get("/"), "", "")
			if !errors.Is(err, test.next) {
				t.Fatalf("the second request gave %v", err)
			}
		})
	}
}
