// Package client is the other side of the class server's API: a student's, and the instructor's.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ddsctl/ddsctl/scenarios/class"
	"github.com/ddsctl/ddsctl/scenarios/class/board"
	"github.com/ddsctl/ddsctl/scenarios/class/certificate"
)

const (
	connectMost = 10 * time.Second
	answerMost  = 30 * time.Second // until an answer begins
	errorMost   = 4 << 10          // bytes of a refusal that are read
	dataMost    = 64 << 20         // bytes of an answer that is kept in memory
)

// Link is a link to a class: where it is, and what the link's # carries.
type Link struct {
	Server string // such as https://192.0.2.1:8443
	Token  string
	// Pin is that of the server's own certificate authority; "" is for a server with a public certificate.
	Pin string
}

// ParseLink reads a link as the server shows it. The token may be missing.
func ParseLink(text string) (Link, error) {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil {
		// The error of url.Parse repeats the link, and with it the token.
		return Link{}, errors.New("the link cannot be read")
	}
	if (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil || u.RawQuery != "" {
		return Link{}, errors.New("a link to a class begins with https:// and has nothing before its # but the server's address")
	}
	values, err := url.ParseQuery(u.EscapedFragment())
	if err != nil {
		return Link{}, errors.New("what is behind the # of the link cannot be read")
	}
	return Link{Server: u.Scheme + "://" + u.Host, Token: values.Get("token"), Pin: values.Get("ca")}, nil
}

// String is the link as it is handed out, for a path of the server.
func (l Link) String(path string) string {
	text := l.Server + path + "#token=" + url.QueryEscape(l.Token)
	if l.Pin != "" {
		text += "&ca=" + url.QueryEscape(l.Pin)
	}
	return text
}

// Refusal is an answer of the server that is none of those hoped for.
type Refusal struct {
	Status int
	Text   string
}

func (r *Refusal) Error() string { return r.Text }

// Later says whether the same request may succeed later: the server is not reached, or has no time.
func Later(err error) bool {
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return refusal.Status == http.StatusTooManyRequests || refusal.Status >= 500
	}
	return err != nil
}

// Client talks to one server.
type Client struct {
	server string
	bearer string
	http   *http.Client
}

// New is a client of the link's server. bearer is the instructor's token, or a student's ID.SECRET, or "".
func New(link Link, bearer string) (*Client, error) {
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: connectMost, ResponseHeaderTimeout: answerMost, ForceAttemptHTTP2: true,
		IdleConnTimeout: time.Minute, MaxIdleConnsPerHost: 2,
	}
	if link.Pin != "" {
		u, err := url.Parse(link.Server)
		if err != nil {
			return nil, errors.New("the link cannot be read")
		}
		if u.Scheme != "https" {
			return nil, errors.New("the link has the pin of a certificate, and is not https")
		}
		transport.TLSClientConfig = certificate.Pinned(u.Hostname(), link.Pin)
	}
	// A redirect would carry the token elsewhere; the API has none.
	return &Client{server: link.Server, bearer: bearer, http: &http.Client{Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

// Close lets idle connections go.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func (c *Client) do(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var text io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		text = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.server+path, text)
	if err != nil {
		return nil, err
	}
	if c.bearer != "" {
		request.Header.Set("Authorization", "Bearer "+c.bearer)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("reach the class at %s: %w", c.server, errors.Unwrap(err)) // without the method and path that url.Error repeats
	}
	if answer.StatusCode/100 == 2 {
		return answer, nil
	}
	defer func() { _ = answer.Body.Close() }()
	refusal := &Refusal{Status: answer.StatusCode}
	var said class.Failure
	if err := json.NewDecoder(io.LimitReader(answer.Body, errorMost)).Decode(&said); err == nil {
		refusal.Text = said.Error
	}
	if refusal.Text == "" {
		refusal.Text = "the server answers " + answer.Status
	}
	return nil, refusal
}

func (c *Client) get(ctx context.Context, method, path string, body, into any) error {
	answer, err := c.do(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if into == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, dataMost)).Decode(into); err != nil {
		return fmt.Errorf("read the answer of %s: %w", c.server, err)
	}
	return nil
}

func student(id string) string { return "/api/students/" + url.PathEscape(id) }

// Info asks what anybody may know: the class's name.
func (c *Client) Info(ctx context.Context) (info class.Info, err error) {
	return info, c.get(ctx, http.MethodGet, "/api/class", nil, &info)
}

// Join makes a new student.
func (c *Client) Join(ctx context.Context, token, name string) (joined class.Joined, err error) {
	return joined, c.get(ctx, http.MethodPost, "/api/join", class.JoinRequest{Token: token, Name: name}, &joined)
}

// Submit hands a submission in. It may be called again with the same one, as often as is needed.
func (c *Client) Submit(ctx context.Context, id string, s class.Submission) (receipt class.Receipt, err error) {
	return receipt, c.get(ctx, http.MethodPut, student(id)+"/submissions/"+url.PathEscape(s.Key), s, &receipt)
}

// Student reads one student's record.
func (c *Client) Student(ctx context.Context, id string) (row board.Row, err error) {
	return row, c.get(ctx, http.MethodGet, student(id), nil, &row)
}

// Roster reads the class as the page shows it.
func (c *Client) Roster(ctx context.Context) (view board.View, err error) {
	return view, c.get(ctx, http.MethodGet, "/api/roster", nil, &view)
}

// Export reads all marks.
func (c *Client) Export(ctx context.Context) (marks board.Export, err error) {
	return marks, c.get(ctx, http.MethodGet, "/api/export", nil, &marks)
}

// Evidence reads the evidence that a mark names, and holds it to its digest.
func (c *Client) Evidence(ctx context.Context, m board.Mark) ([]byte, error) {
	answer, err := c.do(ctx, http.MethodGet, student(m.Student)+"/evidence/"+url.PathEscape(m.Lab)+"/"+url.PathEscape(m.Exercise)+"/"+url.PathEscape(m.Evidence), nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	compressed, err := io.ReadAll(io.LimitReader(answer.Body, class.MaxEvidenceBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read the evidence: %w", err)
	}
	return class.Unpack(compressed, m.Evidence)
}

// Remove forgets a student.
func (c *Client) Remove(ctx context.Context, id string) error {
	return c.get(ctx, http.MethodDelete, student(id), nil, nil)
}

// Reset gives a student a new secret.
func (c *Client) Reset(ctx context.Context, id string) (joined class.Joined, err error) {
	return joined, c.get(ctx, http.MethodPost, student(id)+"/secret", nil, &joined)
}

// Backup writes a copy of the class's database.
func (c *Client) Backup(ctx context.Context, w io.Writer) (int64, error) {
	answer, err := c.do(ctx, http.MethodGet, "/api/backup", nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = answer.Body.Close() }()
	n, err := io.Copy(w, answer.Body)
	if err != nil {
		return n, fmt.Errorf("read the backup: %w", err)
	}
	return n, nil
}
