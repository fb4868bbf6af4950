package certs

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestACertificateIsForItsHostsAndTrustedByWhoTrustsTheAuthority(t *testing.T) {
	dir := t.TempDir()
	leaf, err := Issue(dir, Options{Hosts: []string{"shop", "127.0.0.1"}, Valid: time.Hour})
	require.NoError(t, err)
	require.NoError(t, leaf.VerifyHostname("shop"))
	require.NoError(t, leaf.VerifyHostname("127.0.0.1"))
	require.Error(t, leaf.VerifyHostname("other"))
	read, trust, err := Read(dir, time.Now())
	require.NoError(t, err)
	require.NoError(t, trust)
	require.Equal(t, leaf.Raw, read.Raw)
	_, err = tls.LoadX509KeyPair(filepath.Join(dir, CertFile), filepath.Join(dir, KeyFile))
	require.NoError(t, err, "the key is the certificate's")
}

func TestItHoldsForItsTime(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		valid  time.Duration
		at     time.Duration
		expect bool
	}{
		"fresh":               {time.Hour, 0, true},
		"shortly before":      {time.Hour, 59 * time.Minute, true},
		"shortly after":       {time.Hour, 61 * time.Minute, false},
		"expired a while ago": {-time.Minute, 0, false},
		"and valid before":    {-time.Minute, -2 * time.Minute, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			_, err := Issue(dir, Options{Hosts: []string{"shop"}, Valid: c.valid, Now: now})
			require.NoError(t, err)
			_, trust, err := Read(dir, now.Add(c.at))
			require.NoError(t, err)
			require.Equal(t, c.expect, trust == nil, "%v", trust)
		})
	}
}

func TestANewCertificateIsOfTheSameAuthority(t *testing.T) {
	dir := t.TempDir()
	first, err := Issue(dir, Options{Hosts: []string{"shop"}, Valid: time.Hour})
	require.NoError(t, err)
	ca, err := os.ReadFile(filepath.Join(dir, CAFile))
	require.NoError(t, err)
	second, err := Issue(dir, Options{Hosts: []string{"shop"}, Valid: time.Hour})
	require.NoError(t, err)
	require.NotEqual(t, first.SerialNumber, second.SerialNumber)
	require.NotEqual(t, first.PublicKey, second.PublicKey, "a key of its own")
	after, err := os.ReadFile(filepath.Join(dir, CAFile))
	require.NoError(t, err)
	require.Equal(t, ca, after)
	_, trust, err := Read(dir, time.Now())
	require.NoError(t, err)
	require.NoError(t, trust)
}

func TestKeysAreNotForEveryone(t *testing.T) {
	dir := t.TempDir()
	_, err := Issue(dir, Options{Hosts: []string{"shop"}, Valid: time.Hour})
	require.NoError(t, err)
	for name, mode := range map[string]os.FileMode{CAKeyFile: 0o600, KeyFile: 0o640, CAFile: 0o644, CertFile: 0o644} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, mode, info.Mode().Perm(), name)
	}
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, files, 4, "nothing half-written is left")
}

func TestATicketKeyIsMadeOnceAndAnewWhenAskedTo(t *testing.T) {
	dir := t.TempDir()
	read := func() []byte {
		secret, err := os.ReadFile(filepath.Join(dir, TicketFile))
		require.NoError(t, err)
		require.Len(t, secret, 80, "what nginx takes for AES-256")
		return secret
	}
	require.NoError(t, EnsureTicketKey(dir))
	first := read()
	require.NoError(t, EnsureTicketKey(dir))
	require.Equal(t, first, read())
	require.NoError(t, IssueTicketKey(dir))
	require.NotEqual(t, first, read())
	info, err := os.Stat(filepath.Join(dir, TicketFile))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), info.Mode().Perm())
	require.Error(t, EnsureTicketKey(filepath.Join(dir, "missing")))
}

func TestWhatCannotBeIssuedSaysWhy(t *testing.T) {
	_, err := Issue(t.TempDir(), Options{Valid: time.Hour})
	require.ErrorContains(t, err, "which host")
	_, err = Issue(t.TempDir(), Options{Hosts: []string{"shop"}})
	require.ErrorContains(t, err, "no time")
	_, err = Issue(filepath.Join(t.TempDir(), "missing"), Options{Hosts: []string{"shop"}, Valid: time.Hour})
	require.ErrorIs(t, err, os.ErrNotExist)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, CAFile), []byte("no"), 0o600))
	_, err = Issue(dir, Options{Hosts: []string{"shop"}, Valid: time.Hour})
	require.ErrorContains(t, err, "nothing in PEM")
	_, _, err = Read(dir, time.Now())
	require.Error(t, err)
}
