// Package api holds the words that the parts of a work queue say to one another over HTTP, and what each of them needs to say them. README.md in the
// folder above explains them for those who write a part of their own.
package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/ddsctl/ddsctl/images/node/serving"
)

// MostData bounds an item's data and a result, in bytes.
const MostData = 64 << 10

// Task is an item that a worker has for a while.
type Task struct {
	// Token stands for this attempt at the item: whoever shows it may say how the attempt went.
	Token string `json:"token"`
	Item  string `json:"item"`
	Data  string `json:"data"`
	// Attempt counts from 1.
	Attempt int `json:"attempt"`
	// Lease is how many seconds it is the worker's from now on, unless it is renewed.
	Lease float64 `json:"lease_seconds"`
}

// ItemList is what a source has.
type ItemList struct {
	Kind  string   `json:"kind"` // ItemList
	Items []string `json:"items"`
}

// Say answers with a value as JSON.
func Say(w http.ResponseWriter, code int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	_ = out.Encode(value)
}

// Refuse answers with an error.
func Refuse(w http.ResponseWriter, code int, err error) {
	Say(w, code, map[string]string{"error": err.Error()})
}

// Healthy answers that somebody is there.
func Healthy(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") }

// Serve answers on listener until ctx ends, and does meanwhile what others want to do as long as the context that they get. All of it is over when it returns.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler, others ...func(context.Context)) error {
	return serving.HTTP(ctx, listener, handler, serving.Options{Cancel: true}, others...)
}

// Ask asks for what stands at address, up to most bytes of it. An answer that is not 200 is an error.
func Ask(ctx context.Context, client *http.Client, method, address string, most int64) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, most))
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %s", address, answer.Status)
	}
	return text, err
}

// Within reads how long somebody wants to wait, as the parameter says; fallback is where it says nothing.
func Within(r *http.Request, parameter string, fallback, most time.Duration) (time.Duration, error) {
	text := r.URL.Query().Get(parameter)
	if text == "" {
		return fallback, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > most {
		return 0, fmt.Errorf("%s: a duration up to %s, such as 5s", parameter, most)
	}
	return d, nil
}
