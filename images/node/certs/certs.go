// Package certs is a lab's own certificate authority: it makes the authority once, and certificates for servers as often as it is asked.
//
//	leaf, err := certs.Issue("/data", certs.Options{Hosts: []string{"shop"}, Valid: 24 * time.Hour})
//
// The keys are made where they are used and never leave the lab. README.md is its interface.
package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// The files in the folder.
const (
	CAFile     = "ca.pem"         // the authority's certificate: what clients trust
	CAKeyFile  = "ca-key.pem"     // its key, for the owner only
	CertFile   = "server.pem"     // the server's certificate
	KeyFile    = "server-key.pem" // its key, for the owner and the group
	TicketFile = "ticket.key"     // the secret that seals TLS session tickets, for the owner and the group
	serialBits = 64
	// ticketBytes is what nginx takes for AES-256: a name of 16 bytes, and keys of 32 bytes for HMAC and AES.
	ticketBytes = 80
	// The authority outlives every lab.
	caValid = 10 * 365 * 24 * time.Hour
	// Clocks of machines differ; a certificate holds since a little while ago.
	skew = 5 * time.Minute
	// expiredLife is how long a certificate that has expired already was valid before.
	expiredLife = 24 * time.Hour
)

// Options say what certificate is made.
type Options struct {
	// Hosts are the names and addresses that it is for: at least one.
	Hosts []string
	// Valid is how long it holds from now; below 0, how long ago it expired.
	Valid time.Duration
	// Now is the present; zero is the clock's.
	Now time.Time
}

// Issue makes a certificate for a server in the folder dir, and the authority before where there is none. Each file is replaced at once,
// so that a server that reads them at any time reads a whole one; it reads both only when it is told to, after Issue.
func Issue(dir string, options Options) (*x509.Certificate, error) {
	if len(options.Hosts) == 0 {
		return nil, errors.New("issue a certificate: for which host?")
	}
	if options.Valid == 0 {
		return nil, errors.New("issue a certificate: it would hold for no time")
	}
	if options.Now.IsZero() {
		options.Now = time.Now()
	}
	ca, caKey, err := authority(dir, options.Now)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: options.Hosts[0]},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		NotBefore:   options.Now.Add(-skew),
		NotAfter:    options.Now.Add(options.Valid),
	}
	if options.Valid < 0 {
		template.NotBefore = template.NotAfter.Add(-expiredLife)
	}
	for _, host := range options.Hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	leaf, key, err := sign(template, ca, caKey)
	if err != nil {
		return nil, fmt.Errorf("issue a certificate for %s: %w", options.Hosts[0], err)
	}
	if err := writePEM(dir, KeyFile, 0o640, key); err != nil {
		return nil, err
	}
	return leaf, writePEM(dir, CertFile, 0o644, &pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw})
}

// IssueTicketKey makes a new secret for TLS session tickets. Servers that share it accept each other's tickets; whoever has it can read what
// was said in sessions that were resumed with them.
func IssueTicketKey(dir string) error {
	secret := make([]byte, ticketBytes)
	if _, err := rand.Read(secret); err != nil {
		return err
	}
	return write(dir, TicketFile, 0o640, func(w io.Writer) error {
		_, err := w.Write(secret)
		return err
	})
}

// EnsureTicketKey is IssueTicketKey where the folder has no such secret.
func EnsureTicketKey(dir string) error {
	_, err := os.Stat(filepath.Join(dir, TicketFile))
	if errors.Is(err, fs.ErrNotExist) {
		return IssueTicketKey(dir)
	}
	return err
}

// Read returns the certificate that stands in the folder, and says whether the folder's authority vouches for it at the instant now.
func Read(dir string, now time.Time) (leaf *x509.Certificate, trust error, err error) {
	leaf, err = readCert(filepath.Join(dir, CertFile))
	if err != nil {
		return nil, nil, err
	}
	ca, err := readCert(filepath.Join(dir, CAFile))
	if err != nil {
		return nil, nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	_, trust = leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now})
	return leaf, trust, nil
}

// authority reads the folder's authority, or makes it.
func authority(dir string, now time.Time) (*x509.Certificate, crypto.Signer, error) {
	cert, err := readCert(filepath.Join(dir, CAFile))
	if errors.Is(err, fs.ErrNotExist) {
		return newAuthority(dir, now)
	}
	if err != nil {
		return nil, nil, err
	}
	block, err := readBlock(filepath.Join(dir, CAKeyFile))
	if err != nil {
		return nil, nil, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", CAKeyFile, err)
	}
	key, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, nil, fmt.Errorf("%s holds a %T, which cannot sign", CAKeyFile, parsed)
	}
	return cert, key, nil
}

func newAuthority(dir string, now time.Time) (*x509.Certificate, crypto.Signer, error) {
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "lab authority"},
		NotBefore:             now.Add(-skew - expiredLife), // so that what expired before it was made is its own still
		NotAfter:              now.Add(caValid),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	cert, block, err := sign(template, nil, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("make the authority: %w", err)
	}
	if err := writePEM(dir, CAKeyFile, 0o600, block); err != nil {
		return nil, nil, err
	}
	if err := writePEM(dir, CAFile, 0o644, &pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}); err != nil {
		return nil, nil, err
	}
	return authority(dir, now)
}

// sign makes a key and its certificate, signed by ca, or by itself where ca is nil.
func sign(template, ca *x509.Certificate, caKey crypto.Signer) (*x509.Certificate, *pem.Block, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), serialBits)); err != nil {
		return nil, nil, err
	}
	if ca == nil {
		ca, caKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca, key.Public(), caKey)
	if err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	return cert, &pem.Block{Type: "PRIVATE KEY", Bytes: secret}, nil
}

func readCert(name string) (*x509.Certificate, error) {
	block, err := readBlock(name)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return cert, nil
}

func readBlock(name string) (*pem.Block, error) {
	text, err := os.ReadFile(name) //nolint:gosec // the lab's own folder
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s: nothing in PEM in it", name)
	}
	return block, nil
}

func writePEM(dir, name string, mode fs.FileMode, block *pem.Block) error {
	return write(dir, name, mode, func(w io.Writer) error { return pem.Encode(w, block) })
}

// write replaces a file at once.
func write(dir, name string, mode fs.FileMode, content func(io.Writer) error) error {
	file, err := os.CreateTemp(dir, "."+name+"-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	err = errors.Join(content(file), file.Chmod(mode), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), filepath.Join(dir, name))
	}
	if err != nil {
		_ = os.Remove(file.Name())
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}
