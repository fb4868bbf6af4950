package protocol

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
)

// The kinds of errors. An HTTP status of 400 and above has a kind of its own: status_404, status_503.
const (
	KindTimeout     = "timeout"     // no answer in time
	KindRefused     = "refused"     // nobody listens
	KindReset       = "reset"       // the connection was reset
	KindEOF         = "eof"         // the connection was closed instead of an answer
	KindUnreachable = "unreachable" // no way to the host or its network
	KindDNS         = "dns"         // the name does not resolve
	KindTLS         = "tls"         // handshake or certificate
	KindProtocol    = "protocol"    // the answer is not of the protocol, or not the one asked for
	KindServer      = "server"      // the server answered with an error
	KindCanceled    = "canceled"    // the run was ended before the answer came
	KindOther       = "other"
)

// Failure is an error that names its own kind.
type Failure struct {
	Kind   string
	Text   string
	broken bool
}

func (f *Failure) Error() string { return f.Text }

// outcome is an error of a library, with what it means for the connection.
type outcome struct {
	err    error
	broken bool
}

func (o *outcome) Error() string { return o.err.Error() }
func (o *outcome) Unwrap() error { return o.err }

// garbled is an answer that is not of the protocol; what comes after it cannot be understood either.
func garbled(format string, args ...any) error {
	return &Failure{Kind: KindProtocol, Text: fmt.Sprintf(format, args...), broken: true}
}

// refusal is an error that the server answered with, after which the connection goes on.
func refusal(text string) error { return &Failure{Kind: KindServer, Text: text} }

// Broken says whether the connection is of no more use after err.
func Broken(err error) bool {
	var failure *Failure
	if errors.As(err, &failure) {
		return failure.broken
	}
	var told *outcome
	if errors.As(err, &told) {
		return told.broken
	}
	return true
}

// KindOf names the kind of an error.
func KindOf(err error) string {
	var (
		failure *Failure
		dns     *net.DNSError
		timeout interface{ Timeout() bool }
	)
	switch {
	case errors.As(err, &failure):
		return failure.Kind
	case errors.As(err, &dns):
		return KindDNS
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT):
		return KindTimeout
	case errors.Is(err, context.Canceled), errors.Is(err, net.ErrClosed):
		return KindCanceled
	case isAny(err, refused):
		return KindRefused
	case isAny(err, reset):
		return KindReset
	case isAny(err, unreachable):
		return KindUnreachable
	case isTLS(err):
		return KindTLS
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, ErrStale):
		return KindEOF
	case errors.As(err, &timeout) && timeout.Timeout():
		return KindTimeout
	}
	return KindOther
}

func isAny(err error, codes func() []syscall.Errno) bool {
	for _, code := range codes() {
		if errors.Is(err, code) {
			return true
		}
	}
	return false
}

func isTLS(err error) bool {
	var (
		verify  *tls.CertificateVerificationError
		record  tls.RecordHeaderError
		alert   tls.AlertError
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
	)
	if errors.As(err, &verify) || errors.As(err, &record) || errors.As(err, &alert) || errors.As(err, &unknown) ||
		errors.As(err, &host) || errors.As(err, &invalid) {
		return true
	}
	var handshake *handshakeError
	return errors.As(err, &handshake) && !errors.Is(err, io.EOF)
}
