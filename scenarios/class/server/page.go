package server

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"path"
	"strconv"
	"time"

	"github.com/ddsctl/ddsctl/scenarios/class/board"
	"github.com/ddsctl/ddsctl/scenarios/class/secret"
)

//go:embed page
var files embed.FS

// ticketLife is how long a browser stays logged in.
const ticketLife = 12 * time.Hour

const mostHard = 15 // exercises in the list of the hardest

var pages = template.Must(template.New("").Funcs(template.FuncMap{
	"points":  func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) },
	"percent": func(v float64) string { return fmt.Sprintf("%.0f %%", 100*v) },
	"stamp":   func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"clock":   func(t time.Time) string { return t.Local().Format("2 Jan 15:04:05") },
	"share": func(part, whole int) float64 {
		if whole == 0 {
			return 0
		}
		return float64(part) / float64(whole)
	},
}).ParseFS(files, "page/*.html"))

// shown is what the pages are made of.
type shown struct {
	Class    string
	JoinLink string
	Board    boardShown
	Problem  string
}

type boardShown struct {
	board.View
	Version uint64
	Stale   bool
	Rows    []rowShown
	Passed  int
	Active  int // students who have submitted something
}

// rowShown is a student with one cell a lab.
type rowShown struct {
	board.Row
	Cells []board.Progress // Of is 0 where the student has not begun
}

func (s *Server) boardShown() boardShown {
	view, version, stale := s.live.view()
	out := boardShown{View: view, Version: version, Stale: stale}
	for _, row := range view.Students {
		r := rowShown{Row: row, Cells: make([]board.Progress, len(view.Labs))}
		next := 0
		for i, lab := range view.Labs { // both in the same order
			if next < len(row.Labs) && row.Labs[next].Lab == lab {
				r.Cells[i] = row.Labs[next]
				next++
			}
		}
		out.Passed += row.Passed
		if row.Last != nil {
			out.Active++
		}
		out.Rows = append(out.Rows, r)
	}
	out.Hardest = out.Hardest[:min(mostHard, len(out.Hardest))]
	return out
}

func (s *Server) render(w http.ResponseWriter, status int, name string, data any) {
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name, data); err != nil {
		s.errors.Printf("draw %s: %v", name, err)
		s.fail(w, http.StatusInternalServerError, "the page cannot be drawn")
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // whoever asked may be gone
}

// home is the board for the instructor, and the way to become that for others.
func (s *Server) home(w http.ResponseWriter, r *http.Request) {
	data := shown{Class: s.live.kept().Name}
	if !s.instructor(r) {
		s.render(w, http.StatusOK, "login.html", data)
		return
	}
	data.JoinLink, data.Board = s.options.JoinLink, s.boardShown()
	s.render(w, http.StatusOK, "home.html", data)
}

// boardPart is the part of the page that changes.
func (s *Server) boardPart(w http.ResponseWriter, r *http.Request) {
	if !s.instructor(r) {
		s.fail(w, http.StatusUnauthorized, "this is for the instructor")
		return
	}
	s.render(w, http.StatusOK, "board.html", s.boardShown())
}

// joinPage tells a student who follows the link what to type. The token stays in the browser.
func (s *Server) joinPage(w http.ResponseWriter, _ *http.Request) {
	s.render(w, http.StatusOK, "join.html", shown{Class: s.live.kept().Name})
}

func (s *Server) cookie() string {
	if s.secure {
		return "__Host-class" // which browsers take only from this host and over TLS
	}
	return "class"
}

func (s *Server) setTicket(w http.ResponseWriter, value string, life int) {
	http.SetCookie(w, &http.Cookie{Name: s.cookie(), Value: value, Path: "/", MaxAge: life, Secure: s.secure, HttpOnly: true, SameSite: http.SameSiteStrictMode})
}

func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	kept := s.live.kept()
	if !kept.Instructor.Is(r.PostFormValue("token")) {
		if !s.failure.take(address(r)) {
			s.busy(w)
			return
		}
		s.audit.add(Entry{Action: "login", Actor: nobody, Address: address(r), Outcome: refused})
		s.render(w, http.StatusUnauthorized, "login.html", shown{Class: kept.Name, Problem: "That is not the instructor's token."})
		return
	}
	s.audit.add(Entry{Action: "login", Actor: instructor, Address: address(r), Outcome: done})
	s.setTicket(w, secret.Sign(kept.Tickets, s.options.Now().Add(ticketLife)), int(ticketLife/time.Second))
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (s *Server) logout(w http.ResponseWriter, r *http.Request) {
	s.setTicket(w, "", -1)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (s *Server) static(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	switch path.Ext(name) {
	case ".js", ".css", ".svg":
		http.ServeFileFS(w, r, files, "page/"+name)
	default:
		http.NotFound(w, r)
	}
}
