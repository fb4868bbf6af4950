// Package fetch asks for one page over HTTP or HTTPS: the small client for containers whose image has no other.
//
//	page, err := fetch.Get(ctx, "https://shop:8443/", fetch.Options{CAFile: "/volumes/tls/ca.pem"})
//
// README.md is its interface.
package fetch

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// most bounds what is read of a page.
const most = 16 << 20

// Options say how a page is asked for. The zero value is a GET with the system's authorities.
type Options struct {
	Method  string // "" is GET
	Body    string
	Headers []string // NAME: VALUE
	// CAFile holds certificates of authorities to trust instead of the system's.
	CAFile string
	// ServerName is what the certificate must be for, where that is not the URL's host: to ask one of several servers of a name.
	ServerName string
	// Insecure accepts any certificate.
	Insecure bool
	// Timeout bounds the whole of it; 0 is 10 seconds.
	Timeout time.Duration
}

// Page is an answer.
type Page struct {
	Code   int
	Status string // such as 200 OK
	Header http.Header
	Body   []byte
	// Certificate is what the server showed; nil without TLS.
	Certificate *x509.Certificate
}

// Get asks for the page at the URL, on a connection of its own. An answer of any status is no error; redirects are answers.
func Get(ctx context.Context, url string, options Options) (Page, error) {
	if options.Timeout <= 0 {
		options.Timeout = 10 * time.Second
	}
	if options.Method == "" {
		options.Method = http.MethodGet
	}
	ctx, cancel := context.WithTimeout(ctx, options.Timeout)
	defer cancel()
	config := &tls.Config{ServerName: options.ServerName, InsecureSkipVerify: options.Insecure} //nolint:gosec // who calls asks for it
	if options.CAFile != "" {
		text, err := os.ReadFile(options.CAFile)
		if err != nil {
			return Page{}, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return Page{}, fmt.Errorf("%s holds no certificate in PEM", options.CAFile)
		}
	}
	request, err := http.NewRequestWithContext(ctx, options.Method, url, bytes.NewReader([]byte(options.Body)))
	if err != nil {
		return Page{}, err
	}
	for _, line := range options.Headers {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return Page{}, fmt.Errorf("header %q: it is NAME: VALUE", line)
		}
		request.Header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true, Proxy: nil},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(request)
	if err != nil {
		return Page{}, err
	}
	defer func() { _ = answer.Body.Close() }()
	page := Page{Code: answer.StatusCode, Status: answer.Status, Header: answer.Header}
	if answer.TLS != nil && len(answer.TLS.PeerCertificates) > 0 {
		page.Certificate = answer.TLS.PeerCertificates[0]
	}
	if page.Body, err = io.ReadAll(io.LimitReader(answer.Body, most)); err != nil {
		return page, fmt.Errorf("read the answer of %s: %w", url, err)
	}
	return page, nil
}
