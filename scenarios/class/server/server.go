// Package server is the class server: a web page for the instructor, and an API for students and the command line.
//
// Who may do what: a student's secret opens that student's record and no other; the instructor's token opens everything; the join token
// makes new students. Tokens travel in headers and bodies. No URL that reaches the server holds one: links carry theirs behind the #,
// which browsers keep to themselves.
package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/net/netutil"

	"github.com/ddsctl/ddsctl/scenarios/class/board"
	"github.com/ddsctl/ddsctl/scenarios/class/store"
)

// Options say how a class is served. Zero values are the defaults.
type Options struct {
	Course board.Course
	// Address limits all requests of a client address, Student the submissions of a student, Failure what of an address is refused for a
	// wrong token; the last costs those who have the right one nothing.
	Address, Student, Failure Rate
	// Audit takes the audit log. Errors takes what goes wrong in the server, for its operator.
	Audit  io.Writer
	Errors io.Writer
	// Certificate is the server's. Without one, the server speaks plain HTTP.
	Certificate *tls.Certificate
	// Judge grades evidence anew, and marks say what came of it. Nil does not.
	Judge Judge
	// JoinLink is shown to the instructor, where it is known.
	JoinLink string
	Now      func() time.Time
}

// The limits where Options do not say. A whole class may sit behind one address.
var (
	defaultAddress = Rate{PerSecond: 2000, Burst: 4000}
	defaultStudent = Rate{PerSecond: 5, Burst: 50}
	defaultFailure = Rate{PerSecond: 5, Burst: 100}
)

const (
	mostConnections = 4096
	mostLive        = 64 // pages that are watched at once
	answerMost      = 30 * time.Second
	endMost         = 10 * time.Second
	mostSubmissions = 5_000 // of a student
	mostTouched     = 1_000 // exercises of a student, and pieces of evidence
)

// Server serves one class.
type Server struct {
	options  Options
	store    *store.Store
	live     *live
	judges   *judges // nil where nobody judges
	audit    *audit
	errors   *log.Logger
	address  *buckets
	student  *buckets
	failure  *buckets
	watchers chan struct{}
	secure   bool
	handler  http.Handler
}

// New is a server of the class in a store, which has to have been made (Prepare).
func New(s *store.Store, options Options) *Server {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Audit == nil {
		options.Audit = io.Discard
	}
	if options.Errors == nil {
		options.Errors = io.Discard
	}
	or := func(r, otherwise Rate) Rate {
		if r == (Rate{}) {
			return otherwise
		}
		return r
	}
	var judging *judges
	if options.Judge != nil {
		judging = newJudges(options.Judge)
		options.Course.Judged = judging.known
	}
	out := &Server{
		judges:  judging,
		options: options, store: s, live: newLive(options.Course), errors: log.New(options.Errors, "", log.LstdFlags),
		address:  newBuckets(or(options.Address, defaultAddress), options.Now),
		student:  newBuckets(or(options.Student, defaultStudent), options.Now),
		failure:  newBuckets(or(options.Failure, defaultFailure), options.Now),
		watchers: make(chan struct{}, mostLive),
		secure:   options.Certificate != nil,
	}
	out.audit = &audit{out: options.Audit, now: options.Now, broken: func(err error) { out.errors.Printf("the audit log cannot be written: %v", err) }}
	if judging != nil {
		out.live.submitted = judging.take
	}
	out.handler = out.routes()
	return out
}

// Run serves on a listener until ctx ends, then lets what is under way finish. It closes the listener.
func (s *Server) Run(ctx context.Context, listener net.Listener) error {
	// Requests end with this: pages that are watched live would otherwise hold the end up.
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	following, unfollow := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer unfollow()
	all.Go(func() { s.follow(following) })
	if s.judges != nil {
		all.Go(func() { s.judgeEvidence(following) })
	}
	if err := s.live.wait(ctx); err != nil {
		return errors.Join(err, listener.Close())
	}

	web := &http.Server{
		Handler: s.handler, ErrorLog: s.errors,
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: answerMost, WriteTimeout: answerMost, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
		BaseContext: func(net.Listener) context.Context { return base },
	}
	listener = netutil.LimitListener(listener, mostConnections)
	if s.options.Certificate != nil {
		web.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{*s.options.Certificate}}
	}
	s.audit.add(Entry{Action: "start", Actor: nobody, Outcome: done})
	ended := make(chan error, 1)
	all.Go(func() {
		if s.secure {
			ended <- web.ServeTLS(listener, "", "")
		} else {
			ended <- web.Serve(listener)
		}
	})
	select {
	case err := <-ended:
		return fmt.Errorf("serve the class: %w", err)
	case <-ctx.Done():
	}
	s.live.end()
	stopping, stop := context.WithTimeout(base, endMost)
	defer stop()
	err := web.Shutdown(stopping)
	if errors.Is(err, context.DeadlineExceeded) {
		err = web.Close()
	}
	s.audit.add(Entry{Action: "stop", Actor: nobody, Outcome: done})
	return err
}
