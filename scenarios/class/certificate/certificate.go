// Package certificate gives a class server a certificate of its own, and lets its students know it again.
//
// Nobody in a classroom has a public certificate for a laptop. The server therefore makes a certificate authority when it first starts,
// and the link that the instructor hands out carries the hash of the authority's key: who has the link needs to trust nobody else.
package certificate

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const (
	authorityYears = 10
	serverYears    = 2
	backdated      = time.Hour // clocks of a class do not agree

	authorityFile = "ca.pem"
	keyFile       = "ca-key.pem"
)

// Own is a certificate for these hosts (names and addresses) by the authority in dir, which is made where there is none, and the pin of
// that authority. Keys other than the authority's are never written to disk.
func Own(dir string, hosts []string, now time.Time) (tls.Certificate, string, error) {
	authority, key, err := load(dir)
	if errors.Is(err, fs.ErrNotExist) {
		authority, key, err = found(dir, now)
	}
	if err != nil {
		return tls.Certificate{}, "", fmt.Errorf("the certificate authority in %s: %w", dir, err)
	}
	mine, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, "", err
	}
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "ddsctl class server"},
		NotBefore: now.Add(-backdated), NotAfter: now.AddDate(serverYears, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, authority, &mine.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, "", err
	}
	return tls.Certificate{Certificate: [][]byte{der, authority.Raw}, PrivateKey: mine}, Pin(authority), nil
}

// Pin is the hash of a certificate's key: what a link carries.
func Pin(c *x509.Certificate) string {
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Pinned is a client's configuration that trusts, for this host, the authority with the pin and no other.
func Pinned(host, pin string) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		ServerName:         host,
		InsecureSkipVerify: true, //nolint:gosec // VerifyConnection verifies, against the authority that is pinned
		VerifyConnection: func(state tls.ConnectionState) error {
			return verify(state.PeerCertificates, host, pin)
		},
	}
}

func verify(chain []*x509.Certificate, host, pin string) error {
	roots := x509.NewCertPool()
	pinned := false
	for _, c := range chain[min(1, len(chain)):] {
		if c.IsCA && Pin(c) == pin {
			roots.AddCert(c)
			pinned = true
		}
	}
	if !pinned {
		return errors.New("the server is not the one that the link is about: its certificate authority has another key")
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, DNSName: host, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	return err
}

func load(dir string) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	text, err := os.ReadFile(filepath.Join(dir, authorityFile))
	if err != nil {
		return nil, nil, err
	}
	secret, err := os.ReadFile(filepath.Join(dir, keyFile))
	if err != nil {
		return nil, nil, fmt.Errorf("the certificate is there and the key cannot be read: %v", err) //nolint:errorlint // it must not count as "not there"
	}
	pair, err := tls.X509KeyPair(text, secret)
	if err != nil {
		return nil, nil, err
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, nil, errors.New("not an ECDSA key")
	}
	return pair.Leaf, key, nil
}

// found makes an authority. Its key is written first: a certificate without a key would be of no use, a key alone is made anew.
func found(dir string, now time.Time) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "ddsctl class"},
		NotBefore: now.Add(-backdated), NotAfter: now.AddDate(authorityYears, 0, 0),
		KeyUsage: x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	if err := writePEM(filepath.Join(dir, keyFile), "PRIVATE KEY", private, 0o600); err != nil {
		return nil, nil, err
	}
	if err := writePEM(filepath.Join(dir, authorityFile), "CERTIFICATE", der, 0o644); err != nil {
		return nil, nil, err
	}
	authority, err := x509.ParseCertificate(der)
	return authority, key, err
}

func writePEM(file, kind string, der []byte, mode fs.FileMode) error {
	return os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode)
}

func serial() *big.Int {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return new(big.Int).SetBytes(b)
}
