// Package host runs a class server on this machine: its data folder, certificate, links and logs.
//
//	DATA/links.json    the links with their tokens, for whoever may read the folder
//	DATA/audit.jsonl   the audit log
//	DATA/tls           the certificate authority
//	DATA/etcd          the class, where etcd is embedded
package host

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/ddsctl/ddsctl/labs"
	"github.com/ddsctl/ddsctl/labs/format"
	"github.com/ddsctl/ddsctl/runtime/hint"
	"github.com/ddsctl/ddsctl/scenarios/class"
	"github.com/ddsctl/ddsctl/scenarios/class/board"
	"github.com/ddsctl/ddsctl/scenarios/class/certificate"
	"github.com/ddsctl/ddsctl/scenarios/class/client"
	"github.com/ddsctl/ddsctl/scenarios/class/judge"
	"github.com/ddsctl/ddsctl/scenarios/class/server"
	"github.com/ddsctl/ddsctl/scenarios/class/store"
)

// Config says what is served, and where.
type Config struct {
	Name   string // of the class
	Data   string // the data folder
	Listen string // such as :8443
	// URL is how students reach the server; "" is https:// and an address of this machine.
	URL string
	// CertFile and KeyFile are a certificate of the host's own. Without them, one is made (package certificate).
	CertFile, KeyFile string
	// Plain serves HTTP without TLS: on loopback, or behind something that does TLS.
	Plain bool
	// Cluster is an etcd cluster; without Endpoints etcd is embedded.
	Cluster store.Cluster
	// NewTokens makes new tokens, and voids the old ones.
	NewTokens bool
	// Student and Address are limits; zero values are the server's own.
	Student, Address server.Rate
	Errors           io.Writer
}

// Links are how the class is opened. The tokens in them are "" where they were made on another machine.
type Links struct {
	Instructor string `json:"instructor,omitempty"` // the page
	Join       string `json:"join,omitempty"`       // for students
	// Server is without any token.
	Server string `json:"server"`
	// New says that the tokens have just been made.
	New bool `json:"-"`
}

// LinksFile is where the links are kept in a data folder.
func LinksFile(data string) string { return filepath.Join(data, "links.json") }

// LoadLinks reads the links from a data folder.
func LoadLinks(data string) (l Links, err error) {
	text, err := os.ReadFile(LinksFile(data))
	if err == nil {
		err = json.Unmarshal(text, &l)
	}
	if err != nil {
		return l, fmt.Errorf("read the class's links: %w", err)
	}
	return l, nil
}

// Serve serves the class until ctx ends. started is called once, when it can be reached.
func Serve(ctx context.Context, c Config, started func(Links)) (err error) {
	if err := c.check(); err != nil {
		return err
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	course, find, err := course(ctx)
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return hint.Wrap(fmt.Errorf("listen on %s: %w", c.Listen, err), "name another address with --listen")
	}
	serving := false
	defer func() {
		if !serving {
			_ = listener.Close()
		}
	}()
	options := server.Options{Course: course, Student: c.Student, Address: c.Address, Errors: c.Errors,
		Judge: func(lab, exercise string, compressed []byte, digest string) class.Judgement {
			return judge.Evidence(find, lab, exercise, compressed, digest)
		}}
	base, pin, err := c.identity(listener, &options)
	if err != nil {
		return err
	}
	kept, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, kept.Close()) }()
	links, err := c.links(ctx, kept, base, pin)
	if err != nil {
		return err
	}
	options.JoinLink = links.Join
	log, err := os.OpenFile(filepath.Join(c.Data, "audit.jsonl"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the audit log: %w", err)
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	options.Audit = log
	serving = true
	started(links) // connections that come before Run wait in the listener
	return server.New(kept, options).Run(ctx, listener)
}

func (c Config) check() error {
	switch {
	case (c.CertFile == "") != (c.KeyFile == ""):
		return errors.New("a certificate needs its key, and a key its certificate")
	case c.Plain && c.CertFile != "":
		return errors.New("a certificate is of no use without TLS")
	}
	if c.URL == "" {
		return nil
	}
	u, err := url.Parse(c.URL)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("%q cannot be the server's address: it has to be such as https://class.example.org:8443", c.URL)
	}
	return nil
}

func (c Config) open(ctx context.Context) (*store.Store, error) {
	if len(c.Cluster.Endpoints) > 0 {
		return store.External(ctx, c.Cluster)
	}
	return store.Embedded(ctx, c.Data)
}

// identity is how the server is reached and known: its address, the pin of its authority, and its certificate.
func (c Config) identity(listener net.Listener, options *server.Options) (base, pin string, err error) {
	hosts := hosts(listener.Addr())
	base = c.URL
	if base == "" {
		scheme := "https"
		if c.Plain {
			scheme = "http"
		}
		_, port, err := net.SplitHostPort(listener.Addr().String())
		if err != nil {
			return "", "", err
		}
		base = scheme + "://" + net.JoinHostPort(hosts[0], port)
	}
	u, err := url.Parse(base)
	if err != nil {
		return "", "", err
	}
	base = u.Scheme + "://" + u.Host
	if !slices.Contains(hosts, u.Hostname()) {
		hosts = append(hosts, u.Hostname())
	}
	switch {
	case c.Plain:
	case c.CertFile != "":
		pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return "", "", fmt.Errorf("read the certificate: %w", err)
		}
		options.Certificate = &pair
	default:
		own, itsPin, err := certificate.Own(filepath.Join(c.Data, "tls"), hosts, time.Now())
		if err != nil {
			return "", "", err
		}
		options.Certificate, pin = &own, itsPin
	}
	return base, pin, nil
}

// hosts are the names and addresses by which this machine may be reached at a listener; the first is the best for students.
func hosts(listening net.Addr) []string {
	address, ok := listening.(*net.TCPAddr)
	if ok && !address.IP.IsUnspecified() {
		list := []string{address.IP.String()}
		if address.IP.IsLoopback() {
			list = append(list, "localhost")
		}
		return list
	}
	var four, six, last []string
	all, _ := net.InterfaceAddrs() // without them there is still the name
	for _, a := range all {
		network, ok := a.(*net.IPNet)
		switch {
		case !ok || network.IP.IsLinkLocalUnicast():
		case network.IP.IsLoopback():
			last = append(last, network.IP.String())
		case network.IP.To4() != nil:
			four = append(four, network.IP.String())
		default:
			six = append(six, network.IP.String())
		}
	}
	if name, err := os.Hostname(); err == nil {
		last = append([]string{name}, last...)
	}
	return append(append(append(four, six...), last...), "localhost")
}

// links makes the class where there is none, and gives its links, which it keeps in the data folder.
func (c Config) links(ctx context.Context, kept *store.Store, base, pin string) (Links, error) {
	made, tokens, fresh, err := server.Prepare(ctx, kept, c.Name, c.NewTokens, time.Now())
	if err != nil {
		return Links{}, err
	}
	if !fresh {
		if tokens, err = c.known(made); err != nil {
			return Links{}, err
		}
	}
	out := Links{Server: base, New: fresh}
	if tokens.Join != "" {
		out.Join = client.Link{Server: base, Token: tokens.Join, Pin: pin}.String("/join")
		out.Instructor = client.Link{Server: base, Token: tokens.Instructor, Pin: pin}.String("/")
	}
	text, err := json.MarshalIndent(out, "", "  ")
	if err == nil {
		err = client.WritePrivate(LinksFile(c.Data), append(text, '\n'))
	}
	if err != nil {
		return Links{}, fmt.Errorf("keep the class's links: %w", err)
	}
	return out, nil
}

// known are the tokens that the data folder has, if they are still those of the class.
func (c Config) known(kept store.Class) (server.Tokens, error) {
	old, err := LoadLinks(c.Data)
	if errors.Is(err, fs.ErrNotExist) {
		return server.Tokens{}, nil
	}
	if err != nil {
		return server.Tokens{}, err
	}
	var tokens server.Tokens
	for text, token := range map[string]*string{old.Instructor: &tokens.Instructor, old.Join: &tokens.Join} {
		if link, err := client.ParseLink(text); err == nil {
			*token = link.Token
		}
	}
	if !tokens.Known(kept) {
		return server.Tokens{}, nil
	}
	return tokens, nil
}

// course is what the catalogue's labs have to earn, and finds their exercises.
func course(ctx context.Context) (board.Course, judge.Find, error) {
	entries, err := labs.Catalogue()
	if err != nil {
		return board.Course{}, nil, err
	}
	var course board.Course
	exercises := map[string]map[string]format.Exercise{}
	for _, e := range entries {
		lab, err := labs.Open(ctx, e.Slug, labs.Options{})
		if err != nil {
			return board.Course{}, nil, fmt.Errorf("open the lab %s: %w", e.Slug, err)
		}
		if lab.Format == nil || len(lab.Format.Exercises) == 0 {
			continue
		}
		one := board.Lab{Slug: lab.Slug}
		exercises[lab.Slug] = map[string]format.Exercise{}
		for _, x := range lab.Format.Exercises {
			one.Exercises = append(one.Exercises, board.Exercise{ID: x.ID, Worth: x.Worth()})
			exercises[lab.Slug][x.ID] = x
		}
		course.Labs = append(course.Labs, one)
	}
	return course, func(lab, id string) (format.Exercise, bool) { x, ok := exercises[lab][id]; return x, ok }, nil
}
