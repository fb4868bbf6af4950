package topz

import (
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"text/tabwriter"
)

// page is refreshed by the browser itself.
var page = template.Must(template.New("topz").Funcs(template.FuncMap{"percent": percent, "mebibytes": mebibytes}).Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="2"><title>topz</title>
<style>body{font:14px/1.5 monospace;margin:2em;color-scheme:light dark}td,th{padding:0 1em 0 0;text-align:right;white-space:nowrap}
td:last-child,th:last-child{text-align:left;white-space:normal}</style></head>
<body><h1>topz</h1><table><tr><th>PID</th><th>UID</th><th>CPU</th><th>MEMORY</th><th>THREADS</th><th>COMMAND</th></tr>
{{range .}}<tr><td>{{.PID}}</td><td>{{.UID}}</td><td>{{percent .}}</td><td>{{mebibytes .}}</td><td>{{.Threads}}</td><td>{{.Command}}</td></tr>
{{end}}</table></body></html>
`))

func percent(p Process) string   { return fmt.Sprintf("%.1f%%", 100*p.CPU) }
func mebibytes(p Process) string { return fmt.Sprintf("%.1f MiB", float64(p.Memory)/(1<<20)) }

// Handler serves what was read last: /topz as a page, /topz.txt as text, /topz.json as data.
func (s *Sampler) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if len(s.Processes()) == 0 {
			http.Error(w, "no process was read yet", http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /topz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = page.Execute(w, s.Processes())
	})
	mux.HandleFunc("GET /topz.txt", func(w http.ResponseWriter, _ *http.Request) {
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprint(table, "PID\tUID\tCPU\tMEMORY\tTHREADS\t  COMMAND\n")
		for _, p := range s.Processes() {
			fmt.Fprintf(table, "%d\t%d\t%s\t%s\t%d\t  %s\n", p.PID, p.UID, percent(p), mebibytes(p), p.Threads, p.Command)
		}
		_ = table.Flush()
	})
	mux.HandleFunc("GET /topz.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(s.Processes())
	})
	mux.Handle("GET /{$}", http.RedirectHandler("/topz", http.StatusFound))
	return mux
}
