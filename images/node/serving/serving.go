// Package serving answers over HTTP for as long as a program of a lab runs, and ends it in order: what is under way is answered.
//
//	err := serving.HTTP(ctx, listener, handler, serving.Options{}, s.notify)
package serving

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// Options say how it ends. The zero value answers what is under way, for as long as Drain is by default.
type Options struct {
	// Drain bounds how long the end may take; 0 is 5 s. What is not answered by then is cut off.
	Drain time.Duration
	// Ending is called when the end begins: new requests are still taken until it returns. Its context ends with Drain.
	Ending func(context.Context)
	// Cancel ends the contexts of requests that are under way when the end begins, for those that may wait for long.
	Cancel bool
}

const drain = 5 * time.Second

// HTTP answers on listener until ctx ends, which is no error. Others are run meanwhile, each with a context that ends when the end begins.
// All of it is over when it returns.
func HTTP(ctx context.Context, listener net.Listener, handler http.Handler, o Options, others ...func(context.Context)) error {
	if o.Drain == 0 {
		o.Drain = drain
	}
	running, stop := context.WithCancel(ctx)
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	if o.Cancel {
		server.BaseContext = func(net.Listener) context.Context { return running }
	}
	var wait sync.WaitGroup
	defer wait.Wait()
	defer stop()
	for _, do := range others {
		wait.Go(func() { do(running) })
	}
	wait.Go(func() {
		<-running.Done()
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), o.Drain)
		defer cancel()
		if o.Ending != nil {
			o.Ending(last)
		}
		if err := server.Shutdown(last); err != nil {
			_ = server.Close()
		}
	})
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}
