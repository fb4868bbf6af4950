package fetch

import (
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("X-Got", r.Header.Get("X-Sent"))
	w.WriteHeader(http.StatusTeapot)
	_, _ = fmt.Fprintf(w, "%s %s %s", r.Method, r.URL.Path, body)
}

func TestAPageOfAnyStatusIsAnAnswer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(echo))
	defer server.Close()
	page, err := Get(t.Context(), server.URL+"/a", Options{Method: "PUT", Body: "text", Headers: []string{"X-Sent: word"}})
	require.NoError(t, err)
	require.Equal(t, 418, page.Code)
	require.Equal(t, "PUT /a text", string(page.Body))
	require.Equal(t, "word", page.Header.Get("X-Got"))
	require.Nil(t, page.Certificate)
}

func TestACertificateIsCheckedUnlessItIsNotToBe(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(echo))
	defer server.Close()
	_, err := Get(t.Context(), server.URL, Options{})
	require.ErrorContains(t, err, "certificate")

	page, err := Get(t.Context(), server.URL, Options{Insecure: true})
	require.NoError(t, err)
	require.Equal(t, server.Certificate().Raw, page.Certificate.Raw)

	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	_, err = Get(t.Context(), server.URL, Options{CAFile: ca})
	require.NoError(t, err)

	// The test server's certificate is for example.com as well.
	_, err = Get(t.Context(), server.URL, Options{CAFile: ca, ServerName: "example.com"})
	require.NoError(t, err)
	_, err = Get(t.Context(), server.URL, Options{CAFile: ca, ServerName: "elsewhere.test"})
	require.ErrorContains(t, err, "elsewhere.test")
}

func TestWhatIsNotThereIsAnError(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer server.Close()
	_, err := Get(t.Context(), server.URL, Options{Timeout: 50 * time.Millisecond})
	require.ErrorContains(t, err, "deadline")
	_, err = Get(t.Context(), "http://127.0.0.1:1/", Options{})
	require.ErrorContains(t, err, "refused")
	_, err = Get(t.Context(), server.URL, Options{Headers: []string{"nothing"}})
	require.ErrorContains(t, err, "NAME: VALUE")
	_, err = Get(t.Context(), server.URL, Options{CAFile: "/no/such/file"})
	require.ErrorIs(t, err, os.ErrNotExist)
}
