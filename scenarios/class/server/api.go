package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/ddsctl/ddsctl/scenarios/class"
	"github.com/ddsctl/ddsctl/scenarios/class/board"
	"github.com/ddsctl/ddsctl/scenarios/class/secret"
	"github.com/ddsctl/ddsctl/scenarios/class/store"
)

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.home)
	mux.HandleFunc("GET /join", s.joinPage)
	mux.HandleFunc("GET /board", s.boardPart)
	mux.HandleFunc("GET /live", s.onlyInstructor("watch", s.watch))
	mux.HandleFunc("POST /login", s.login)
	mux.HandleFunc("POST /logout", s.logout)
	mux.HandleFunc("GET /static/{file}", s.static)

	mux.HandleFunc("GET /api/class", s.info)
	mux.HandleFunc("POST /api/join", s.join)
	mux.HandleFunc("GET /api/roster", s.onlyInstructor("roster", s.roster))
	mux.HandleFunc("GET /api/export", s.onlyInstructor("export", s.export))
	mux.HandleFunc("GET /api/backup", s.onlyInstructor("backup", s.backup))
	mux.HandleFunc("GET /api/students/{student}", s.readStudent)
	mux.HandleFunc("DELETE /api/students/{student}", s.onlyInstructor("remove", s.remove))
	mux.HandleFunc("POST /api/students/{student}/secret", s.onlyInstructor("reset", s.reset))
	mux.HandleFunc("PUT /api/students/{student}/submissions/{key}", s.submit)
	mux.HandleFunc("GET /api/students/{student}/evidence/{lab}/{exercise}/{digest}", s.evidence)
	// A browser that was led astray by another site must not act with the instructor's ticket.
	return s.guard(http.NewCrossOriginProtection().Handler(mux))
}

// policy keeps the page to itself: no script but its own file, no style in the text, nothing from elsewhere, no frame around it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if !s.address.take(address(r)) {
			s.busy(w)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

func (s *Server) answer(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value) // whoever asked may be gone
}

func (s *Server) fail(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(class.Failure{Error: text}) // whoever asked may be gone
}

func (s *Server) busy(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "1")
	s.fail(w, http.StatusTooManyRequests, "too many requests; try again in a second")
}

// broken answers what the store could not do. The client may try again with the same key: nothing was acknowledged.
func (s *Server) broken(w http.ResponseWriter, r *http.Request, e Entry, err error) {
	e.Outcome, e.Detail, e.Address = failed, err.Error(), address(r)
	s.audit.add(e)
	if r.Context().Err() == nil {
		s.errors.Printf("%s: %v", e.Action, err)
	}
	w.Header().Set("Retry-After", "2")
	s.fail(w, http.StatusServiceUnavailable, "the class cannot be written or read at the moment")
}

// deny refuses whoever could not prove who they are. Too many of these from one address are neither answered in detail nor logged.
func (s *Server) deny(w http.ResponseWriter, r *http.Request, e Entry, status int, text string) {
	if !s.failure.take(address(r)) {
		s.busy(w)
		return
	}
	e.Outcome, e.Address = refused, address(r)
	if e.Actor == "" {
		e.Actor = nobody
	}
	s.audit.add(e)
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	s.fail(w, status, text)
}

func bearer(r *http.Request) (string, bool) {
	scheme, token, found := strings.Cut(r.Header.Get("Authorization"), " ")
	return token, found && strings.EqualFold(scheme, "Bearer")
}

// instructor says whether a request is the instructor's: by token, or by the ticket of a browser that has logged in.
func (s *Server) instructor(r *http.Request) bool {
	kept := s.live.kept()
	if token, ok := bearer(r); ok {
		return kept.Instructor.Is(token)
	}
	ticket, err := r.Cookie(s.cookie())
	return err == nil && secret.Signed(kept.Tickets, ticket.Value, s.options.Now())
}

func (s *Server) onlyInstructor(action string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !s.instructor(r) {
			s.deny(w, r, Entry{Action: action, About: about(r)}, http.StatusUnauthorized, "this is for the instructor")
			return
		}
		next(w, r)
	}
}

// about is the student in a request's path, as far as it can be one.
func about(r *http.Request) string {
	if id := r.PathValue("student"); class.StudentID(id) {
		return id
	}
	return ""
}

// who is the student whose secret a request shows. A student's token is ID.SECRET.
func (s *Server) who(ctx context.Context, r *http.Request) (class.Student, bool, error) {
	token, ok := bearer(r)
	id, key, found := strings.Cut(token, ".")
	if !ok || !found || !class.StudentID(id) {
		return class.Student{}, false, nil
	}
	student, there := s.live.student(id)
	if !there { // joined a moment ago, perhaps at another server
		var err error
		student, err = s.store.Student(ctx, id)
		if err != nil && !errors.Is(err, store.ErrNoStudent) {
			return class.Student{}, false, err
		}
	}
	if !student.Secret.Is(key) {
		return class.Student{}, false, nil
	}
	return student, true, nil
}

// owner lets only the student through whose record a request is about, and the instructor where that is allowed. It answers whoever is
// refused; actor is "" then.
func (s *Server) owner(w http.ResponseWriter, r *http.Request, action string, instructorToo bool) (actor string) {
	e := Entry{Action: action, About: about(r), Actor: nobody}
	if instructorToo && s.instructor(r) {
		return instructor
	}
	student, known, err := s.who(r.Context(), r)
	switch {
	case err != nil:
		s.broken(w, r, e, err)
	case !known:
		s.deny(w, r, e, http.StatusUnauthorized, "join the class first: this needs your own secret")
	case student.ID != r.PathValue("student"):
		e.Actor = student.ID
		s.deny(w, r, e, http.StatusForbidden, "this is another student's record")
	default:
		return student.ID
	}
	return ""
}

func (s *Server) info(w http.ResponseWriter, _ *http.Request) {
	s.answer(w, class.Info{Class: s.live.kept().Name, Time: s.options.Now().UTC()})
}

// read decodes a request's body, strictly and bounded.
func read(w http.ResponseWriter, r *http.Request, most int64, into any) error {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, most))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("%w request: %w", class.ErrMalformed, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w request: there is more behind it", class.ErrMalformed)
	}
	return nil
}

func (s *Server) malformed(w http.ResponseWriter, r *http.Request, e Entry, err error) {
	status := http.StatusBadRequest
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		status = http.StatusRequestEntityTooLarge
	}
	e.Detail = "malformed" // what it says may hold anything, a token too
	s.deny(w, r, e, status, err.Error())
}

func (s *Server) join(w http.ResponseWriter, r *http.Request) {
	e := Entry{Action: "join", Actor: nobody}
	var asked class.JoinRequest
	if err := read(w, r, 4<<10, &asked); err != nil {
		s.malformed(w, r, e, errors.New("malformed request")) // the decoder's words may repeat what was sent
		return
	}
	if !s.live.kept().Join.Is(asked.Token) {
		s.deny(w, r, e, http.StatusUnauthorized, "the link is not (any more) one of this class")
		return
	}
	name, err := class.Name(asked.Name)
	if err != nil {
		s.malformed(w, r, e, err)
		return
	}
	key := secret.Token()
	student := class.Student{ID: secret.ID(), Name: name, Joined: s.options.Now().UTC(), Secret: secret.Hash(key)}
	switch err := s.store.Join(r.Context(), student); {
	case errors.Is(err, store.ErrNameTaken):
		e.Detail = name
		s.deny(w, r, e, http.StatusConflict, err.Error())
		return
	case err != nil:
		s.broken(w, r, e, err)
		return
	}
	s.audit.add(Entry{Action: "join", Actor: student.ID, Address: address(r), Outcome: done, About: student.ID, Detail: name})
	s.answer(w, class.Joined{Class: s.live.kept().Name, ID: student.ID, Name: name, Secret: key})
}

func (s *Server) submit(w http.ResponseWriter, r *http.Request) {
	id := s.owner(w, r, "submit", false)
	if id == "" {
		return
	}
	if !s.student.take(id) {
		s.busy(w)
		return
	}
	e := Entry{Action: "submit", Actor: id, About: id, Address: address(r)}
	var submission class.Submission
	err := read(w, r, class.MaxBody, &submission)
	if err == nil {
		err = submission.Check()
	}
	if err == nil && submission.Key != r.PathValue("key") {
		err = fmt.Errorf("%w request: the key in the path is another", class.ErrMalformed)
	}
	if err != nil {
		s.malformed(w, r, e, err)
		return
	}
	e.Detail = submission.Lab + " " + submission.Key
	if size := s.live.size(id); size.Submissions >= mostSubmissions || size.Exercises+len(submission.Exercises) > mostTouched || size.Evidence+len(submission.Evidence) > mostTouched {
		s.deny(w, r, e, http.StatusForbidden, "your record is full; ask your instructor")
		return
	}
	record, before, err := s.store.Submit(r.Context(), id, submission, s.options.Now().UTC().Truncate(time.Millisecond))
	switch {
	case errors.Is(err, store.ErrKeyUsed):
		s.deny(w, r, e, http.StatusConflict, err.Error())
		return
	case errors.Is(err, store.ErrNoStudent):
		s.deny(w, r, e, http.StatusUnauthorized, "you are not in this class any more")
		return
	case err != nil:
		s.broken(w, r, e, err)
		return
	}
	e.Outcome = done
	if before {
		e.Outcome = again
	}
	s.audit.add(e)
	s.answer(w, record.Receipt())
}

func (s *Server) readStudent(w http.ResponseWriter, r *http.Request) {
	actor := s.owner(w, r, "read", true)
	if actor == "" {
		return
	}
	// From the store, not from what the watch has told yet: whoever has just submitted sees it.
	one, id := board.New(s.options.Course), r.PathValue("student")
	if err := s.store.ReadStudent(r.Context(), id, fold(one)); err != nil {
		s.broken(w, r, Entry{Action: "read", Actor: actor, About: about(r)}, err)
		return
	}
	row, there := one.Row(id)
	if !there {
		s.fail(w, http.StatusNotFound, store.ErrNoStudent.Error())
		return
	}
	s.answer(w, row)
}

func (s *Server) evidence(w http.ResponseWriter, r *http.Request) {
	actor := s.owner(w, r, "evidence", true)
	if actor == "" {
		return
	}
	e := Entry{Action: "evidence", Actor: actor, About: about(r), Address: address(r)}
	compressed, err := s.store.Evidence(r.Context(), r.PathValue("student"), r.PathValue("lab"), r.PathValue("exercise"), r.PathValue("digest"))
	switch {
	case errors.Is(err, store.ErrNoEvidence):
		s.fail(w, http.StatusNotFound, err.Error())
		return
	case err != nil:
		s.broken(w, r, e, err)
		return
	}
	e.Outcome = done
	s.audit.add(e)
	w.Header().Set("Content-Type", "application/gzip")
	_, _ = w.Write(compressed) // whoever asked may be gone
}

func (s *Server) roster(w http.ResponseWriter, _ *http.Request) {
	view, _, _ := s.live.view()
	s.answer(w, view)
}

// fold puts what the store tells on a board.
func fold(b *board.Board) func(store.Change) {
	return func(c store.Change) {
		switch {
		case c.Joined != nil:
			b.Join(*c.Joined)
		case c.Submitted != nil:
			b.Submit(*c.Submitted)
		}
	}
}

// export reads the class from the store: what was acknowledged before the request is in the answer, whatever the watch has told yet.
func (s *Server) export(w http.ResponseWriter, r *http.Request) {
	e := Entry{Action: "export", Actor: instructor, Address: address(r), Outcome: done}
	whole := board.New(s.options.Course)
	if err := s.store.Read(r.Context(), fold(whole)); err != nil {
		s.broken(w, r, e, err)
		return
	}
	marks := whole.Export(s.options.Now().UTC())
	s.audit.add(e)
	switch r.FormValue("format") {
	case "", "json":
		w.Header().Set("Content-Disposition", `attachment; filename="class.json"`)
		s.answer(w, marks)
	case "csv":
		w.Header().Set("Content-Type", "text/csv; charset=utf-8")
		w.Header().Set("Content-Disposition", `attachment; filename="class.csv"`)
		_ = marks.CSV(w) // whoever asked may be gone
	default:
		s.fail(w, http.StatusBadRequest, "format is json or csv")
	}
}

func (s *Server) remove(w http.ResponseWriter, r *http.Request) {
	e := Entry{Action: "remove", Actor: instructor, About: about(r), Address: address(r), Outcome: done}
	switch err := s.store.Remove(r.Context(), r.PathValue("student")); {
	case errors.Is(err, store.ErrNoStudent):
		s.fail(w, http.StatusNotFound, err.Error())
	case err != nil:
		s.broken(w, r, e, err)
	default:
		s.audit.add(e)
		w.WriteHeader(http.StatusNoContent)
	}
}

// reset gives a student a new secret, which the instructor passes on.
func (s *Server) reset(w http.ResponseWriter, r *http.Request) {
	e := Entry{Action: "reset", Actor: instructor, About: about(r), Address: address(r), Outcome: done}
	id, key := r.PathValue("student"), secret.Token()
	switch err := s.store.Reset(r.Context(), id, secret.Hash(key)); {
	case errors.Is(err, store.ErrNoStudent):
		s.fail(w, http.StatusNotFound, err.Error())
		return
	case err != nil:
		s.broken(w, r, e, err)
		return
	}
	s.audit.add(e)
	name := ""
	if row, there := s.live.row(id); there {
		name = row.Name
	}
	s.answer(w, class.Joined{Class: s.live.kept().Name, ID: id, Name: name, Secret: key})
}

func (s *Server) backup(w http.ResponseWriter, r *http.Request) {
	e := Entry{Action: "backup", Actor: instructor, Address: address(r), Outcome: done}
	copied, err := s.store.Snapshot(r.Context())
	if err != nil {
		s.broken(w, r, e, err)
		return
	}
	defer func() { _ = copied.Close() }()
	flow := http.NewResponseController(w)
	_ = flow.SetReadDeadline(time.Time{})  // the request is read
	_ = flow.SetWriteDeadline(time.Time{}) // a large class takes its time; the reader's end ends it
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", `attachment; filename="class.db"`)
	if _, err := io.Copy(w, copied); err != nil {
		e.Outcome, e.Detail = failed, err.Error()
		s.audit.add(e)
		// The answer has begun: only a broken connection tells the client that it is not whole.
		panic(http.ErrAbortHandler)
	}
	s.audit.add(e)
}
