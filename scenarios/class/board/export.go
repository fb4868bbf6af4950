package board

import (
	"encoding/csv"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ddsctl/ddsctl/scenarios/class"
)

// Mark is one student's state in one exercise: a line of the export. It is part of the contract of `class export -o json`.
type Mark struct {
	Student  string     `json:"student"`
	Name     string     `json:"name"`
	Lab      string     `json:"lab"`
	Exercise string     `json:"exercise"`
	Points   float64    `json:"points"`
	Worth    int        `json:"worth"`
	Attempts int        `json:"attempts"`
	Hints    int        `json:"hints"`
	Passed   *time.Time `json:"passed,omitempty"`
	Revealed *time.Time `json:"revealed,omitempty"`
	Evidence string     `json:"evidence,omitempty"`
	// Judged says how far the evidence bears the mark out, and Why more about that; empty where nothing was passed.
	Judged class.Verdict `json:"judged,omitempty"`
	Why    string        `json:"why,omitempty"`
}

// Export is a class as marks.
type Export struct {
	// Time is when the marks were read.
	Time     time.Time `json:"time"`
	Students []Row     `json:"students"`
	Marks    []Mark    `json:"marks"`
	Hardest  []Hard    `json:"hardest"`
	// Submissions are the keys of all submissions, by student.
	Submissions map[string][]string `json:"submissions"`
}

// Export is the class as marks, at a time. Exercises that were not touched are not in it.
func (b *Board) Export(at time.Time) Export {
	v := b.View()
	out := Export{Time: at, Students: v.Students, Hardest: v.Hardest, Marks: []Mark{}, Submissions: map[string][]string{}}
	for _, row := range v.Students {
		s := b.students[row.ID]
		out.Submissions[row.ID] = slices.AppendSeq([]string{}, maps.Keys(s.seen))
		slices.Sort(out.Submissions[row.ID])
		for _, lab := range v.Labs {
			for _, id := range b.order(lab, s.labs[lab]) {
				e := s.labs[lab][id]
				j := b.judged(lab, id, e)
				out.Marks = append(out.Marks, Mark{Student: row.ID, Name: row.Name, Lab: lab, Exercise: id, Points: e.Points, Worth: e.Worth,
					Attempts: e.Attempts, Hints: e.Hints, Passed: e.Passed, Revealed: e.Revealed, Evidence: e.Evidence, Judged: j.Verdict, Why: j.Why})
			}
		}
	}
	return out
}

// order is the order of the course, then by name.
func (b *Board) order(lab string, done map[string]class.Exercise) []string {
	names := slices.Sorted(maps.Keys(done))
	l, _ := b.course.lab(lab)
	place := func(id string) int {
		if i := slices.IndexFunc(l.Exercises, func(e Exercise) bool { return e.ID == id }); i >= 0 {
			return i
		}
		return len(l.Exercises)
	}
	slices.SortStableFunc(names, func(x, y string) int { return place(x) - place(y) })
	return names
}

// CSV writes the marks, a line each.
func (e Export) CSV(w io.Writer) error {
	out := csv.NewWriter(w)
	_ = out.Write([]string{"student", "name", "lab", "exercise", "points", "worth", "attempts", "hints", "passed", "revealed", "evidence", "judged"})
	for _, m := range e.Marks {
		_ = out.Write([]string{cell(m.Student), cell(m.Name), cell(m.Lab), cell(m.Exercise), strconv.FormatFloat(m.Points, 'f', -1, 64), strconv.Itoa(m.Worth),
			strconv.Itoa(m.Attempts), strconv.Itoa(m.Hints), moment(m.Passed), moment(m.Revealed), m.Evidence, string(m.Judged)})
	}
	out.Flush()
	return out.Error()
}

// cell keeps a spreadsheet from taking what a student wrote for a formula.
func cell(text string) string {
	if strings.ContainsAny(text[:min(1, len(text))], "=+-@\t\r") {
		return "'" + text
	}
	return text
}

func moment(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
