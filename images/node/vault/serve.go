package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ddsctl/ddsctl/images/node/serving"
)

// Handler is the vault's API.
func (v *Vault) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /use", v.serveUse)
	mux.HandleFunc("POST /reset", func(w http.ResponseWriter, _ *http.Request) {
		v.Reset()
		_, _ = fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /owners", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		out := json.NewEncoder(w)
		out.SetIndent("", "  ")
		_ = out.Encode(v.Summary())
	})
	mux.HandleFunc("GET /history", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		_ = v.WriteHistory(w)
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") })
	mux.Handle("GET /metrics", promhttp.HandlerFor(v.registry, promhttp.HandlerOpts{}))
	return mux
}

func (v *Vault) serveUse(w http.ResponseWriter, r *http.Request) {
	owner := r.URL.Query().Get("owner")
	token, err := strconv.ParseInt(r.URL.Query().Get("token"), 10, 64)
	if owner == "" || err != nil || token < 1 {
		http.Error(w, "owner and token are needed: /use?owner=NAME&token=NUMBER", http.StatusBadRequest)
		return
	}
	var old *StaleError
	if err := v.Use(owner, token); errors.As(err, &old) {
		http.Error(w, old.Error(), http.StatusPreconditionFailed)
		return
	}
	_, _ = fmt.Fprintln(w, "ok")
}

// Serve answers on listener until ctx ends.
func (v *Vault) Serve(ctx context.Context, listener net.Listener) error {
	return serving.HTTP(ctx, listener, v.Handler(), serving.Options{Cancel: true})
}
