// Package board sums submissions up: who is how far, and which exercises are hard. It is a pure fold: the order of submissions does not
// matter, nor whether one comes twice.
package board

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/ddsctl/ddsctl/scenarios/class"
)

// Course is what there is to earn: labs and their exercises.
type Course struct {
	// Labs are in the order in which they are shown.
	Labs []Lab
	// Judged says what came of grading evidence anew, and false as long as that is not done. Nil where nobody does it.
	Judged func(lab, exercise, digest string) (class.Judgement, bool)
}

// Lab is one lab of the course.
type Lab struct {
	Slug      string
	Exercises []Exercise
}

// Exercise is one exercise of the course.
type Exercise struct {
	ID    string
	Worth int
}

func (c Course) lab(slug string) (Lab, bool) {
	i := slices.IndexFunc(c.Labs, func(l Lab) bool { return l.Slug == slug })
	if i < 0 {
		return Lab{}, false
	}
	return c.Labs[i], true
}

// worth is what an exercise is worth: what the course says, else what the student says.
func (c Course) worth(lab, id string, said int) int {
	if l, ok := c.lab(lab); ok {
		for _, e := range l.Exercises {
			if e.ID == id {
				return e.Worth
			}
		}
	}
	return said
}

// Board is the state of a class. The zero value is not usable; New makes one. It is not safe for concurrent use.
type Board struct {
	course      Course
	students    map[string]*student
	submissions int
	owners      map[string]map[string]bool // students by the digest of evidence that they have named
}

type student struct {
	class.Student
	there bool // joined and not removed
	last  time.Time
	seen  map[string]bool // keys of submissions
	labs  map[string]map[string]class.Exercise
	// evidence are all digests that were named.
	evidence map[string]bool
}

// New is the board of a class that nobody has joined.
func New(course Course) *Board {
	return &Board{course: course, students: map[string]*student{}, owners: map[string]map[string]bool{}}
}

func (b *Board) student(id string) *student {
	s := b.students[id]
	if s == nil {
		s = &student{seen: map[string]bool{}, labs: map[string]map[string]class.Exercise{}, evidence: map[string]bool{}}
		b.students[id] = s
	}
	return s
}

// Join puts a student on the board.
func (b *Board) Join(who class.Student) {
	s := b.student(who.ID)
	s.Student, s.there = who, true
}

// Leave takes a student off the board, with all that was submitted.
func (b *Board) Leave(id string) {
	if s := b.students[id]; s != nil {
		b.submissions -= len(s.seen)
		for digest := range s.evidence {
			delete(b.owners[digest], id)
		}
		delete(b.students, id)
	}
}

// Submit adds a submission. One that came before changes nothing.
func (b *Board) Submit(r class.Record) {
	s := b.student(r.Student)
	if s.seen[r.Key] {
		return
	}
	s.seen[r.Key] = true
	b.submissions++
	if r.Received.After(s.last) {
		s.last = r.Received
	}
	if s.labs[r.Lab] == nil {
		s.labs[r.Lab] = map[string]class.Exercise{}
	}
	for id, e := range r.Exercises {
		if e.Evidence != "" {
			s.evidence[e.Evidence] = true
			if b.owners[e.Evidence] == nil {
				b.owners[e.Evidence] = map[string]bool{}
			}
			b.owners[e.Evidence][r.Student] = true
		}
		e.Worth = b.course.worth(r.Lab, id, e.Worth)
		e.Points = min(e.Points, float64(e.Worth))
		s.labs[r.Lab][id] = class.Merge(s.labs[r.Lab][id], e)
	}
}

// Student is one that has joined.
func (b *Board) Student(id string) (class.Student, bool) {
	if s := b.students[id]; s != nil && s.there {
		return s.Student, true
	}
	return class.Student{}, false
}

// Row is a student on the roster. It is part of the contract of `class roster -o json`.
type Row struct {
	ID          string     `json:"id"`
	Name        string     `json:"name"`
	Joined      time.Time  `json:"joined"`
	Last        *time.Time `json:"last_submission,omitempty"`
	Submissions int        `json:"submissions"`
	Passed      int        `json:"passed"`
	Points      float64    `json:"points"`
	Worth       int        `json:"worth"`
	// Doubtful is how many of the passed exercises are not borne out by their evidence.
	Doubtful int        `json:"doubtful,omitempty"`
	Labs     []Progress `json:"labs"`
}

// Progress is how far a student is in a lab.
type Progress struct {
	Lab      string  `json:"lab"`
	Passed   int     `json:"passed"`
	Of       int     `json:"of"`
	Attempts int     `json:"attempts"`
	Points   float64 `json:"points"`
	Worth    int     `json:"worth"`
}

// Hard is an exercise and how the class fares with it.
type Hard struct {
	Lab      string  `json:"lab"`
	Exercise string  `json:"exercise"`
	Tried    int     `json:"tried"`  // students
	Passed   int     `json:"passed"` // students
	Attempts float64 `json:"attempts_mean"`
	Hints    float64 `json:"hints_mean"`
	Revealed int     `json:"revealed"` // students
	// Score is the share of those who tried and passed, drawn towards one half as long as few have tried (Laplace's rule).
	Score float64 `json:"score"`
}

// View is the class as it is shown.
type View struct {
	Students    []Row    `json:"students"`
	Labs        []string `json:"labs"`
	Hardest     []Hard   `json:"hardest"`
	Submissions int      `json:"submissions"`
}

// View sums the class up. Students are sorted by name, labs as in the course, the hardest exercise is first.
func (b *Board) View() View {
	v := View{Students: []Row{}, Labs: b.labs(), Hardest: b.hardest(), Submissions: b.submissions}
	for id := range b.students {
		if row, ok := b.row(id, v.Labs); ok {
			v.Students = append(v.Students, row)
		}
	}
	slices.SortFunc(v.Students, func(x, y Row) int {
		return cmp.Or(strings.Compare(class.Fold(x.Name), class.Fold(y.Name)), strings.Compare(x.ID, y.ID))
	})
	return v
}

// Row is one student's.
func (b *Board) Row(id string) (Row, bool) { return b.row(id, b.labs()) }

func (b *Board) row(id string, labs []string) (Row, bool) {
	s := b.students[id]
	if s == nil || !s.there {
		return Row{}, false
	}
	row := Row{ID: s.ID, Name: s.Name, Joined: s.Joined, Submissions: len(s.seen), Labs: []Progress{}}
	if !s.last.IsZero() {
		row.Last = &s.last
	}
	for _, slug := range labs {
		done := s.labs[slug]
		if done == nil {
			continue
		}
		p := Progress{Lab: slug}
		for id, e := range done {
			p.add(e)
			if b.judged(slug, id, e).Verdict.Doubtful() {
				row.Doubtful++
			}
		}
		if l, ok := b.course.lab(slug); ok {
			for _, e := range l.Exercises {
				if _, tried := done[e.ID]; !tried {
					p.Of++
					p.Worth += e.Worth
				}
			}
		}
		p.Points = cents(p.Points)
		row.Passed += p.Passed
		row.Points += p.Points
		row.Worth += p.Worth
		row.Labs = append(row.Labs, p)
	}
	row.Points = cents(row.Points)
	return row, true
}

func (p *Progress) add(e class.Exercise) {
	p.Of++
	p.Worth += e.Worth
	p.Points += e.Points
	p.Attempts += e.Attempts
	if e.Passed != nil {
		p.Passed++
	}
}

// labs are those that somebody has worked on, in the order of the course, then the others by name.
func (b *Board) labs() []string {
	found := map[string]bool{}
	for _, s := range b.students {
		if s.there {
			for slug := range s.labs {
				found[slug] = true
			}
		}
	}
	list := []string{}
	for _, l := range b.course.Labs {
		if found[l.Slug] {
			list = append(list, l.Slug)
			delete(found, l.Slug)
		}
	}
	return append(list, slices.Sorted(maps.Keys(found))...)
}

type exerciseID struct{ lab, id string }

func (b *Board) hardest() []Hard {
	sums := map[exerciseID]*Hard{}
	for _, s := range b.students {
		if !s.there {
			continue
		}
		for lab, done := range s.labs {
			for id, e := range done {
				if e.Attempts == 0 && e.Revealed == nil {
					continue
				}
				h := sums[exerciseID{lab, id}]
				if h == nil {
					h = &Hard{Lab: lab, Exercise: id}
					sums[exerciseID{lab, id}] = h
				}
				h.Tried++
				h.Attempts += float64(e.Attempts)
				h.Hints += float64(e.Hints)
				if e.Passed != nil {
					h.Passed++
				}
				if e.Revealed != nil {
					h.Revealed++
				}
			}
		}
	}
	list := []Hard{}
	for _, h := range sums {
		tried := float64(h.Tried)
		h.Attempts, h.Hints = cents(h.Attempts/tried), cents(h.Hints/tried)
		h.Score = cents((float64(h.Passed) + 1) / (tried + 2))
		list = append(list, *h)
	}
	slices.SortFunc(list, func(x, y Hard) int {
		return cmp.Or(cmp.Compare(x.Score, y.Score), cmp.Compare(y.Attempts, x.Attempts), cmp.Compare(y.Tried, x.Tried),
			strings.Compare(x.Lab, y.Lab), strings.Compare(x.Exercise, y.Exercise))
	})
	return list
}

func cents(v float64) float64 { return math.Round(v*100) / 100 }

// Size is how much a student has handed in.
type Size struct {
	Submissions, Exercises, Evidence int
}

// Size is how much a student has handed in, zero for one who is not there.
func (b *Board) Size(id string) Size {
	s := b.students[id]
	if s == nil {
		return Size{}
	}
	size := Size{Submissions: len(s.seen), Evidence: len(s.evidence)}
	for _, done := range s.labs {
		size.Exercises += len(done)
	}
	return size
}
