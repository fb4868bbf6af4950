package certificate

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func serve(t *testing.T, own tls.Certificate) string {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{own}}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL
}

func get(url string, config *tls.Config) error {
	transport := &http.Transport{TLSClientConfig: config}
	defer transport.CloseIdleConnections()
	answer, err := (&http.Client{Transport: transport}).Get(url)
	if err == nil {
		_ = answer.Body.Close()
	}
	return err
}

func TestTheServerIsKnownByItsPinAndNoOtherIs(t *testing.T) {
	dir := t.TempDir()
	own, pin, err := Own(dir, []string{"localhost", "127.0.0.1"}, time.Now())
	require.NoError(t, err)
	url := serve(t, own)
	require.NoError(t, get(url, Pinned("127.0.0.1", pin)))
	require.ErrorContains(t, get(url, Pinned("192.0.2.1", pin)), "192.0.2.1", "a certificate for another host")

	other, otherPin, err := Own(t.TempDir(), []string{"127.0.0.1"}, time.Now())
	require.NoError(t, err)
	require.NotEqual(t, pin, otherPin)
	require.ErrorContains(t, get(serve(t, other), Pinned("127.0.0.1", pin)), "another key")

	// Whoever shows the right authority without its signature is caught.
	forged := other
	forged.Certificate = [][]byte{other.Certificate[0], own.Certificate[1]}
	require.ErrorContains(t, get(serve(t, forged), Pinned("127.0.0.1", pin)), "unknown authority")
	// The server's own certificate is no authority, whatever the pin says.
	require.Error(t, verify(nil, "127.0.0.1", pin))
}

func TestTheAuthorityStaysAndItsKeyIsPrivate(t *testing.T) {
	dir := t.TempDir()
	_, pin, err := Own(dir, []string{"a"}, time.Now())
	require.NoError(t, err)
	own, again, err := Own(dir, []string{"b"}, time.Now())
	require.NoError(t, err)
	require.Equal(t, pin, again)
	info, err := os.Stat(filepath.Join(dir, keyFile))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	require.NotNil(t, own.PrivateKey)

	require.NoError(t, os.Remove(filepath.Join(dir, keyFile)))
	_, _, err = Own(dir, []string{"a"}, time.Now())
	require.ErrorContains(t, err, "key cannot be read", "students know the old authority: it is not replaced in silence")
}

func TestAnExpiredCertificateIsRefused(t *testing.T) {
	own, pin, err := Own(t.TempDir(), []string{"127.0.0.1"}, time.Now().AddDate(-3, 0, 0))
	require.NoError(t, err)
	require.ErrorContains(t, get(serve(t, own), Pinned(net.IPv4(127, 0, 0, 1).String(), pin)), "expired")
}
